"""How a leader brings its log to the others.

Rules of this file (Raft, section 5.3; Ongaro's dissertation, section 10.2.1):

1. Appends are made when a `Ready` is taken, so that what was proposed until then shares them.
2. How much may be on the way to each follower is bounded; what answers says where to go on, or back, by whole terms.
3. A heartbeat says that entries are committed only as far as the follower is known to have them.
4. Whoever lacks entries that are compacted needs a snapshot, which is asked for once it is known to be there. That it
   lacks them, it has said itself: an acknowledgement that got lost makes nobody need one, who would not take it.
"""

from __future__ import annotations

from collections.abc import Mapping

from coname.messages.raft_pb2 import RaftAppend, RaftHeartbeat, RaftMessage
from coname.replication.raft.errors import Compacted, MessageRefused
from coname.replication.raft.log import size
from coname.replication.raft.node import Node
from coname.replication.raft.progress import Feed, Progress
from coname.replication.raft.settings import MOST_ENTRIES


class Feeding:
    """The other members, as one leader in one term feeds them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._peers: dict[int, Progress] = {}
        self.adjust()

    @property
    def peers(self) -> Mapping[int, Progress]:
        """How far the others are."""
        return self._peers

    def adjust(self) -> None:
        """Feed the members, and nobody else."""
        node, settings = self._node, self._node.settings
        wanted = [peer for peer in node.membership.ids if peer != node.id]
        for peer in wanted:
            if peer not in self._peers:
                next_index = node.log.last_index + 1
                self._peers[peer] = Progress(next_index, settings.inflight_appends, settings.inflight_bytes)
        self._peers = {peer: self._peers[peer] for peer in wanted}

    def count_active(self) -> list[int]:
        """Who was heard from since this was last asked."""
        active = [peer for peer, progress in self._peers.items() if progress.active]
        for progress in self._peers.values():
            progress.was_active, progress.active = progress.active, False
        return active

    def lately_active(self) -> list[int]:
        """Who was heard from within the last one or two election timeouts."""
        return [peer for peer, progress in self._peers.items() if progress.active or progress.was_active]

    # sending

    def heartbeat(self) -> None:
        """Let everybody hear from the leader."""
        stored = self._stored()
        for peer, progress in self._peers.items():
            committed = min(progress.match, self._node.log.committed)
            self._node.send(peer, at_once=True, heartbeat=RaftHeartbeat(committed=committed, stored=stored))

    def _stored(self) -> int:
        """How much the leader has stored itself, which it herewith says."""
        node = self._node
        node.own_word.acknowledged(node.term, node.log.stored)
        return node.log.stored

    def feed(self) -> None:
        """Send each follower what it lacks and may be sent."""
        for peer, progress in self._peers.items():
            while progress.may_append() and self._is_due(progress):
                self._send_append(peer, progress)

    def has_to_feed(self) -> bool:
        """Whether `feed` would do anything."""
        return any(progress.may_append() and self._is_due(progress) for progress in self._peers.values())

    def _is_due(self, progress: Progress) -> bool:
        log = self._node.log
        return progress.next <= log.last_index or progress.told < log.committed or progress.nudged

    def _send_append(self, peer: int, progress: Progress) -> None:
        log, settings = self._node.log, self._node.settings
        previous = progress.next - 1
        try:
            previous_term = log.term(previous)
            entries = log.entries(progress.next, log.last_index, settings.append_bytes, MOST_ENTRIES)
        except Compacted:
            self._lacks_compacted(peer, progress)
            return
        append = RaftAppend(
            previous_index=previous,
            previous_term=previous_term,
            entries=entries,
            committed=log.committed,
            stored=self._stored(),
        )
        self._node.send(peer, at_once=True, append=append)
        progress.sent(previous + len(entries), sum(map(size, entries)), log.committed)

    def _lacks_compacted(self, peer: int, progress: Progress) -> None:
        """What a follower was last known to lack is compacted. It may have it by now: what it said may be lost."""
        begin = self._node.log.snapshot_index
        if 0 < progress.lacking <= begin:
            self._need_snapshot(peer, progress)
            return
        progress.probe()
        progress.next = begin + 1
        self._send_append(peer, progress)

    def _need_snapshot(self, peer: int, progress: Progress) -> None:
        if progress.active:
            progress.await_snapshot()
            self._node.snapshots.append(peer)
        else:
            progress.probe()
            progress.waiting = True

    def snapshot_sent(self, peer: int, index: int) -> None:
        """A snapshot was delivered (the follower's acknowledgement may still come), or could not be: index 0."""
        progress = self._peers.get(peer)
        if progress is not None and progress.feed is Feed.SNAPSHOT:
            progress.probe()
            progress.lacking = 0
            progress.next = max(progress.match, index) + 1
            progress.waiting = True

    def unreachable(self, peer: int) -> None:
        """What was sent to a peer lately did not get there."""
        progress = self._peers.get(peer)
        if progress is not None and progress.feed is Feed.REPLICATE:
            progress.probe()

    # what they answer

    def append_answered(self, message: RaftMessage) -> bool:
        """A follower has stored entries, which may be news, or lacks what they follow.

        :raises MessageRefused: it has stored what was never sent, or is no member.
        """
        log, answer = self._node.log, message.append_answer
        progress = self._progress(message)
        if answer.refused:
            self._refused(progress, answer.index, answer.hint_index, answer.hint_term)
            return False
        if answer.index > log.last_index:
            raise MessageRefused(
                f"replica {message.sender} acknowledges entry {answer.index}; the newest is entry {log.last_index}"
            )
        self._node.recollections.acknowledged(message.sender, message.incarnation, self._node.term, answer.index)
        news = progress.acknowledged(answer.index)
        if self._is_found(progress, answer.index):
            progress.replicate()
        return news

    def _is_found(self, progress: Progress, index: int) -> bool:
        """Whether it is known now from where on the follower is to be fed."""
        if progress.feed is Feed.SNAPSHOT:
            return progress.match >= self._node.log.snapshot_index
        return progress.feed is Feed.PROBE and index >= progress.match

    def _refused(self, progress: Progress, index: int, hint_index: int, hint_term: int) -> None:
        log = self._node.log
        common = hint_index
        if hint_index >= log.snapshot_index:
            common, _ = log.newest_not_after(hint_index, hint_term)
        progress.refused(index, common + 1, hint_index + 1)

    def heartbeat_answered(self, message: RaftMessage) -> None:
        """A follower is there: what it lacks can be sent again.

        :raises MessageRefused: it is no member.
        """
        progress = self._progress(message)
        progress.answered()
        progress.nudged = progress.match < self._node.log.last_index

    def _progress(self, message: RaftMessage) -> Progress:
        progress = self._peers.get(message.sender)
        if progress is None:
            raise MessageRefused(f"replica {message.sender} answers, and is no member")
        progress.active = True
        return progress
