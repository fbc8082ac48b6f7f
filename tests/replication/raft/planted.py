"""Cores with a mistake in them, which the tests must notice."""

from __future__ import annotations

import random
from collections.abc import Iterable
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


class CountsLearners(Core):
    """An entry is committed when as many members have it as are a majority of the voters, learners or not."""

    class leadership(Leadership):
        def _agreed(self) -> int:
            return _that_many_have(self, self._node.membership.ids)


class CountsItselfWhenRemoved(Core):
    """A leader that removes itself still counts its own copy."""

    class leadership(Leadership):
        def _agreed(self) -> int:
            return _that_many_have(self, {*self._node.membership.voters, self._node.id})


def _that_many_have(leadership: Leadership, members: Iterable[int]) -> int:
    node = leadership._node
    acknowledged = {peer: progress.match for peer, progress in leadership.feeding.peers.items()}
    acknowledged[node.id] = node.log.stored
    return sorted((acknowledged.get(member, 0) for member in members), reverse=True)[node.membership.majority - 1]


class CountsLearnersVotes(Core):
    """Learners are asked for their votes, each of which counts as that of a voter who has not answered."""

    class elections(Elections):
        def _ask(self, *, trial: bool, forced: bool) -> None:
            super()._ask(trial=trial, forced=forced)
            if self._node.messages_after:
                asked = self._node.messages_after[-1]
                for learner in self._node.membership.learners:
                    self._node.send(learner, vote_request=asked.vote_request)

        def _count(self, voter: int, granted: bool) -> None:
            membership = self._node.membership
            missing = [other for other in membership.voters if other not in self._votes]
            if granted and voter in membership.learners and missing:
                voter = missing[0]
            super()._count(voter, granted)


class CountsVotesOfRemoved(Core):
    """Who was a member once is asked for its vote, which counts as that of a voter who has not answered."""

    class elections(Elections):
        def _ask(self, *, trial: bool, forced: bool) -> None:
            super()._ask(trial=trial, forced=forced)
            if self._node.messages_after:
                asked = self._node.messages_after[-1]
                for other in self._removed():
                    self._node.send(other, vote_request=asked.vote_request)

        def _removed(self) -> set[int]:
            ever = {id for _, membership in self._node.memberships._history for id in membership.ids}
            return ever - set(self._node.membership.ids)

        def _count(self, voter: int, granted: bool) -> None:
            missing = [other for other in self._node.membership.voters if other not in self._votes]
            if granted and voter in self._removed() and missing:
                voter = missing[0]
            super()._count(voter, granted)

    def receive(self, message: RaftMessage) -> None:
        if message.HasField("vote_answer") and message.sender not in self.membership:
            self._elections.answered(message)
            return
        super().receive(message)


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
