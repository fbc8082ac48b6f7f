"""Cores with a mistake in them, which the tests must notice."""

from __future__ import annotations

from dataclasses import replace

from coname.messages.raft_pb2 import RaftHardState, RaftMessage
from coname.replication.raft import Core, Ready
from coname.replication.raft.elections import Elections
from coname.replication.raft.leadership import Leadership
from coname.replication.raft.recollection import OwnWord


class VoteNotSynced(Core):
    """A vote is written, but not waited for."""

    def ready(self, deliver: bool = True) -> Ready:
        ready = super().ready(deliver)
        return replace(ready, must_sync=bool(ready.entries))


class MessagesBeforeTheWrite(Core):
    """What is acknowledged is not durable yet."""

    def ready(self, deliver: bool = True) -> Ready:
        ready = super().ready(deliver)
        return replace(ready, messages=[*ready.messages, *ready.messages_after], messages_after=[])


class CommitsOlderTerms(Core):
    """An entry of an older term is committed as soon as a majority has it (Raft, figure 8)."""

    class leadership(Leadership):
        def _may_commit(self, index: int) -> bool:
            return True


class ChangesTwoAtOnce(Core):
    """A change of membership does not wait for the one before, or for the leader's own term."""

    class leadership(Leadership):
        def _check_turn(self) -> None:
            pass


class CountsItsUnstoredEntries(Core):
    """A leader takes its own copy for granted."""

    class leadership(Leadership):
        def advance(self) -> None:
            log = self._node.log
            stored, log.stored = log.stored, log.last_index
            super().advance()
            log.stored = stored


class VotesForOlderLogs(Core):
    """A candidate's log is not compared."""

    class elections(Elections):
        def _is_fit(self, request: object) -> bool:
            return True


class VotesTwice(Core):
    """A vote is forgotten when the next candidate asks."""

    class elections(Elections):
        def requested(self, message: RaftMessage) -> None:
            self._node.vote = 0
            super().requested(message)


class NeverTooOld(OwnWord):
    """Whatever others recall, it was said here."""

    def covers(self, recalled: object) -> bool:
        return True


def trusting(hard_state: RaftHardState) -> NeverTooOld:
    """The word of a replica that does not listen to what others recall."""
    return NeverTooOld(hard_state.term, 0)
