"""A realm whose replicas change: steps of change, and the signatures of whoever is asked for them."""

from __future__ import annotations

from nacl.bindings import crypto_sign_seed_keypair

from coname.core import rollover
from coname.core.heads import parse
from coname.core.policies import policy_satisfied
from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch
from coname.interfaces import IKeyValueStore
from coname.keyserver import membership, tables
from coname.keyserver.machine import Applied
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import KeyserverStep, ReplicaChange
from coname.messages.stored_pb2 import ReplicaRecord
from coname.storage.memory import MemoryStore
from tests.keyserver.harness import Realm
from tests.keyserver.machines import Machine

KEYS = [SigningKey.from_secret(crypto_sign_seed_keypair(bytes([7, number] * 16))[1]) for number in range(8)]


def replica(number: int, *more: int) -> Replica:
    """The replica of that number, with its own key and those of `more`."""
    keys = [public_key_message(KEYS[each].public) for each in (number, *more)]
    return Replica(id=KEYS[number].key_id, public_keys=keys, raft_addr=f"replica{number}.example.com:9807")


def add(number: int, learner: bool = False) -> ReplicaChange:
    return ReplicaChange(add=replica(number), learner=learner)


def promote(number: int) -> ReplicaChange:
    return ReplicaChange(promote=KEYS[number].key_id)


def remove(number: int) -> ReplicaChange:
    return ReplicaChange(remove=KEYS[number].key_id)


def realm_of(count: int) -> Realm:
    """A realm that begins with `count` replicas: the first of `KEYS`."""
    realm = Realm()
    realm.members = [replica(number) for number in range(count)]
    realm.policy = replica_policy(realm.members)
    realm.config.verification_policy.CopyFrom(realm.policy)
    realm.config.keyserver_auth.CopyFrom(realm.policy)
    realm.key = KEYS[0]
    return realm


class ChangingMachine(Machine):
    """A state machine in such a realm."""

    def __init__(self, realm: Realm, store: MemoryStore | None = None) -> None:
        super().__init__(realm, store)
        self.uid = 0

    def change(self, change: ReplicaChange) -> Applied:
        self.uid += 1
        return self.apply(KeyserverStep(UID=self.uid, replica_change=change))

    @property
    def closed(self) -> Epoch:
        return Epoch(tables.read_state(self.store).closed_epoch)

    @property
    def ratified(self) -> Epoch:
        return Epoch(tables.read_state(self.store).ratified_epoch)

    @property
    def records(self) -> list[ReplicaRecord]:
        return list(membership.replicas(tables.read_state(self.store), self.realm.members))

    def roles(self) -> dict[int, int]:
        """The role of each replica, by the number of its key."""
        numbers = {key.key_id: number for number, key in enumerate(KEYS)}
        return {numbers[record.replica.id]: record.role for record in self.records}

    def close(self) -> None:
        """Close the next epoch."""
        self.delimit(self.closed + 1)

    def ratify(self) -> None:
        """Everybody signs the newest epoch."""
        for key in KEYS:
            self.transcribe(self.closed, key)

    def epoch(self) -> None:
        """Close the next epoch, and let it be ratified."""
        self.close()
        self.ratify()
        assert self.ratified == self.closed


def ratifying(store: IKeyValueStore, configured: AuthorizationPolicy) -> dict[int, AuthorizationPolicy]:
    """What must have ratified each ratified epoch, by what the heads before announced, and nothing else.

    :raises AssertionError: somebody else did.
    """
    found = {}
    policy = configured
    for number in range(1, tables.read_state(store).ratified_epoch + 1):
        epoch = Epoch(number)
        found[number] = policy
        head = tables.read_epoch(store, epoch).timestamped_head
        signed = {signer: each.signatures[signer] for signer, each in tables.read_ratifications(store, epoch).items()}
        assert policy_satisfied(policy, head, signed), f"epoch {number}"
        policy = rollover.next_policy(parse(head)) or policy
    return found
