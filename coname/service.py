"""The keyserver as one service of ``twistd``: the only place that knows every room.

``twistd`` forks to become a daemon after `makeService`, and neither LevelDB's lock nor gRPC's threads survive a fork.
So the configuration is read and checked in `Options`, and everything else is opened in ``startService``, bottom up: the
database, the replica, and then the fronts. It is closed top down: the fronts finish what they can answer, then the
replica leaves the log, then the database is closed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python import usage

from coname.config import ReplicaSettings, load_replica
from coname.core.vrf import suite
from coname.errors import Misconfigured
from coname.keyserver.admission import Admission, Registration
from coname.keyserver.epochs import EpochIntervals
from coname.keyserver.indices import Indices
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import StateMachine
from coname.keyserver.replica import Parts, Replica, Timing
from coname.keyserver.verified import RememberedSignatures
from coname.replication.single import SingleLog
from coname.storage.leveldb import LevelDBStore
from coname.storage.tree import MerkleTree

WRONG_REACTOR = (
    "coname runs on Twisted's asyncio reactor, and another one was chosen already; call it as "
    "`twistd --reactor=asyncio coname …`, or without --reactor"
)


def install_reactor() -> None:
    """Install the asyncio reactor, which gRPC shares, unless it is installed already.

    :raises usage.UsageError: another reactor was installed before.
    """
    from twisted.internet import asyncioreactor

    if "twisted.internet.reactor" not in sys.modules:
        asyncioreactor.install()
    elif not isinstance(sys.modules["twisted.internet.reactor"], asyncioreactor.AsyncioSelectorReactor):
        raise usage.UsageError(WRONG_REACTOR)


class Options(usage.Options):
    """``twistd coname``'s own options."""

    synopsis = "[--config FILE]"
    longdesc = "Runs the replica that FILE configures. `coname init` makes such a file."
    optParameters = [["config", "c", "config.json", "the replica's configuration, JSON or TOML"]]  # noqa: RUF012

    settings: ReplicaSettings

    def postOptions(self) -> None:
        """Read and check the configuration, while nothing is opened yet."""
        install_reactor()
        try:
            self.settings = load_replica(self["config"])
        except Misconfigured as error:
            raise usage.UsageError(f"{self['config']}:\n  " + "\n  ".join(error.mistakes)) from error


def makeService(options: Options) -> IService:
    """What ``twistd coname`` runs."""
    from twisted.internet import reactor

    return KeyserverService(options.settings, reactor)


def make_replica(settings: ReplicaSettings, store: LevelDBStore, reactor: Any) -> Replica:
    """A replica on `store`, put together as `settings` say."""

    def run_in_thread(function: Callable[..., None], *arguments: object) -> Deferred[None]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), function, *arguments)

    verify = RememberedSignatures()
    tree = MerkleTree(store, settings.tree_nonce, settings.limits.cache_bytes // 2)
    indices = Indices(store, suite(settings.suite), settings.vrf_secret)
    registration = Registration(settings.message.keyserver_config.registration_policy, settings.domains)
    intervals = EpochIntervals(
        settings.min_epoch_interval, settings.max_epoch_interval, settings.proposal_retry_interval
    )
    return Replica(
        Parts(
            realm=settings.realm,
            store=store,
            log=SingleLog(store, run_in_thread),
            tree=tree,
            machine=StateMachine(store, settings.realm, tree, settings.replica_policy, verify),
            lookups=Lookups(
                store, tree, indices.find, settings.lagging_verifier_scan, settings.limits.cache_bytes // 4
            ),
            admission=Admission(store, indices, settings.limits, registration, verify),
            signing_key=settings.signing_key,
            timing=Timing(reactor, time.time_ns, intervals, settings.client_timeout),
            run_in_thread=run_in_thread,
            most_pending=settings.limits.pending_updates,
        )
    )
