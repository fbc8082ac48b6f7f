"""A store around another one, for tests: it tells what is written in which order, and fails where it is told to.

Events, each a tuple, in the order in which they happen:

- ``("write", writes, sync)``: `write` was called;
- ``("durable", n)``: the first `n` calls of `write` have become durable, since a synced one has returned;
- ``("failed", n)``: the n-th call of `write` was reported as failed.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from coname.errors import Corrupt, Unavailable
from coname.interfaces import IKeyValueStore, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Event = tuple[Any, ...]


class Fault(enum.Enum):
    """What goes wrong with a write."""

    FAIL = "nothing is stored, and that is reported"
    LOSE = "nothing is stored, and the caller is told that it was: a disk that lies"
    KEEP = "it is stored, and the caller is told that it failed"


@implementer(IKeyValueStore)
class TracingStore:
    """`IKeyValueStore` that passes everything on to `inner`.

    :param trace: a list that events are appended to, or a function that is called with each.
    """

    def __init__(self, inner: IKeyValueStore, trace: list[Event] | Callable[[Event], object]) -> None:
        self.inner = inner
        self.writes = 0  # calls of `write` so far
        self._tell: Callable[[Event], object] = trace.append if isinstance(trace, list) else trace
        self._faults: dict[int, tuple[Fault, bool]] = {}
        self._crashed = False

    def fail_at(self, nth: int, fault: Fault, crash: bool = False) -> None:
        """Let the `nth` call of `write` from now on (1: the next) go wrong.

        :param crash: nothing works after it, as if the process had died there.
        """
        self._faults[self.writes + nth] = (fault, crash)

    def get(self, key: bytes) -> bytes | None:
        """See `IKeyValueStore`."""
        self._check_alive()
        return self.inner.get(key)

    def iterate(self, start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """See `IKeyValueStore`."""
        self._check_alive()
        return self.inner.iterate(start, stop, reverse)

    def write(self, writes: Sequence[Write], sync: bool) -> None:
        """See `IKeyValueStore`.

        :raises Corrupt: a fault that was asked for.
        """
        self._check_alive()
        self.writes += 1
        number = self.writes
        self._tell(("write", list(writes), sync))
        fault, self._crashed = self._faults.pop(number, (None, False))
        if fault in (None, Fault.KEEP):
            self.inner.write(writes, sync)
        if fault in (Fault.FAIL, Fault.KEEP):
            self._tell(("failed", number))
            raise Corrupt(f"write {number} failed, as the test wants: {fault.value}" if fault else "")
        if sync:
            self._tell(("durable", number))

    def close(self) -> None:
        """See `IKeyValueStore`."""
        self.inner.close()

    def _check_alive(self) -> None:
        if self._crashed:
            raise Unavailable("the process died at an earlier write, as the test wants")
