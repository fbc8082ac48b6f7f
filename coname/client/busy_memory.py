"""Waiting for a memory that another program is writing."""

from __future__ import annotations

from collections.abc import Callable

from coname.client.framework import framework
from coname.errors import Unavailable
from coname.messages.config_pb2 import RealmConfig

BUSY_TRIES, BUSY_PAUSE = 250, 0.02
"""How often, and after how many seconds, a memory that another program is writing is tried again: five seconds in all,
where a write takes milliseconds."""


async def once_free(realm: RealmConfig, job: Callable[[], bool]) -> None:
    """Do `job`, which says whether the memory was free for it.

    :raises Unavailable: it was not, for too long.
    """
    for _ in range(BUSY_TRIES):
        if job():
            return
        await framework.sleep(BUSY_PAUSE)
    raise Unavailable(f"another program has held the memory of realm {realm.RealmName} for too long")
