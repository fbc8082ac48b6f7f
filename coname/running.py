"""A replica on its database, from opening to closing: what begins anew when another database takes its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coname.assembly import make_parts, open_store
from coname.configuration.settings import ReplicaSettings
from coname.engines import prepare
from coname.keyserver.replica import Parts, Replica
from coname.keyserver.warming import Warming, warm_newest
from coname.registration.registrar import Registrar
from coname.space import SpaceWatch
from coname.storage.leveldb import LevelDBStore


class RunningReplica:
    """One life of a replica.

    :param begin_anew: see `coname.assembly.make_parts`; and `registrar`.
    :ivar replica: once opened. :ivar parts: likewise.
    """

    replica: Replica
    parts: Parts

    def __init__(
        self, settings: ReplicaSettings, reactor: Any, begin_anew: Callable[[], None], registrar: Registrar
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._begin_anew = begin_anew
        self._registrar = registrar
        self._store: LevelDBStore | None = None
        self._replica: Replica | None = None
        self._warming: Warming | None = None
        self._space = SpaceWatch(settings.data_folder.parent, reactor)

    async def open(self) -> None:
        """Finish what was begun with the database, open it, and start."""
        prepare(self._settings)
        self._store = open_store(self._settings)
        self.parts = make_parts(self._settings, self._store, self._reactor, self._begin_anew, self._registrar)
        self.replica = self._replica = Replica(self.parts)
        await self.replica.start()
        self._space.start()

    def warm(self) -> None:
        """Fill the memory for tree nodes, little by little."""
        self._warming = Warming(warm_newest(self.parts.store, self.parts.tree), self._reactor)
        self._warming.start()

    async def close(self) -> None:
        """Stop, and close the database. What was not opened is not closed."""
        self._space.stop()
        if self._warming is not None:
            await self._warming.stop()
        if self._replica is not None:
            await self._replica.stop()
        if self._store is not None:
            self._store.close()
