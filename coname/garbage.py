"""How often the process looks for cyclic garbage: seldom, since a keyserver makes next to none.

Python looks through all young objects after each 700 that were made and kept, and through all objects from time to
time. Thousands of updates that wait for their epoch are as many hundred thousands of objects, none of them garbage:
with Python's numbers a sixth of the processor goes into looking at them, in pauses of tens of milliseconds.
"""

from __future__ import annotations

import gc

YOUNG = 50_000
"""Objects kept since the last look, before the next: some 10 MB, and a pause of a few milliseconds."""

MIDDLE, OLD = 20, 100
"""Looks at the younger generation for one at the next older. What cycles there are (a failed request's traceback, a
closed connection) is thus found within a few minutes of load."""


def calm() -> None:
    """Called once everything is loaded: what is here now stays, and need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
