"""A simulated realm whose replicas change, with verifiers or without, and which answers as the real ones do: with the
newest epoch that is signed by whom the question wants."""

from __future__ import annotations

from dataclasses import dataclass, field

from coname.core import heads, quorums
from coname.core.policies import AuthorizationPolicy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.errors import EpochUnknown, QuorumUnmet
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    RatifiedHead,
    UpdateRequest,
)
from coname.messages.config_pb2 import Config, Replica
from tests.client.simulator import Realm


def policy_of(signers: list[SigningKey]) -> AuthorizationPolicy:
    """The majority of the replicas that have these keys."""
    return quorums.replica_policy(
        [Replica(id=key.key_id, public_keys=[public_key_message(key.public)]) for key in signers]
    )


@dataclass
class ChangingRealm(Realm):
    """As `Realm`.

    :ivar verifiers: sign every epoch; clients demand all of them.
    :ivar page: how many changes are told at once.
    :ivar unsigned: epochs that nobody has signed yet, though they are closed.
    :ivar hidden: epochs whose change is not told.
    """

    verifiers: list[SigningKey] = field(default_factory=list)
    page: int = 100
    unsigned: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.next_signers: list[SigningKey] | None = None
        self.asked: list[PolicyChangesRequest] = []
        self.announcing: list[int] = []
        super().__post_init__()

    def config(self) -> Config:
        """What a client of this realm knows who begins now."""
        config = super().config()
        realm, replicas = config.realms[0], policy_of(self.signers)
        realm.keyserver_auth.CopyFrom(replicas)
        realm.verification_policy.CopyFrom(replicas)
        if self.verifiers:
            realm.verification_policy.quorum.Clear()
            realm.verification_policy.quorum.threshold = 2
            realm.verification_policy.quorum.subexpressions.add().CopyFrom(replicas.quorum)
            both = realm.verification_policy.quorum.subexpressions.add(threshold=len(self.verifiers))
            for key in self.verifiers:
                realm.verification_policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
                both.candidates.append(key.key_id)
        return config

    def change(self, signers: list[SigningKey]) -> int:
        """Announce, in a new epoch, that `signers` sign from the next one on. Returns its number."""
        self.next_signers = signers
        number = self.close_epoch()
        self.announcing.append(number)
        self.signers, self.next_signers = signers, None
        return number

    def replace_all(self) -> list[int]:
        """Replace the replicas one after the other, closing epochs all the while. Returns those that announce it."""
        numbers = []
        for key in list(self.signers):
            numbers.append(self.change([*self.signers, SigningKey.generate()]))
            self.close_epoch()
            numbers.append(self.change([other for other in self.signers if other is not key]))
            self.close_epoch()
        return numbers

    def build_head(self, number: int, root: bytes, previous: bytes) -> bytes:
        policy = None if self.next_signers is None else policy_of(self.next_signers)
        return heads.build(self.name, Epoch(number), root, timestamp(self.now), previous, policy)

    def ratified(self, number: int) -> RatifiedHead:
        """The head of an epoch, as everybody has signed it."""
        epoch = self.epochs[number - 1]
        return RatifiedHead(ratifications=self.sign(epoch.head, [*epoch.signers, *self.verifiers]))

    def policy_changes(self, request: PolicyChangesRequest) -> PolicyChanges:
        self.asked.append(request)
        later = [each for each in self.announcing if each > request.after and each not in self.hidden]
        return PolicyChanges(changes=[self.ratified(each) for each in later[: self.page]], more=len(later) > self.page)

    def lookup(self, request: LookupRequest) -> LookupProof:
        self.lookups.append(request)
        self._once("refuse")
        proof = self.prove(request.user_id, self._wanted(request))
        self.tamper(proof)
        return proof

    def prove(self, user_id: str, number: int) -> LookupProof:
        proof = super().prove(user_id, number)
        del proof.ratifications[:]
        proof.ratifications.extend(self.ratified(number).ratifications)
        return proof

    def update(self, request: UpdateRequest) -> LookupProof:
        self.updates.append(request)
        present = {key.key_id for key in [*self.signers, *self.verifiers]}
        if not quorums.satisfied(request.lookup_parameters.quorum_requirement, present):
            raise QuorumUnmet("the requested quorum asks for signers that this realm does not have")
        self.admit(request)
        number = self.close_epoch()
        self._once("fail_update")
        return self.prove(request.lookup_parameters.user_id, number)

    def _wanted(self, request: LookupRequest) -> int:
        if request.epoch > len(self.epochs):
            raise EpochUnknown(f"epoch {request.epoch} has not been ratified")
        for number in [request.epoch] if request.epoch else range(len(self.epochs), 0, -1):
            signed = {key.key_id for key in [*self.epochs[number - 1].signers, *self.verifiers]}
            if number not in self.unsigned and quorums.satisfied(request.quorum_requirement, signed):
                return number
        signers = ", ".join(f"{each} has signed nothing" for each in quorums.signers(request.quorum_requirement))
        raise QuorumUnmet(f"no epoch is signed by the requested quorum; its signers: {signers}")
