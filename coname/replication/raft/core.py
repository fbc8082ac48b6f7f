"""One replica's part in the agreement on a log: what goes in, and what comes out of it.

`Core` takes time, messages, proposals and reports, and changes nothing but itself; `Core.ready` says what is to be done
about it. The rules of agreement are in the files beside this one; this one puts them together:

1. What is not promised in `Ready` is not done: no disk, no network, no clock.
2. An error that is raised is one of those that are declared. After `Corrupt`, this object is of no use.
3. After a replica was found to be restored from a backup, nothing goes in and nothing comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from coname.errors import TooLarge
from coname.messages.raft_pb2 import RaftMessage, RaftSnapshot
from coname.replication.raft.dispatch import Dispatch
from coname.replication.raft.elections import Elections
from coname.replication.raft.errors import ChangeRefused, ProposalRefused
from coname.replication.raft.following import Following
from coname.replication.raft.leadership import Leadership
from coname.replication.raft.log import RaftLog
from coname.replication.raft.membership import Change, Membership, Memberships, snapshot
from coname.replication.raft.node import Node
from coname.replication.raft.output import Output
from coname.replication.raft.progress import Progress
from coname.replication.raft.ready import Ready, Role
from coname.replication.raft.roll_call import RollCall
from coname.replication.raft.settings import MOST_ENTRIES, Settings
from coname.replication.raft.storage import IRaftStorage

if TYPE_CHECKING:
    import random


class Core:
    """See the module, and the package for how it is driven.

    :param applied: the newest entry whose effects the database holds; those after it are delivered.
    :param random: for election timeouts; a seed makes everything repeatable.
    :raises coname.errors.Corrupt: what is stored is damaged, or contradicts itself.
    :raises coname.replication.raft.errors.ChangeRefused: a stored membership is malformed.
    """

    leadership: Callable[[Node], Leadership] = Leadership
    elections: Callable[[Node, Callable[[Node], Leadership]], Elections] = Elections

    def __init__(self, settings: Settings, storage: IRaftStorage, applied: int, random: random.Random) -> None:
        log = RaftLog(storage, applied, settings.tail_bytes)
        memberships = _stored_memberships(storage, log)
        hard_state = storage.hard_state()
        self._node = node = Node(settings, log, memberships, hard_state, random)
        self._elections = type(self).elections(node, type(self).leadership)
        self._following = Following(node)
        self._roll_call = RollCall(node)
        self._output = Output(node, hard_state)
        self._dispatch = Dispatch(node, self._elections, self._following, self._roll_call)

    # what is in force

    @property
    def term(self) -> int:
        """The current term."""
        return self._node.term

    @property
    def role(self) -> Role:
        """What this replica is."""
        return self._node.role

    @property
    def leader(self) -> int:
        """The leader's id; 0: unknown."""
        return self._node.leader

    @property
    def membership(self) -> Membership:
        """Who takes part, committed or not."""
        return self._node.membership

    @property
    def membership_committed(self) -> bool:
        """Whether that can no longer be taken back."""
        return self._node.memberships.changed_at <= self._node.log.committed

    @property
    def membership_index(self) -> int:
        """The log entry that put it in force, or where the log begins, if that was before."""
        return self._node.memberships.changed_at

    @property
    def incarnation(self) -> int:
        """Of this replica's storage."""
        return self._node.settings.incarnation

    @property
    def log(self) -> RaftLog:
        """The log, to be looked at only."""
        return self._node.log

    @property
    def restored(self) -> str | None:
        """Why this replica is taken to be restored from a backup, and does nothing; None: it is not."""
        return self._node.restored

    @property
    def confirmed(self) -> bool:
        """Whether this replica may vote: enough others were asked what they remember of it."""
        return self._node.confirmed

    @property
    def peers(self) -> Mapping[int, Progress]:
        """A leader's view of the others, to be looked at only; empty for everybody else."""
        return self._node.leadership.feeding.peers if self._node.leadership else {}

    # what goes in

    def tick(self) -> None:
        """One unit of time has passed."""
        if self._node.restored:
            return
        self._roll_call.tick()
        if self._node.leadership:
            self._node.leadership.tick()
        else:
            self._elections.tick()

    def receive(self, message: RaftMessage) -> None:
        """Take a message. What is late, double or from an earlier term is ignored; an old leader is told the term.

        Senders that are no members here are listened to, as this replica's membership may be the older one; their
        answers are refused. That they are replicas at all, and the ones they say they are, is checked by whoever
        received the message.

        :raises MessageRefused: it is not for this replica, or cannot come from a peer that keeps the rules. Log,
            membership and vote are as they were.
        :raises coname.errors.Corrupt: stored data is damaged.
        """
        if not self._node.restored:
            self._dispatch.receive(message)

    def propose(self, data: bytes) -> None:
        """Ask for an entry. A follower passes it on to the leader, and nobody hears whether it gets there.

        :raises ProposalRefused: there is no leader, it hands over, or too much is waiting.
        :raises TooLarge: `data` is longer than an entry may be.
        """
        node = self._node
        if len(data) > node.settings.entry_bytes:
            raise TooLarge(f"an entry of {len(data)} bytes; {node.settings.entry_bytes} are the most")
        if node.leadership:
            node.leadership.propose(data)
            return
        if not node.leader or node.restored:
            raise ProposalRefused("there is no leader at the moment")
        self._output.forward(data)

    def propose_membership(self, change: Change) -> None:
        """Change who takes part, by one member. It is in force at once, and for good when it is committed.

        :raises ChangeRefused: it is not permitted, or not yet.
        :raises ProposalRefused: this replica does not lead, or hands over.
        """
        self._lead().propose_change(change)

    def transfer_leadership(self, to: int) -> None:
        """Let another voter lead. It is tried for an election timeout; `to` itself calls it off.

        :raises ChangeRefused: `to` is no voter.
        :raises ProposalRefused: this replica does not lead.
        """
        self._lead().hand_over(to)

    def report_unreachable(self, peer: int) -> None:
        """Messages to a peer were lost: do not count on what is on the way."""
        if self._node.leadership:
            self._node.leadership.feeding.unreachable(peer)

    # what was done

    def stored(self, number: int) -> None:
        """All that the `Ready` of that number, and those before, asked to store is durable."""
        node = self._node
        node.log.stored_up_to(number)
        for term, vote in self._output.stored(number):
            self._elections.stored(term, vote)
        if node.leadership:
            node.leadership.advance()

    def snapshot_message(self, to: int, index: int) -> RaftMessage:
        """What to send to a peer when it has all the bytes of a snapshot of the database as of entry `index`.

        :raises ProposalRefused: this replica leads no longer.
        :raises ChangeRefused: the log has not, or no longer, what is needed to describe that.
        """
        self._lead()
        node = self._node
        return RaftMessage(
            sender=node.id,
            recipient=to,
            incarnation=node.settings.incarnation,
            term=node.term,
            recollection=node.recollections.of(to),
            snapshot=self.describe(index),
        )

    def snapshot_sent(self, peer: int, index: int) -> None:
        """The snapshot that was wanted for a peer has arrived there, as of entry `index`; 0: it was not possible.

        Every peer in `Ready.snapshots` must be reported, sooner or later; until then it gets no entries.
        """
        if self._node.leadership:
            self._node.leadership.feeding.snapshot_sent(peer, index)

    def installed(self, installed: RaftSnapshot) -> None:
        """The snapshot that a `Ready` asked to install is the database now, and the log begins after it, durably."""
        if installed != self._node.installing:
            raise ChangeRefused("a snapshot was installed that was not asked for")
        self._following.installed(installed)

    def describe(self, index: int) -> RaftSnapshot:
        """Index, term and membership of an entry that was delivered: where a compacted log begins.

        :raises ChangeRefused: the entry was compacted, or not delivered yet.
        """
        log = self._node.log
        if not log.snapshot_index <= index <= log.delivered:
            raise ChangeRefused(
                f"entry {index} is not among those that were applied and are still there, {log.snapshot_index} to "
                f"{log.delivered}"
            )
        return snapshot(index, log.term(index) or 0, self._node.memberships.at(index))

    def compacted(self, start: RaftSnapshot) -> None:
        """The storage holds `start`, from `describe`, as where the log begins, and no longer the entries up to it."""
        if start.index > self._node.log.snapshot_index:
            self._node.log.compact(start.index, start.term)
            self._node.memberships.compacted(start.index)

    # what comes out

    def has_ready(self, deliver: bool = True) -> bool:
        """Whether `ready` would ask for anything. Taking one without need does no harm."""
        return self._output.has_ready(deliver)

    def ready(self, deliver: bool = True) -> Ready:
        """What is to be done. Whatever is in it is not in the next one.

        :param deliver: False: without committed entries, as whoever applies them has enough to do.
        :raises coname.errors.Corrupt: stored data is damaged.
        """
        return self._output.ready(deliver)

    def _lead(self) -> Leadership:
        if self._node.leadership is None:
            raise ProposalRefused(f"this replica does not lead; replica {self._node.leader} may")
        return self._node.leadership


def _stored_memberships(storage: IRaftStorage, log: RaftLog) -> Memberships:
    memberships = Memberships(storage.snapshot())
    index = log.first_index
    while index <= log.last_index:
        entries = log.entries(index, log.last_index, 1 << 20, MOST_ENTRIES)
        memberships.appended(entries)
        index += len(entries)
    return memberships
