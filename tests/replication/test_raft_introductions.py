"""Replicas say with which storage they are there, until the others have heard it."""

from __future__ import annotations

from coname.interfaces import ILogMembership
from coname.messages.raft_pb2 import RaftMessage
from coname.replication.raft_network import MakeNetwork
from tests.replication.engine_suite import until
from tests.replication.raft_case import RaftCase, TableNetwork


class LosingNetwork(TableNetwork):
    """Loses the first introduction to each peer, and nobody hears of it."""

    def send(self, peer: int, message: bytes) -> bool:
        if not RaftMessage.FromString(message).HasField("introduction") or peer in self.lost:
            return super().send(peer, message)
        self.lost.add(peer)
        return True

    lost: set[int]


class IntroductionTests(RaftCase):
    def network(self, own: int) -> MakeNetwork:
        def make(received: object, receiver: object) -> LosingNetwork:
            network = LosingNetwork(self.table, own, received, receiver)  # type: ignore[arg-type]
            network.lost = set()
            return network

        return make

    async def test_one_that_was_lost_is_said_again(self) -> None:
        logs = await self.make_logs(2)
        for log in logs:
            await log.start(0)
        members = ILogMembership(logs[0])
        self.assertFalse(members.members()[1].present)
        await until(lambda: members.members()[1].present, "the other one's introduction")
