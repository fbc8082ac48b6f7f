"""The records of somebody who begins anew: nothing that was remembered counts, but what proves a contradiction stays.

A contradiction that is found on the way is worth keeping where all the others are, for `coname judge`; what leads
there is not, as it would be in the way of whoever remembers more.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from zope.interface import implementer

from coname.client.interfaces import IRecords
from coname.client.records import MemoryRecords

SHELVES = ("evidence", "contradictions")
"""What stays, by the second part of its name (`coname.client.state`)."""


@implementer(IRecords)
class FreshRecords:
    """See above.

    :param kept: where contradictions go, with those that are there.
    """

    def __init__(self, kept: IRecords) -> None:
        self._memory = MemoryRecords()
        self._kept = kept

    def read(self, name: str) -> bytes | None:
        """See `IRecords`."""
        return self._place(name).read(name)

    def write(self, name: str, data: bytes) -> None:
        """See `IRecords`."""
        self._place(name).write(name, data)

    def acquire(self, name: str) -> AbstractContextManager[None] | None:
        """See `IRecords`. It keeps out nobody who writes to the shelves; they hold no two things of one name, and what
        is lost at worst is the count of how many there are."""
        return self._memory.acquire(name)

    def where(self, name: str) -> str:
        """See `IRecords`."""
        return self._place(name).where(name)

    def _place(self, name: str) -> IRecords:
        shelf = name.split("/")[1:2]
        return self._kept if shelf and shelf[0] in SHELVES else self._memory
