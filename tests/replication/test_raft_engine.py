from __future__ import annotations

from twisted.internet.defer import gatherResults

from coname.interfaces import ILogReplicator
from tests.replication.engine_suite import ReplicasSuite, soon
from tests.replication.raft_case import RaftCase, TlsCase


class RaftEngineTests(RaftCase, ReplicasSuite):
    """A realm has as many replicas as a test asks for, mostly one."""


class AmongOthersTests(RaftCase, ReplicasSuite):
    """Every test's realm has three replicas at least, of which the test holds the first ones in hand."""

    least_replicas = 3

    async def make_logs(self, count: int) -> list[ILogReplicator]:
        logs = await super().make_logs(max(count, self.least_replicas))
        others = logs[count:]
        started = [log.start(0) for log in others]
        for log in others:
            self.drain(log)
        await soon(gatherResults(started))
        return logs[:count]

    def drain(self, log: ILogReplicator) -> None:
        """Apply whatever is committed."""
        log.waitCommitted().addCallbacks(lambda _: self.drain(log), lambda _: None)


class AmongFourOthersTests(AmongOthersTests):
    least_replicas = 5


class OverTlsTests(TlsCase, AmongOthersTests):
    """Three replicas, over real connections."""
