"""Proposals on their way into the core, in order.

Without a leader, or while too much waits for a majority, they wait here, for as long as an election may take; after
that, whoever proposed is told that the log does not take entries. Nobody is ever promised that an entry is committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from coname.errors import Overloaded, TooLarge, Unavailable
from coname.replication.raft import ProposalRefused

MOST_BYTES = 64 << 20
"""That wait here."""

FORWARD_SECONDS = 0.005
"""How long a proposer waits after an entry was passed on to the leader, so that what comes meanwhile shares the next
one. About what the leader needs to write one."""


class _Waiting:
    __slots__ = ("data", "since", "taken")

    def __init__(self, data: bytes, since: float) -> None:
        self.data = data
        self.since = since
        self.taken: Deferred[None] = Deferred()


class Proposals:
    """See the module.

    :param patience: seconds that a proposal may wait.
    """

    def __init__(self, clock: IReactorTime, patience: float) -> None:
        self._clock = clock
        self._patience = patience
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._given: list[Deferred[None]] = []
        self._storing: set[Deferred[None]] = set()

    def add(self, data: bytes) -> Deferred[None]:
        """Let `data` wait for its turn. Fires when it is stored here, or passed on."""
        if self._bytes + len(data) > MOST_BYTES and self._waiting:
            return fail(Overloaded(f"{self._bytes} bytes of proposals wait for a leader"))
        waiting = _Waiting(data, self._clock.seconds())
        self._waiting.append(waiting)
        self._bytes += len(data)
        return waiting.taken

    def give(self, propose: Callable[[bytes], None]) -> None:
        """Call `propose` with each in turn, until it refuses one with `ProposalRefused`."""
        while self._waiting:
            first = self._waiting[0]
            try:
                propose(first.data)
            except ProposalRefused:
                return
            except TooLarge as error:
                self._pop()
                _settle([first.taken], error)
            else:
                self._pop()
                self._given.append(first.taken)

    def given(self) -> list[Deferred[None]]:
        """Those that were given since this was last asked; for `stored`."""
        given, self._given = self._given, []
        self._storing.update(given)
        return given

    def stored(self, given: Iterable[Deferred[None]]) -> None:
        """They are in the log here."""
        self._storing.difference_update(given)
        _settle(given, None)

    def passed_on(self) -> None:
        """Those that were given are on the way to the leader."""
        given = self.given()
        if given:
            self._clock.callLater(FORWARD_SECONDS, self.stored, given)

    def expire(self) -> None:
        """Give up those that have waited too long."""
        until = self._clock.seconds() - self._patience
        while self._waiting and self._waiting[0].since <= until:
            self._fail_first(Unavailable("the replicas have no leader at the moment"))

    def end(self, reason: str) -> None:
        """Fail all of them; what becomes of those that were given is not known."""
        error = Unavailable(reason)
        while self._waiting:
            self._fail_first(error)
        self.given()
        storing, self._storing = self._storing, set()
        _settle(storing, error)

    def _fail_first(self, error: Unavailable) -> None:
        _settle([self._pop().taken], error)

    def _pop(self) -> _Waiting:
        first = self._waiting.popleft()
        self._bytes -= len(first.data)
        return first


def _settle(taken: Iterable[Deferred[None]], error: Exception | None) -> None:
    """Whoever cancelled does not listen any more."""
    for one in taken:
        if one.called:
            continue
        if error is None:
            one.callback(None)
        else:
            one.errback(error)
