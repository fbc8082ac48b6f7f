"""What a realm's part of a client configuration is to say once its replicas have changed.

Rules:

1. Trust begins with the configuration that is given, and with nothing else: what this client remembered, and what any
   server says besides signatures, do not count. From there on changes are followed as every client follows them
   (`coname.client.follower`).
2. Every server is asked, one after the other, by itself: each of them may know of a later change, and of each it is
   known afterwards whether it can be reached and what it answers.
3. Nothing is renewed that has not been tried: an answer for an epoch after the newest change has to verify under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from coname.client import continuity
from coname.client.follower import Follower
from coname.client.fresh_records import FreshRecords
from coname.client.hearing import Asked, of_another
from coname.client.interfaces import IRecords, ITransport
from coname.client.lineage import Lineage
from coname.client.questions import Question, Questions
from coname.client.results import Result
from coname.client.servers import Servers
from coname.client.signers import signer_words
from coname.client.state import PinnedState
from coname.client.transports.connecting import grpc_addresses, https_urls
from coname.core.domains import WILDCARD
from coname.core.types import Epoch
from coname.errors import ConameError, Misconfigured, ProofInvalid, Unavailable
from coname.messages.config_pb2 import RealmConfig

NOBODY = "nobody"
"""Whose entry is looked up to try a server: that there is none is proved, and signed, as well."""


@dataclass(frozen=True)
class Renewed:
    """What was found.

    :ivar realm: the realm's new configuration.
    :ivar lineage: the changes that were followed to it.
    :ivar answered: each server whose answer verifies, and for which epoch it is.
    :ivar troubles: what came of the others, and of questions for changes, each in a sentence.
    """

    realm: RealmConfig
    lineage: Lineage
    answered: dict[str, Epoch]
    troubles: tuple[str, ...]

    @property
    def followed(self) -> int:
        """How many changes there were since the configuration was made."""
        return self.lineage.count

    def gone(self, before: RealmConfig) -> list[str]:
        """Those of `before` that sign no more, for a sentence."""
        return _without(before, self.realm)

    def new(self, before: RealmConfig) -> list[str]:
        """Those that `before` does not have, for a sentence."""
        return _without(self.realm, before)


@dataclass
class _Asking:
    """One configuration, while its servers are asked."""

    realm: RealmConfig
    state: PinnedState
    clock: Callable[[], float]
    asked: Asked[Result] = field(default_factory=Asked)
    answered: dict[str, Epoch] = field(default_factory=dict)

    async def ask(self, name: str, servers: Servers) -> None:
        """What one server knows. :raises ConameError: it contradicts others, or what it says is no proof."""
        try:
            await Follower(self.state, self.clock).catch_up(self.realm, servers, thorough=False)
        except ConameError as error:
            if isinstance(error, ProofInvalid) and error.step == continuity.STEP:
                raise
            self.asked.failed(name, error)
        questions = Questions(lambda _: servers, self.state, self.clock, trying=True)
        try:
            result = await questions.lookup(Question(self.realm, NOBODY, f"{NOBODY}@{some_domain(self.realm)}"))
        except ConameError as error:
            if not of_another(error):
                raise
            if name not in self.asked.failures:
                self.asked.failed(name, error)
        else:
            self.answered[name] = result.epoch

    def found(self) -> Renewed:
        """What all of them have led to.

        :raises ConameError: nothing that was tried.
        """
        lineage = self.state.known_policy(self.realm).lineage
        if not self.answered:
            raise self.asked.error()
        if lineage.changes and max(self.answered.values()) <= lineage.newest:
            raise Unavailable(
                f"epoch {lineage.newest} announces a change of the replicas, and no later epoch is answered for yet: "
                "ask again in a moment"
            )
        realm = without_names(lineage.realm_now(self.realm), lineage)
        return Renewed(realm, lineage, self.answered, tuple(self.asked.sentences))


async def renewed(
    realm: RealmConfig, connect: Callable[[RealmConfig], ITransport], kept: IRecords, clock: Callable[[], float]
) -> Renewed:
    """The configuration of `realm` after all changes that its servers know.

    :param realm: as it was, with the servers that are to be in it; each of them is asked.
    :param connect: makes the way to the one server that is in the realm it is given.
    :param kept: where contradictions are kept, if servers contradict each other.
    :param clock: seconds since 1970.
    :raises Misconfigured: it does not say who the replicas are, or no server.
    :raises Unavailable: those who sign after the newest change have not signed yet.
    :raises ConameError: what came of asking, where no server's answer verifies.
    """
    if not realm.HasField("keyserver_auth"):
        raise Misconfigured(
            [
                f"realm {realm.RealmName} has no keyserver_auth: nothing says which part of its verification_policy is "
                "the replicas', so that no change of them can be followed; make a new configuration of what you trust"
            ]
        )
    asking = _Asking(realm, PinnedState(FreshRecords(kept)), clock)
    alone = list(one_by_one(realm))
    if not alone:
        raise Misconfigured([f"realm {realm.RealmName} has neither addr nor URL: where are its servers?"])
    for name, only in alone:
        servers = Servers.of(name, connect(only))
        try:
            await asking.ask(name, servers)
        finally:
            await servers.close()
    return asking.found()


def one_by_one(realm: RealmConfig) -> Iterator[tuple[str, RealmConfig]]:
    """Each server of `realm`, and the realm with this one alone."""
    for place, servers in (("addr", grpc_addresses(realm)), ("URL", https_urls(realm))):
        for server in servers:
            only = RealmConfig()
            only.CopyFrom(realm)
            for name in ("addr", "addrs", "URL", "URLs"):
                only.ClearField(name)
            setattr(only, place, server)
            yield server, only


def some_domain(realm: RealmConfig) -> str:
    """A domain of the realm's."""
    domain = realm.domains[0]
    return f"{NOBODY}.{domain.removeprefix(WILDCARD)}" if domain.startswith(WILDCARD) else domain


def without_names(realm: RealmConfig, lineage: Lineage) -> RealmConfig:
    """`realm`, calling nobody by name who was a replica once and signs no more."""
    found = RealmConfig()
    found.CopyFrom(realm)
    for policy in (lineage.pinned, *(change.policy for change in lineage.changes)):
        for signer in policy.public_keys:
            if signer not in found.verification_policy.public_keys:
                found.signer_names.pop(signer, None)
    return found


def _without(some: RealmConfig, others: RealmConfig) -> list[str]:
    """The replicas of `some` that are none of `others`, as `some` calls them, with the ids that operators see."""
    ids = sorted(set(some.keyserver_auth.public_keys) - set(others.keyserver_auth.public_keys))
    return [f"{signer_words(some, each)}, {each:016x}" for each in ids]
