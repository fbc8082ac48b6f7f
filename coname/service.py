"""The keyserver as one service of ``twistd``: the only place that knows every room.

``twistd`` forks to become a daemon after `makeService`, and neither LevelDB's lock nor gRPC's threads survive a fork.
So the configuration is read and checked in `Options`, and everything else is opened in ``startService``, bottom up: the
database, the replica, and then the fronts. It is closed top down: the fronts finish what they can answer, then the
replica leaves the log, then the database is closed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.application.service import IService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python import usage

from coname import garbage
from coname.config import ReplicaSettings, load_replica
from coname.core.signatures import SigningKey
from coname.core.types import KeyId
from coname.core.vrf import suite
from coname.engines import make_log
from coname.errors import Misconfigured
from coname.keyserver.administration import Administration, VerifierStream
from coname.keyserver.admission import Admission, Registration
from coname.keyserver.epochs import EpochIntervals
from coname.keyserver.indices import Indices
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import StateMachine
from coname.keyserver.replica import Parts, Replica, Timing
from coname.keyserver.verified import RememberedSignatures
from coname.keyserver.verifiers import KnownSigners, Verifiers
from coname.keyserver.warming import Warming, warm_newest
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.config_pb2 import RealmConfig
from coname.process import ProcessService, install_reactor
from coname.protocols.grpc_public import GrpcService
from coname.protocols.grpc_verification import VerificationService
from coname.protocols.hkp import HkpService
from coname.protocols.https import HttpsService
from coname.protocols.manhole import ManholeService
from coname.storage.leveldb import LevelDBStore
from coname.storage.tree import MerkleTree


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
            refuse_what_is_missing(self.settings)
        except Misconfigured as error:
            raise usage.UsageError(f"{self['config']}:\n  " + "\n  ".join(error.mistakes)) from error


def refuse_what_is_missing(settings: ReplicaSettings) -> None:
    """Configurations may ask for what this version does not do; better to say so than to run without it.

    :raises Misconfigured: the realm has several replicas.
    """
    replicas = len(settings.message.keyserver_config.initial_replicas)
    if replicas > 1:
        raise Misconfigured(
            [
                f"keyserver_config.initial_replicas: there are {replicas}, but this version runs realms of one replica "
                "only: they would wait for each other's signatures for ever"
            ]
        )


def missing_proofs(settings: ReplicaSettings) -> list[str]:
    """The registration policies that nobody can satisfy, since this version does not check their proofs."""
    policies = settings.message.keyserver_config.registration_policy
    kinds = [policy.WhichOneof("policy_type") for policy in policies]
    return [
        f"keyserver_config.registration_policy[{place}]: this version does not check {kind}: nobody can register by it"
        for place, kind in enumerate(kinds)
        if kind not in (None, "insecure_skip_email_proof")
    ]


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

    :ivar replica: the replica, while the service runs.
    :ivar fronts: what listens, by name.
    """

    what = "the keyserver"
    _log = Logger()

    def __init__(self, settings: ReplicaSettings, reactor: Any) -> None:
        super().__init__(reactor)
        self._settings = settings
        self._store: LevelDBStore | None = None
        self.replica: Replica | None = None
        self.fronts: dict[str, Front] = {}
        self._warming: Warming | None = None

    async def stop(self) -> None:
        """The fronts first, then the replica, then the database."""
        await gatherResults([maybeDeferred(front.stopService) for front in self.fronts.values()])
        if self._warming is not None:
            await self._warming.stop()
        if self.replica is not None:
            await self.replica.stop()
        if self._store is not None:
            self._store.close()
        self._log.info("The keyserver of {realm} has stopped", realm=self._settings.realm)

    async def start(self) -> None:
        """The database, the replica, then the fronts."""
        for warning in [*self._settings.warnings, *missing_proofs(self._settings)]:
            self._log.warn("{path}: {warning}", path=self._settings.path, warning=warning)
        self._store = open_store(self._settings)
        parts = make_parts(self._settings, self._store, self._reactor)
        self.replica = replica = Replica(parts)
        await replica.start()
        self._answer_signals(replica)
        self.fronts = make_fronts(self._settings, parts, replica, self._reactor)
        for front in self.fronts.values():
            front.startService()
        self._warming = Warming(warm_newest(parts.store, parts.tree), self._reactor)
        self._warming.start()
        garbage.calm()
        self._log.info(
            "The keyserver of {realm} is up: {fronts}",
            realm=self._settings.realm,
            fronts=", ".join(f"{name} on port {front.port}" for name, front in self.fronts.items()),
        )

    def _answer_signals(self, replica: Replica) -> None:
        def turn(number: int, frame: object) -> None:
            replica.inRotation = number == signal.SIGUSR2

        signal.signal(signal.SIGUSR1, turn)
        signal.signal(signal.SIGUSR2, turn)


def open_store(settings: ReplicaSettings) -> LevelDBStore:
    """The replica's database, made if it is not there yet."""
    return LevelDBStore(settings.data_folder, create=True, cache_bytes=settings.limits.cache_bytes // 8)


def make_parts(settings: ReplicaSettings, store: LevelDBStore, reactor: Any) -> Parts:
    """What a replica on `store` is made of, as `settings` say."""

    def run_in_thread(function: Callable[..., None], *arguments: object) -> Deferred[None]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), function, *arguments)

    verify = RememberedSignatures()
    tree = MerkleTree(store, settings.tree_nonce, settings.limits.cache_bytes * 3 // 4)
    indices = Indices(store, suite(settings.suite), settings.vrf_secret)
    verifiers = Verifiers(settings.verifiers, settings.replica_policy.public_keys, settings.verification_policy, verify)
    registration = Registration(settings.message.keyserver_config.registration_policy, settings.domains)
    intervals = EpochIntervals(
        settings.min_epoch_interval, settings.max_epoch_interval, settings.proposal_retry_interval
    )
    machine = StateMachine(store, settings.realm, tree, settings.replica_policy, verifiers, verify)
    configured = [*settings.replica_policy.public_keys, *settings.verification_policy.public_keys, *settings.verifiers]
    signers = KnownSigners(configured, None if settings.verifiers else machine.resumed().frontier.has_signed)
    return Parts(
        realm=settings.realm,
        store=store,
        log=make_log(settings, store, reactor, run_in_thread),
        tree=tree,
        machine=machine,
        lookups=Lookups(store, tree, indices.find, settings.lagging_verifier_scan, settings.limits.cache_bytes // 8),
        admission=Admission(store, indices, settings.limits, registration, verify, signers),
        verifiers=verifiers,
        signing_key=settings.signing_key,
        signer=signer_of(settings.signing_key, settings.replica_policy),
        timing=Timing(reactor, time.time_ns, intervals, settings.client_timeout),
        run_in_thread=run_in_thread,
        most_pending=settings.limits.pending_updates,
    )


def signer_of(key: SigningKey, policy: AuthorizationPolicy) -> KeyId:
    """The id that `policy` has `key` under; by convention, and where it is not there at all, the key's own."""
    found = (signer for signer, public in policy.public_keys.items() if public.ed25519 == key.public)
    return KeyId(next(found, key.key_id))


def make_fronts(settings: ReplicaSettings, parts: Parts, replica: Replica, reactor: Any) -> dict[str, Front]:
    """Everything that listens, as configured, not started yet."""
    fronts: dict[str, Front] = {}
    limits = settings.limits
    grace = max(10.0, settings.client_timeout)  # an update that was taken in is answered before the process ends
    if settings.public is not None:
        public = settings.public
        fronts["gRPC"] = GrpcService(replica, limits, public.tls, public.address.host, public.address.port, grace=grace)
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
            replica, limits, https.tls, https.address.host, https.address.port, reactor, grace=grace
        )
    if settings.hkp is not None:
        hkp = settings.hkp
        realm = own_realm(settings)
        fronts["HKP"] = HkpService(replica, realm, limits, hkp.tls, hkp.address.host, hkp.address.port, reactor)
    if settings.manhole is not None:
        manhole = settings.manhole
        fronts["manhole"] = ManholeService(
            Administration(replica, parts.store, parts.log, streams),
            manhole.host_key,
            manhole.authorized_keys,
            manhole.address.host,
            manhole.address.port,
            reactor,
        )
    return fronts


def own_realm(settings: ReplicaSettings) -> RealmConfig:
    """What a client of this realm would have in its configuration: the HKP front verifies under it."""
    realm = RealmConfig(
        RealmName=settings.realm,
        domains=settings.domains,
        VRFPublic=suite(settings.suite).public_key(settings.vrf_secret),
        verification_policy=settings.verification_policy,
        tree_nonce=settings.tree_nonce,
        vrf_suite=settings.suite,
    )
    # Idle epochs come at the longest interval; an answer that is much older says that something is wrong.
    realm.epoch_time_to_live.seconds = int(max(3600, 3 * settings.max_epoch_interval))
    return realm
