"""What a leader knows of a follower's log, and how much it may send before it hears more.

=============  ======================================================================================================
probe          where the logs agree is not known: one append at a time, then wait for an answer or a heartbeat's answer
replicate      it is known: appends follow each other without waiting, up to a window
snapshot       what the follower lacks is compacted: nothing is appended until a snapshot has arrived
=============  ======================================================================================================
"""

from __future__ import annotations

import enum
from collections import deque


class Feed(enum.Enum):
    """How a follower is fed; see the module."""

    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


class Progress:
    """One follower, as one leader in one term sees it.

    :ivar match: the follower has stored the leader's log up to here.
    :ivar next: the next entry to send.
    :ivar active: the follower was heard from since activity was last counted.
    :ivar was_active: it was heard from before that, since activity was counted the time before.
    :ivar told: the commit index that was last sent in an append.
    :ivar nudged: the follower is there, and lacks something: send an append even if there is nothing new, so that it
        refuses it if one before was lost.
    :ivar lacking: an entry that the follower has said it has not, and that was not sent since; 0: none is known.
    :ivar waiting: in `PROBE`: an append is on the way.
    """

    __slots__ = (
        "_inflight",
        "_inflight_bytes",
        "_most",
        "_most_bytes",
        "active",
        "feed",
        "lacking",
        "match",
        "next",
        "nudged",
        "told",
        "waiting",
        "was_active",
    )

    def __init__(self, next_index: int, most_appends: int, most_bytes: int) -> None:
        self.feed = Feed.PROBE
        self.match = 0
        self.next = next_index
        self.active = self.was_active = False
        self.told = 0
        self.lacking = 0
        self.waiting = False
        self.nudged = False
        self._inflight: deque[tuple[int, int]] = deque()  # last index, bytes
        self._inflight_bytes = 0
        self._most = most_appends
        self._most_bytes = most_bytes

    def may_append(self) -> bool:
        """Whether an append may be sent now."""
        if self.feed is Feed.REPLICATE:
            return len(self._inflight) < self._most and self._inflight_bytes < self._most_bytes
        return self.feed is Feed.PROBE and not self.waiting

    def sent(self, last: int, size: int, told: int) -> None:
        """An append was sent with entries up to `last` (`next - 1`: with none) of `size` bytes."""
        self.told = told
        self.nudged = False
        if last >= self.lacking:
            self.lacking = 0
        if self.feed is Feed.PROBE:
            self.waiting = True
        elif last >= self.next:
            self.next = last + 1
            self._inflight.append((last, size))
            self._inflight_bytes += size

    def answered(self) -> None:
        """The follower answers heartbeats. If the window is full, what fills it may be lost: let one more be sent."""
        self.waiting = False
        if self._inflight and not self.may_append():
            self._inflight_bytes -= self._inflight.popleft()[1]

    def acknowledged(self, index: int) -> bool:
        """The follower has stored entries up to `index`; whether that is news."""
        while self._inflight and self._inflight[0][0] <= index:
            self._inflight_bytes -= self._inflight.popleft()[1]
        if index <= self.match:
            return False
        self.match = index
        self.next = max(self.next, index + 1)
        return True

    def probe(self) -> None:
        """Find out again where the logs agree."""
        self._enter(Feed.PROBE)
        self.next = self.match + 1

    def replicate(self) -> None:
        """The logs agree up to `match`."""
        self._enter(Feed.REPLICATE)
        self.next = self.match + 1

    def await_snapshot(self) -> None:
        """Nothing that the log still has would help."""
        self._enter(Feed.SNAPSHOT)

    def refused(self, index: int, next_index: int, lacking: int) -> bool:
        """The follower has not the entry `index`, after which entries were sent; whether that is news.

        :param next_index: where to try next. :param lacking: the oldest entry that it surely has not.
        """
        if index <= self.match:
            return False  # late; or the follower has lost what it acknowledged, and no entries are of any use to it
        if self.feed is Feed.REPLICATE:
            self.probe()
            return True
        if self.feed is Feed.SNAPSHOT or index != self.next - 1:
            return False
        self.next = max(min(index, next_index), self.match + 1)
        self.lacking = min(index, lacking)
        self.waiting = False
        return True

    def _enter(self, feed: Feed) -> None:
        self.feed = feed
        self.waiting = False
        self._inflight.clear()
        self._inflight_bytes = 0
