"""A whole replica in memory, with a clock that tests turn, and owners who sign updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from coname.core.hashes import profile_commitment
from coname.core.lookup import Verified, verify_lookup
from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, Verify, public_key_message, verify
from coname.core.vrf import suite
from coname.interfaces import IKeyValueStore, ILogReplicator
from coname.keyserver.admission import Admission
from coname.keyserver.epochs import EpochIntervals
from coname.keyserver.indices import Indices
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import StateMachine
from coname.keyserver.replica import Parts, Replica, Timing
from coname.keyserver.verified import RememberedSignatures
from coname.keyserver.verifiers import KnownSigners, Verifiers
from coname.messages.client_pb2 import Entry, LookupProof, Profile, QuorumExpr, UpdateRequest
from coname.messages.config_pb2 import RFC9381, Limits, RealmConfig
from coname.messages.config_pb2 import Replica as ReplicaMember
from coname.registration.registrar import Registrar, open_to_all
from coname.replication.single import SingleLog
from coname.storage.memory import MemoryStore
from coname.storage.tree import MerkleTree

REALM = "testing"
START = 1_700_000_000
INTERVALS = EpochIntervals(minimum=1, maximum=60, retry=5)
LIMITS = Limits(
    entry_bytes=4096,
    profile_bytes=65536,
    policy_keys=16,
    quorum_depth=8,
    quorum_size=64,
    request_bytes=131072,
    connections=100,
    pending_updates=100,
    user_id_bytes=320,
    cache_bytes=1 << 20,
)


def at_once(function: Callable[..., Any], *args: object) -> Deferred[Any]:
    """Runs in the calling thread what would run in another one."""
    try:
        return succeed(function(*args))
    except BaseException:
        return fail()


@dataclass
class Owner:
    """Somebody with an address and a signing key."""

    user_id: str
    key: SigningKey = field(default_factory=SigningKey.generate)

    def policy_of(self, entry: Entry, *keys: SigningKey) -> None:
        entry.update_policy.quorum.threshold = 1
        for key in keys or (self.key,):
            entry.update_policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
            entry.update_policy.quorum.candidates.append(key.key_id)


class Realm:
    """The secrets of a realm with one replica, which outlive its processes."""

    def __init__(self) -> None:
        self.suite = suite(RFC9381)
        self.vrf_secret = self.suite.generate()
        self.key = SigningKey.generate()
        self.members = [ReplicaMember(id=self.key.key_id, public_keys=[public_key_message(self.key.public)])]
        self.policy = replica_policy(self.members)
        self.config = RealmConfig(
            RealmName=REALM,
            domains=["example.com"],
            VRFPublic=self.suite.public_key(self.vrf_secret),
            verification_policy=self.policy,
            vrf_suite=RFC9381,
        )
        self.config.epoch_time_to_live.seconds = 3600

        self.listed: dict[int, list[bytes]] = {}

    @property
    def quorum(self) -> QuorumExpr:
        return self.policy.quorum

    def verifiers(self, check: Verify = verify) -> Verifiers:
        """Those in `listed`; anybody while that is empty."""
        return Verifiers(self.listed, self.policy.public_keys, self.config.verification_policy, check)

    def request(
        self,
        owner: Owner,
        version: int = 0,
        keys: dict[str, bytes] | None = None,
        signers: list[SigningKey] | None = None,
    ) -> UpdateRequest:
        """An update of `owner`'s entry, signed."""
        profile = Profile(nonce=bytes(16), keys=keys or {"pgp": b"key %d" % version}).SerializeToString()
        index, _ = self.suite.prove(self.vrf_secret, owner.user_id.encode())
        entry = Entry(index=index, version=version, profile_commitment=profile_commitment(profile))
        owner.policy_of(entry)
        encoded = entry.SerializeToString(deterministic=True)
        request = UpdateRequest(profile=profile)
        request.update.new_entry = encoded
        for key in signers if signers is not None else [owner.key]:
            request.update.signatures[key.key_id] = key.sign(encoded)
        request.lookup_parameters.user_id = owner.user_id
        request.lookup_parameters.quorum_requirement.CopyFrom(self.quorum)
        return request


class World:
    """A replica of `Realm` at work.

    :ivar now: the wall clock, seconds since 1970; it follows the monotonic one.
    """

    def __init__(
        self,
        realm: Realm | None = None,
        store: IKeyValueStore | None = None,
        intervals: EpochIntervals = INTERVALS,
        client_timeout: float = 30,
        scan: int = 1000,
        run_in_thread: Callable[..., Any] = at_once,
        start: float = START,
        limits: Limits = LIMITS,
        registrar: Registrar | None = None,
        make_log: Callable[[IKeyValueStore], ILogReplicator] | None = None,
    ) -> None:
        self.realm = realm or Realm()
        self.store = store or MemoryStore()
        self.clock = Clock()
        self.start = start
        remembered = RememberedSignatures()
        tree = MerkleTree(self.store, b"", 1 << 20)
        indices = Indices(self.store, self.realm.suite, self.realm.vrf_secret)
        self.verifiers = self.realm.verifiers(remembered)
        self.log = make_log(self.store) if make_log else SingleLog(self.store, run_in_thread)
        self.lookups = Lookups(self.store, tree, indices.find, scan, 1 << 20)
        machine = StateMachine(self.store, REALM, tree, self.realm.members, self.verifiers, remembered)
        has_signed = None if self.realm.listed else machine.resumed().frontier.has_signed
        signers = KnownSigners(machine.members, self.realm.listed, has_signed)
        self.parts = Parts(
            realm=REALM,
            store=self.store,
            log=self.log,
            tree=tree,
            machine=machine,
            lookups=self.lookups,
            admission=Admission(self.store, indices, limits, registrar or open_to_all(), remembered, signers),
            verifiers=self.verifiers,
            signing_key=self.realm.key,
            timing=Timing(self.clock, self.wall, intervals, client_timeout),
            run_in_thread=run_in_thread,
            most_pending=limits.pending_updates,
        )
        self.replica = Replica(self.parts)

    def wall(self) -> int:
        return int((self.start + self.clock.seconds()) * 1e9)

    @property
    def now(self) -> float:
        return self.wall() / 1e9

    def begin(self) -> None:
        """Start the replica and let it do what it can without time passing."""
        started = Deferred.fromCoroutine(self.replica.start())
        self.settle()
        assert started.called

    def settle(self, seconds: float = 0) -> None:
        """Let `seconds` pass, and then everything happen that is due."""
        self.clock.advance(seconds)
        for _ in range(50):
            self.clock.advance(0)

    def verified(self, proof: LookupProof, user_id: str) -> Verified:
        """`proof`, checked as a client does."""
        return verify_lookup(self.realm.config, user_id, proof, self.now)

    def crash(self, survivors: int = 0) -> World:
        """Kill the replica and start another on what its disk holds."""
        assert isinstance(self.store, MemoryStore)
        found = World(self.realm, self.store.crash(survivors), start=self.now)
        found.begin()
        return found
