"""People who register, update and look up through any replica, and remember what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from coname.client import lineage
from coname.core.hashes import entry_hash
from coname.core.lookup import Verified, verify_lookup
from coname.core.ratifications import common_head
from coname.errors import Corrupt, InvalidRequest, ProofInvalid, QuorumUnmet, TimedOut, Unavailable, UpdateInvalid
from coname.keyserver.answers import Answer
from coname.messages.client_pb2 import Entry, LookupProof, LookupRequest, QuorumExpr, RatifiedHead, UpdateRequest
from coname.messages.config_pb2 import RealmConfig
from tests.keyserver.harness import START
from tests.replication.raft.invariants import Violation
from tests.simulation.history import Content, Read, Write
from tests.simulation.host import Host
from tests.simulation.realm import owner

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

PATIENCE = 1.5
"""Seconds after which a client asks another replica."""

ATTEMPTS = 4
"""After so many without an answer, what became of an update is not known."""


def content_of(entry: bytes | None) -> Content | None:
    """What a register holds, from an answer."""
    return None if not entry else (Entry.FromString(entry).version, entry_hash(entry))


class Client:
    """One of them, who does one thing at a time.

    :ivar busy: whether an answer is awaited.
    :ivar lineage: which policies it has followed the realm's signatures to.
    """

    def __init__(self, simulation: Simulation, number: int) -> None:
        self.simulation = simulation
        self.number = number
        self.busy = False
        self.lineage = lineage.begin(simulation.realm.config)
        self._versions: dict[int, int] = {}  # by user: the newest that this client has seen or made
        self._made = 0
        self._later()

    def _later(self) -> None:
        think = self.simulation.story.think
        self.simulation.clock.callLater(2 * think * self.simulation.chance.random(), self._next)

    def _next(self) -> None:
        if self.simulation.healed:
            return
        chance = self.simulation.chance
        user = chance.randrange(self.simulation.story.users)
        (self.write if chance.random() < 0.6 else self.read)(user)

    def write(self, user: int) -> Write:
        """Register or update, with the next version as far as this client knows."""
        self.busy = True
        self._made += 1
        version = self._versions.get(user, -1) + 1
        keys = {"pgp": b"%d.%d" % (self.number, self._made)}
        request = self.simulation.realm.request(owner(user), version, keys)
        content = content_of(request.update.new_entry)
        if content is None:
            raise AssertionError("a request has no entry")
        write = Write(owner(user).user_id, content, self.simulation.clock.seconds())
        self.simulation.history.writes.append(write)
        self.simulation.say(f"client {self.number} writes {write.user} {version} {content[1].hex()[:8]}")
        _Asking(self, user, write, request.SerializeToString()).attempt()
        return write

    def read(self, user: int) -> None:
        """Look up."""
        self.busy = True
        _Asking(self, user, None, b"").attempt()

    def learnt(self, user: int, version: int) -> None:
        """This version is taken."""
        self._versions[user] = max(version, self._versions.get(user, -1))

    @property
    def quorum(self) -> QuorumExpr:
        """Whose signatures are asked for: what the newest policy that is known demands."""
        return self.lineage.realm_now(self.simulation.realm.config).verification_policy.quorum

    def follow(self, changes: Sequence[RatifiedHead]) -> None:
        """Follow the realm's signatures to newer policies."""
        for change in changes:
            self.lineage = self.lineage.follow(self.simulation.realm.config, change.ratifications)

    def verify(self, user_id: str, proof: LookupProof) -> Verified:
        """Check an answer by the policy of its epoch.

        :raises ProofInvalid: something is wrong with it.
        """
        return verify_lookup(self.realm_of(proof), user_id, proof, START + self.simulation.clock.seconds())

    def realm_of(self, proof: LookupProof) -> RealmConfig:
        """What an answer must satisfy, by the epoch that it is of."""
        config = self.simulation.realm.config
        return self.lineage.realm_of(config, common_head(config.RealmName, proof.ratifications).epoch)

    def done(self) -> None:
        """Whatever came of it."""
        self.busy = False
        self._later()


class _Attempt(NamedTuple):
    """A replica in one of its lives, and whose signatures it was asked for."""

    host: Host
    life: int
    quorum: QuorumExpr

    @property
    def source(self) -> tuple[int, int]:
        """What an answer is from."""
        return (self.host.id, self.life)


class _Asking:
    """One request, until it is answered or given up: to one replica after another."""

    def __init__(self, client: Client, user: int, write: Write | None, request: bytes) -> None:
        self._client = client
        self._simulation = client.simulation
        self._user = user
        self._write = write
        self._request = request
        self._attempts = 0
        self._over = False
        self._begun = self._simulation.clock.seconds()

    def attempt(self) -> None:
        """Ask some replica."""
        if self._over:
            return
        if self._attempts == ATTEMPTS:
            self._simulation.say(f"client {self._client.number} gives up")
            self._finish()
            return
        self._attempts += 1
        host = self._simulation.chance.choice([host for host in self._simulation.hosts.values() if not host.retired])
        clock, delay = self._simulation.clock, self._simulation.network.weather.delay(self._simulation.chance)
        clock.callLater(delay, self._arrive, host)
        clock.callLater(PATIENCE * (1 if self._write is None else 2), self._expire, self._attempts)

    def _expire(self, attempt: int) -> None:
        if attempt == self._attempts:
            self.attempt()

    def _arrive(self, host: Host) -> None:
        if host.running and host.ready:
            host.clock.happen(self._ask, (host,))

    def _ask(self, host: Host) -> None:
        asked: Deferred[Answer]
        if self._write is None:
            asked = maybeDeferred(host.lookup, LookupRequest(user_id=owner(self._user).user_id))
        else:
            request = UpdateRequest.FromString(self._request)
            request.lookup_parameters.quorum_requirement.CopyFrom(self._client.quorum)
            asked = host.update(request)
        asking = _Attempt(host, host.lives, self._client.quorum)
        asked.addCallbacks(
            lambda answer: self._answered(answer.protobuf(), asking),
            lambda failure: self._answered(failure, asking),
        ).addErrback(lambda failure: self._simulation.fail(failure.value))

    def _answered(self, answer: bytes | Failure, asking: _Attempt) -> None:
        host = asking.host
        if isinstance(answer, Failure) and answer.check(Corrupt, InvalidRequest):
            self._simulation.fail(Violation(f"replica {host.id} answers: {answer.value!r}"))
        delay = self._simulation.network.weather.delay(self._simulation.chance)
        changes = host.policy_changes(self._client.lineage.newest)
        if self._simulation.chance.random() >= self._simulation.network.weather.loss:
            self._simulation.clock.callLater(delay, self._hear, answer, changes, asking)

    def _hear(self, answer: bytes | Failure, changes: Sequence[RatifiedHead], asking: _Attempt) -> None:
        if self._over:
            return
        self._client.follow(changes)
        if isinstance(answer, Failure):
            self._refused(answer.value or AssertionError(answer), asking.host)
            return
        proof = LookupProof.FromString(answer)
        if self._write is not None and asking.quorum != self._client.realm_of(proof).verification_policy.quorum:
            self.attempt()  # it is of an epoch with other replicas than those whose signatures were asked for
            return
        try:
            self._learn(proof, asking)
        except ProofInvalid as error:
            raise Violation(f"replica {asking.host.id} gives a wrong proof: {error}") from error
        self._finish()

    def _refused(self, error: BaseException, host: Host) -> None:
        self._simulation.say(f"client {self._client.number} hears from {host.id}: {type(error).__name__}")
        if self._write is None or isinstance(error, (Unavailable, TimedOut, QuorumUnmet)):
            self.attempt()  # it is not there, or does not know: somebody else may
            return
        if not isinstance(error, UpdateInvalid):
            raise Violation(f"replica {host.id} refuses an update: {error!r}") from error
        self._write.refused, self._write.ended = True, self._simulation.clock.seconds()
        self._client.learnt(self._user, self._write.content[0])
        self._finish()

    def _learn(self, proof: LookupProof, asking: _Attempt) -> None:
        simulation, user_id = self._simulation, owner(self._user).user_id
        verified = self._client.verify(user_id, proof)
        now, content = simulation.clock.seconds(), content_of(proof.entry)
        shown = (content[0], content[1].hex()[:8]) if content else "nothing"
        simulation.say(
            f"client {self._client.number} hears from {asking.host.id}: {user_id} {shown} in {verified.epoch}"
        )
        if content is not None:
            self._client.learnt(self._user, content[0])
        if self._write is not None:
            self._write.ended, self._write.epoch = now, int(verified.epoch)
        simulation.history.reads.append(
            Read(self._client.number, asking.source, user_id, int(verified.epoch), content, self._begun, now)
        )
        simulation.happened["lookup" if self._write is None else "update"] += 1

    def _finish(self) -> None:
        self._over = True
        self._client.done()
