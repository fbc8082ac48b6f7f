"""Who waits for what: proposed steps for their turn in the log, and applied updates for their epoch's signatures."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

from coname.core.types import Epoch
from coname.errors import ConameError
from coname.messages.client_pb2 import QuorumExpr

Result = TypeVar("Result")

_Group = tuple[Epoch, bytes | None]


class StepWaiters(Generic[Result]):
    """Proposed steps, by UID. What they come to differs: an update, the epoch that will hold it."""

    def __init__(self) -> None:
        self._waiting: dict[int, Deferred[Result]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, uid: int) -> Deferred[Result]:
        """Fires with what the step came to, or fails with the rule it broke."""
        waiting: Deferred[Result] = Deferred(lambda _: self.forget(uid))
        self._waiting[uid] = waiting
        return waiting

    def forget(self, uid: int) -> None:
        """Nobody waits for the step any more."""
        self._waiting.pop(uid, None)

    def applied(self, uid: int, result: Result) -> None:
        """The step took effect."""
        waiting = self._waiting.pop(uid, None)
        if waiting is not None:
            waiting.callback(result)

    def rejected(self, uid: int, error: ConameError) -> None:
        """The step broke a rule."""
        waiting = self._waiting.pop(uid, None)
        if waiting is not None:
            waiting.errback(error)

    def fail_all(self, error: ConameError) -> None:
        """Nothing will be applied any more."""
        for uid in list(self._waiting):
            self.rejected(uid, error)


class RatificationWaiters:
    """Applied updates that wait until a quorum has signed their epoch, grouped by what they wait for."""

    def __init__(self) -> None:
        self._groups: dict[_Group, tuple[QuorumExpr | None, dict[Deferred[None], None]]] = {}

    def wait(self, epoch: Epoch, quorum: QuorumExpr | None) -> Deferred[None]:
        """Fires once `quorum` has signed `epoch` (None: once it is ratified)."""
        key = (epoch, None if quorum is None else quorum.SerializeToString())
        waiting: Deferred[None] = Deferred(lambda waiter: self._forget(key, waiter))
        self._groups.setdefault(key, (quorum, {}))[1][waiting] = None
        return waiting

    def release(self, satisfied: Callable[[Epoch, QuorumExpr | None], bool]) -> Generator[None, None, None]:
        """Fire everybody whose epoch is `satisfied` now; yields after each, so that thousands can take turns."""
        for key, (quorum, waiting) in list(self._groups.items()):
            if not satisfied(key[0], quorum):
                yield
                continue
            self._groups.pop(key, None)
            for deferred in waiting:
                if not deferred.called:
                    deferred.callback(None)
                yield

    def fail_all(self, error: ConameError) -> None:
        """Nothing will be ratified any more."""
        groups, self._groups = self._groups, {}
        for _, waiting in groups.values():
            for deferred in waiting:
                if not deferred.called:
                    deferred.errback(error)

    def _forget(self, key: _Group, waiter: Deferred[None]) -> None:
        group = self._groups.get(key)
        if group is None:
            return
        group[1].pop(waiter, None)
        if not group[1]:
            del self._groups[key]
