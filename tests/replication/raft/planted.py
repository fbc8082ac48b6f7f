"""Cores with a mistake in them, which the tests must notice."""

from __future__ import annotations

import random
from dataclasses import replace

from coname.messages.raft_pb2 import RaftMessage
from coname.replication.raft import Core, IRaftStorage, Ready, Settings
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


class TrustsItsStorage(Core):
    """Whatever others recall, this replica takes its storage for what it was."""

    class NeverTooOld(OwnWord):
        def covers(self, recalled: object) -> bool:
            return True

    def __init__(self, settings: Settings, storage: IRaftStorage, applied: int, random: random.Random) -> None:
        super().__init__(settings, storage, applied, random)
        self._node.own_word = self.NeverTooOld(self.term, 0)
