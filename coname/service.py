"""The keyserver as one service of ``twistd``: the only place that knows every room.

``twistd`` forks to become a daemon after `makeService`, and neither LevelDB's lock nor gRPC's threads survive a fork.
So the configuration is read and checked in `Options`, and everything else is opened in ``startService``, bottom up: the
database, the replica, and then the fronts. It is closed top down: the fronts finish what they can answer, then the
replica leaves the log, then the database is closed. When another replica's database has taken the place of this one's,
everything below the fronts is closed and opened again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.application.service import IService
from twisted.internet.defer import Deferred, DeferredLock, gatherResults, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python import usage

from coname import garbage
from coname.assembly import make_parts, make_registrar, open_store
from coname.config import ReplicaSettings, load_replica
from coname.core.vrf import suite
from coname.errors import Unavailable
from coname.interfaces import IAdministration
from coname.keyserver.administration import Administration, VerifierStream
from coname.keyserver.current import BETWEEN, CurrentAdministration, CurrentReplica
from coname.logins import login_routes
from coname.messages.config_pb2 import RealmConfig
from coname.process import ProcessService, install_reactor, load_or_exit
from coname.protocols.followed_realm import FollowedRealm
from coname.protocols.grpc_public import GrpcService
from coname.protocols.grpc_verification import VerificationService
from coname.protocols.hkp import HkpService
from coname.protocols.http_service import Routes
from coname.protocols.https import HttpsService
from coname.protocols.manhole import ManholeService
from coname.protocols.page_routes import page_routes
from coname.running import RunningReplica

__all__ = ["KeyserverService", "Options", "makeService", "make_parts", "open_store"]


class Options(usage.Options):
    """``twistd coname``'s own options."""

    synopsis = "[--config FILE]"
    longdesc = "Runs the replica that FILE configures. `coname init` makes such a file."
    optParameters = [["config", "c", "config.json", "the replica's configuration, JSON or TOML"]]  # noqa: RUF012

    settings: ReplicaSettings

    def postOptions(self) -> None:
        """Read and check the configuration, while nothing is opened yet."""
        install_reactor()
        self.settings = load_or_exit(load_replica, self["config"])


def makeService(options: Options) -> IService:
    """What ``twistd coname`` runs."""
    from twisted.internet import reactor

    return KeyserverService(options.settings, reactor)


class Front(Protocol):
    """Something that listens, once it is started, on ``port``."""

    port: int

    def startService(self) -> None: ...

    def stopService(self) -> Deferred[None] | None: ...


class KeyserverService(ProcessService):
    """A replica and its fronts, from opening the database to closing it.

    :ivar current: the replica, while the service runs.
    :ivar fronts: what listens, by name.
    """

    what = "the keyserver"
    _log = Logger()

    def __init__(self, settings: ReplicaSettings, reactor: Any) -> None:
        super().__init__(reactor)
        self._settings = settings
        self.current = CurrentReplica(settings.realm)
        self.fronts: dict[str, Front] = {}
        self._registrar = make_registrar(settings, reactor)
        self._running: RunningReplica | None = None
        self._turns = DeferredLock()  # starting, beginning anew, stopping: one after the other
        self._stopping = False

    async def stop(self) -> None:
        """The fronts first, then the replica, then the database."""
        self._stopping = True
        await gatherResults([maybeDeferred(front.stopService) for front in self.fronts.values()])
        await self._turns.run(self._close)
        self._registrar.stop()
        self._log.info("The keyserver of {realm} has stopped", realm=self._settings.realm)

    async def start(self) -> None:
        """The database, the replica, then the fronts."""
        for warning in self._settings.warnings:
            self._log.warn("{path}: {warning}", path=self._settings.path, warning=warning)
        await self._turns.run(self._open)
        self._answer_signals()
        self.fronts = make_fronts(
            self._settings,
            self.current,
            self._administration,
            login_routes(self._settings, self._registrar, self._reactor),
            self._reactor,
        )
        for front in self.fronts.values():
            front.startService()
        if self._running is not None:
            self._running.warm()
        garbage.calm()
        self._log.info(
            "The keyserver of {realm} is up: {fronts}",
            realm=self._settings.realm,
            fronts=", ".join(f"{name} on port {front.port}" for name, front in self.fronts.items()),
        )

    def _open(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._open_replica())

    async def _open_replica(self) -> None:
        self._running = RunningReplica(self._settings, self._reactor, self._begin_anew, self._registrar)
        await self._running.open()
        self.current.set(self._running.replica)

    def _close(self) -> Deferred[None]:
        self.current.set(None)
        running, self._running = self._running, None
        return succeed(None) if running is None else Deferred.fromCoroutine(running.close())

    def _begin_anew(self) -> None:
        """Another database lies ready; the fronts stay."""
        self._log.info("Another replica's database takes the place of this one's")
        self._turns.run(self._exchange).addErrback(self._failed)

    def _exchange(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._exchange_replica())

    async def _exchange_replica(self) -> None:
        if self._stopping:
            return  # the next start will find it
        await self._close()
        await self._open_replica()
        if self._running is not None:
            self._running.warm()

    def _administration(self, streams: Callable[[], Iterable[VerifierStream]]) -> IAdministration:
        """What the operator may do with the present replica."""
        if self._running is None:
            raise Unavailable(BETWEEN)
        parts = self._running.parts
        return Administration(self._running.replica, parts.store, parts.log, streams)

    def _answer_signals(self) -> None:
        def turn(number: int, frame: object) -> None:
            self.current.inRotation = number == signal.SIGUSR2

        signal.signal(signal.SIGUSR1, turn)
        signal.signal(signal.SIGUSR2, turn)


Administer = Callable[[Callable[[], Iterable[VerifierStream]]], IAdministration]


def make_fronts(
    settings: ReplicaSettings, replica: CurrentReplica, administer: Administer, logins: Routes, reactor: Any
) -> dict[str, Front]:
    """Everything that listens, as configured, not started yet.

    :param logins: what the HTTPS front has for registering.
    """
    fronts: dict[str, Front] = {}
    limits = settings.limits
    grace = max(10.0, settings.client_timeout)  # an update that was taken in is answered before the process ends
    if settings.public is not None:
        public = settings.public
        fronts["gRPC"] = GrpcService(replica, limits, public.tls, public.address.host, public.address.port, grace=grace)
    if settings.client_cert is not None:
        shown = settings.client_cert
        fronts["gRPC for client certificates"] = GrpcService(
            replica, limits, shown.tls, shown.address.host, shown.address.port, grace=grace
        )
    streams: Callable[[], Iterable[VerifierStream]] = tuple
    if settings.verifier is not None:
        verifier = settings.verifier
        verification = VerificationService(
            replica.verification, limits, verifier.tls, verifier.address.host, verifier.address.port, grace=grace
        )
        fronts["gRPC for verifiers"] = verification
        streams = verification.streams.__iter__
    if settings.httpfront is not None:
        https = settings.httpfront
        fronts["HTTPS"] = HttpsService(
            replica,
            limits,
            https.tls,
            https.address.host,
            https.address.port,
            reactor,
            grace=grace,
            more={**page_routes(FollowedRealm(replica, own_realm(settings)).present), **logins},
        )
    if settings.hkp is not None:
        hkp = settings.hkp
        fronts["HKP"] = HkpService(
            replica, own_realm(settings), limits, hkp.tls, hkp.address.host, hkp.address.port, reactor
        )
    if settings.manhole is not None:
        manhole = settings.manhole
        fronts["manhole"] = ManholeService(
            CurrentAdministration(replica, lambda: administer(streams)),
            manhole.host_key,
            manhole.authorized_keys,
            manhole.address.host,
            manhole.address.port,
            reactor,
        )
    return fronts


def own_realm(settings: ReplicaSettings) -> RealmConfig:
    """What a client of this realm would have in its configuration: the HKP front and the page verify under it."""
    realm = RealmConfig(
        RealmName=settings.realm,
        domains=settings.domains,
        VRFPublic=suite(settings.suite).public_key(settings.vrf_secret),
        verification_policy=settings.verification_policy,
        keyserver_auth=settings.replica_policy,
        tree_nonce=settings.tree_nonce,
        vrf_suite=settings.suite,
    )
    # Idle epochs come at the longest interval; an answer that is much older says that something is wrong.
    realm.epoch_time_to_live.seconds = int(max(3600, 3 * settings.max_epoch_interval))
    shared = settings.message.keyserver_config
    replicas, verifiers = ([each.id for each in known] for known in (shared.initial_replicas, shared.verifiers))
    for kind, signers in (("replica", replicas), ("verifier", verifiers)):
        for number, signer in enumerate(signers, start=1):
            realm.signer_names[signer] = f"{kind} {number}"
    return realm
