"""What a connection to a keyserver is to whoever follows it.

`coname.protocols.verifier_client` is the real one; tests bring their own, which breaks when they say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from coname.messages.client_pb2 import SignedEpochHead


class Link(Protocol):
    """One connection, and the stream of steps that was begun on it. When it breaks, it is closed and another made.

    :ivar up: whether the keyserver has answered on it.
    :ivar published: how many steps the keyserver had when it answered, if it said so.
    """

    up: bool
    published: int | None

    def read(self) -> Deferred[Sequence[bytes]]:
        """The next steps, at least one, in order. One call at a time.

        Fails with `Unreachable`, and says why, once the stream is broken and all its steps were handed out.
        """

    def push(self, signed: SignedEpochHead) -> Deferred[None]:
        """Give the keyserver a signature. Fires when it has taken it for good.

        Fails with `Refused` if it says that it never will, and with `Unavailable` if another attempt may succeed.
        """

    def close(self) -> Deferred[None]:
        """Let go of everything. What is under way fails with `Unreachable` or `Unavailable`."""
