"""A realm of one keyserver, in a few lines: its answers are really signed and really prove what they say.

It stands where a replica stands behind the fronts, and does what a test tells it: fail, keep an update waiting, be out
of rotation, or lie.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from zope.interface import implementer

from coname.core import heads
from coname.core.hashes import entry_hash, profile_commitment
from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.core.vrf import suite
from coname.interfaces import IKeyserver
from coname.keyserver.answers import Answer, Ratifications
from coname.keyserver.policy_changes import Change, PolicyAnswer
from coname.messages.client_pb2 import (
    Entry,
    LookupRequest,
    PolicyChangesRequest,
    Profile,
    SignedEpochHead,
    UpdateRequest,
)
from coname.messages.config_pb2 import RFC9381, Limits, RealmConfig, Replica
from tests.core import reference_tree

NAME = "realm.test"
EPOCH = Epoch(7)
LIMITS = Limits(request_bytes=4096, connections=20)


@implementer(IKeyserver)
class SmallKeyserver:
    """Knows the users that `register` was called for.

    :ivar config: what its clients know.
    :ivar error: raised by the next lookups and updates, if set.
    :ivar asked: the requests that came, in order.
    :ivar certificates: the clients' of updates, in order.
    :ivar waiting: the Deferreds of updates that have not been answered; `answer_updates` does.
    :ivar cancelled: how many of those their front gave up.
    """

    realm = NAME

    def __init__(self, now: float) -> None:
        self.inRotation = True
        self.error: Exception | None = None
        self.asked: list[LookupRequest | UpdateRequest] = []
        self.certificates: list[bytes] = []
        self.waiting: list[tuple[UpdateRequest, Deferred[Answer]]] = []
        self.cancelled = 0
        self.changes: list[Change] = []
        self._now = now
        self._key = SigningKey.generate()
        self._vrf = suite(RFC9381)
        self._vrf_secret = self._vrf.generate()
        self._entries: dict[bytes, tuple[bytes, bytes]] = {}
        self.config = RealmConfig(
            RealmName=NAME, VRFPublic=self._vrf.public_key(self._vrf_secret), vrf_suite=RFC9381, domains=["example.com"]
        )
        self.config.epoch_time_to_live.seconds = 3600
        member = Replica(id=self._key.key_id, public_keys=[public_key_message(self._key.public)])
        self.config.verification_policy.CopyFrom(replica_policy([member]))

    def register(self, user_id: str, keys: dict[str, bytes]) -> None:
        """Make `keys` those of `user_id`."""
        index, _ = self._vrf.prove(self._vrf_secret, user_id.encode())
        profile = Profile(nonce=bytes(16), keys=keys).SerializeToString()
        entry = Entry(index=index, profile_commitment=profile_commitment(profile)).SerializeToString()
        self._entries[index] = (entry, profile)

    def lookup(self, request: LookupRequest) -> Answer:
        """The answer of the one epoch there is."""
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        index, proof = self._vrf.prove(self._vrf_secret, request.user_id.encode())
        values = {index: entry_hash(entry) for index, (entry, _) in self._entries.items()}
        entry, profile = self._entries.get(index, (None, None))
        tree_proof = reference_tree.prove(values, index)
        return Answer(request.user_id, index, proof, self._ratified(values), tree_proof, entry, profile)

    def update(self, request: UpdateRequest, certificate: bytes = b"") -> Deferred[Answer]:
        """Waits until `answer_updates`."""
        self.asked.append(request)
        self.certificates.append(certificate)
        if self.error is not None:
            raise self.error
        answer: Deferred[Answer] = Deferred(self._cancel)
        self.waiting.append((request, answer))
        return answer

    def policyChanges(self, request: PolicyChangesRequest) -> PolicyAnswer:
        """All of `changes`, whatever is known already."""
        if self.error is not None:
            raise self.error
        return PolicyAnswer(tuple(self.changes))

    def answer_updates(self) -> None:
        """Answer all updates that wait, as if they had been applied."""
        waiting, self.waiting = self.waiting, []
        for request, answer in waiting:
            answer.callback(self.lookup(request.lookup_parameters))

    def _cancel(self, answer: Deferred[Answer]) -> None:
        self.cancelled += 1

    def _ratified(self, values: dict[bytes, bytes]) -> Ratifications:
        now = timestamp(self._now)
        head = heads.timestamped(heads.build(NAME, EPOCH, reference_tree.root(values), now, bytes(64)), now)
        signed = SignedEpochHead(head=head, signatures={self._key.key_id: self._key.sign(head)})
        return Ratifications.of(EPOCH, {self._key.key_id: signed})


class LyingKeyserver(SmallKeyserver):
    """Gives out the keys of whomever it likes: each answer holds another profile than the one registered."""

    def lookup(self, request: LookupRequest) -> Answer:
        """An answer with the ``pgp`` key exchanged."""
        answer = super().lookup(request)
        return replace(answer, profile=Profile(nonce=bytes(16), keys={"pgp": b"another"}).SerializeToString())
