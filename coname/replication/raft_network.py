"""What the Raft engine needs of a network between replicas; `coname.protocols.replication_pb` has one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred

from coname.interfaces import AnswerRequest, ITransferReader, ITransferReceiver, Refusal


class ReplicaNetwork(Protocol):
    """Carries messages and transfers between this replica and others, and knows who speaks."""

    def startService(self) -> None:
        """Listen, and connect to the others."""

    def stopService(self) -> Deferred[None] | None:
        """Listen no more, and end all connections."""

    def send(self, peer: int, message: bytes) -> bool:
        """Whether `message` will be sent, unless the connection breaks before."""

    def connected(self, peer: int) -> bool:
        """Whether messages to `peer` have a connection to go over."""

    def places(self) -> Collection[int]:
        """The peers."""

    def set_places(self, places: Mapping[int, str], keep: Collection[int]) -> None:
        """From now on these are the peers, each at ``host:port``, and those of `keep` that are peers already. This
        replica itself may be among them."""

    def refusal(self, peer: int) -> Refusal | None:
        """Why `peer` turned this replica away the last time; None if it did not, or has welcomed it since."""

    def set_answerer(self, answer: AnswerRequest) -> None:
        """Who answers what operators ask over this network."""

    def onConnectionChange(self, listener: Callable[[int, bool], None]) -> None:
        """Call `listener` in the reactor with a peer, and whether it is connected, whenever that changes."""

    def offer(self, peer: int, transfer: int, reader: ITransferReader) -> Deferred[None]:
        """Send a blob. Fires when `peer` has it whole; cancel it to give up. Broken connections do not end it."""


MakeNetwork = Callable[[Callable[[int, bytes], None], ITransferReceiver], ReplicaNetwork]
"""A network, not started, that hands each message on with its sender, and what is offered to the receiver."""
