"""What the client library needs from its surroundings. Nothing here imports Twisted or asyncio.

"Awaitable" is what the program's framework awaits: a Deferred after ``txaio.use_twisted()``, a future or a coroutine
after ``txaio.use_asyncio()``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from zope.interface import Interface

if TYPE_CHECKING:
    from coname.client.identity import Identity
    from coname.messages.client_pb2 import (
        LookupProof,
        LookupRequest,
        PolicyChanges,
        PolicyChangesRequest,
        UpdateRequest,
    )


class ITransport(Interface):
    """The way to one realm's server. It decodes and delivers; it trusts and checks nothing of what it delivers."""

    def lookup(request: LookupRequest) -> Awaitable[LookupProof]:
        """Ask.

        Fails with `coname.errors.Unreachable` (no answer), `coname.errors.ProofInvalid` (an answer that is not a
        proof at all), or the error that the server named (see `coname.client.transports.refusals`).
        """

    def update(request: UpdateRequest) -> Awaitable[LookupProof]:
        """Send an update, and wait for the proof that it is in force. Fails as `lookup` does; after `Unreachable`,
        `Unavailable` and `TimedOut` the update may have taken effect all the same."""

    def policy_changes(request: PolicyChangesRequest) -> Awaitable[PolicyChanges]:
        """Ask for changes of the replicas' policy. A server that knows no such question, as the original's, has none.
        Fails as `lookup` does."""

    def close() -> Awaitable[None]:
        """Let go of connections. Called once, last."""


class IRecords(Interface):
    """A few named records that outlive the program; see `coname.client.state`."""

    def read(name: str) -> bytes | None:
        """The record, or None if there is none.

        :raises coname.errors.Corrupt: it is there and cannot be read.
        """

    def write(name: str, data: bytes) -> None:
        """Replace the record, durably and whole."""

    def acquire(name: str) -> AbstractContextManager[None] | None:
        """The sole right to read and write the records whose names begin with `name`, until the context is left;
        None if somebody else has it now. Never waits."""

    def where(name: str) -> str:
        """What to call the record in a message to a person: a path, where there is one."""


class IIdentityStore(Interface):
    """Where one address's signing keys are kept."""

    def load() -> Identity | None:
        """The identity, or None if none was ever saved.

        :raises coname.errors.Corrupt: it is there and cannot be read.
        """

    def save(identity: Identity) -> None:
        """Replace it; durable when this returns."""
