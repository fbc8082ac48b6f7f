"""What a replica is made of, as its configuration says: put together, nothing started."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from coname.configuration.settings import ReplicaSettings
from coname.core.vrf import suite
from coname.engines import is_shared, make_log
from coname.keyserver.admission import Admission
from coname.keyserver.epochs import EpochIntervals
from coname.keyserver.indices import Indices
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import StateMachine
from coname.keyserver.replica import Parts, Timing
from coname.keyserver.verified import RememberedSignatures
from coname.keyserver.verifiers import KnownSigners, Verifiers
from coname.registration.policies import Surroundings, make_checkers
from coname.registration.registrar import Registrar
from coname.storage.leveldb import LevelDBStore
from coname.storage.tree import MerkleTree


def open_store(settings: ReplicaSettings) -> LevelDBStore:
    """The replica's database, made if it is not there yet."""
    return LevelDBStore(settings.data_folder, create=True, cache_bytes=settings.limits.cache_bytes // 8)


def make_registrar(settings: ReplicaSettings, reactor: Any) -> Registrar:
    """Who decides about registrations, as `settings` say. It asks nobody before somebody registers."""
    policies = settings.message.keyserver_config.registration_policy
    surroundings = Surroundings(
        reactor,
        settings.path.parent,
        settings.proof_clock_skew,
        settings.httpfront_url if settings.httpfront else "",
        settings.realm,
        settings.vrf_secret,
    )
    return Registrar(
        make_checkers(policies, surroundings),
        settings.domains,
        anybody=any(policy.insecure_skip_email_proof for policy in policies),
        unbound=settings.unbound_proofs,
        skew=settings.proof_clock_skew,
        now=time.time,
    )


def _not_anew() -> None:
    raise RuntimeError("another database was installed, and nobody begins anew with it")


def make_parts(
    settings: ReplicaSettings,
    store: LevelDBStore,
    reactor: Any,
    begin_anew: Callable[[], None] = _not_anew,
    registrar: Registrar | None = None,
) -> Parts:
    """What a replica on `store` is made of, as `settings` say.

    :param registrar: decides who may register, and outlives the replica; None: one is made for it.
    :param begin_anew: called in the reactor when another database has taken this one's place: the replica is to be
        stopped, `store` closed, and both made again.
    """

    def run_in_thread(function: Callable[..., Any], *arguments: object) -> Deferred[Any]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), function, *arguments)

    verify = RememberedSignatures()
    tree = MerkleTree(store, settings.tree_nonce, settings.limits.cache_bytes * 3 // 4)
    indices = Indices(store, suite(settings.suite), settings.vrf_secret)
    verifiers = Verifiers(settings.verifiers, settings.replica_policy.public_keys, settings.verification_policy, verify)
    intervals = EpochIntervals(
        settings.min_epoch_interval, settings.max_epoch_interval, settings.proposal_retry_interval
    )
    replicas = settings.message.keyserver_config.initial_replicas
    machine = StateMachine(store, settings.realm, tree, replicas, verifiers, verify)
    signers = KnownSigners(
        machine.members,
        [*settings.verification_policy.public_keys, *settings.verifiers],
        None if settings.verifiers else machine.resumed().frontier.has_signed,
    )
    return Parts(
        realm=settings.realm,
        store=store,
        log=make_log(settings, store, reactor, run_in_thread, begin_anew),
        tree=tree,
        machine=machine,
        lookups=Lookups(store, tree, indices.find, settings.lagging_verifier_scan, settings.limits.cache_bytes // 8),
        admission=Admission(
            store, indices, settings.limits, registrar or make_registrar(settings, reactor), verify, signers
        ),
        verifiers=verifiers,
        signing_key=settings.signing_key,
        timing=Timing(reactor, time.time_ns, intervals, settings.client_timeout),
        run_in_thread=run_in_thread,
        most_pending=settings.limits.pending_updates,
        replica=settings.replica_id,
        shared=is_shared(settings),
    )
