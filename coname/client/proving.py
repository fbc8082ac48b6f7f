"""Proving that an address is yours, from the client's side: what is to be proved, and who can do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from coname.messages.client_pb2 import EmailProof
from coname.messages.config_pb2 import RealmConfig


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be proved: that whoever owns `address` registers `entry`.

    :ivar address: in canonical form.
    :ivar entry: the encoded Entry as it will be sent; it is in the identity store already, and stays as it is.
    :ivar realm: in which.
    """

    address: str
    entry: bytes
    realm: RealmConfig


Prove = Callable[[Claim], Awaitable[EmailProof]]
"""Called once the server asks for a proof. May take as long as a person takes. Fails with a `ConameError`."""
