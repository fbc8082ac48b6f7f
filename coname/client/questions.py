"""Questions to a realm's servers, and what becomes of the answers: verified, fitting the memory, and remembered.

1. Whom an answer must be signed by depends on the epoch that it says it is for (`lineage`), and it must be signed by
   them: to claim another epoch is of no use to a liar.
2. An answer that lacks signatures, or is too old, may be that of replicas that are others by now: what the server knows
   of changes is followed, and the question put again (`follower`).
3. A verified answer whose head announces a change is followed at once; as there is a newer epoch then, or will be, the
   latest is asked for again. Until those who are to sign from then on have signed, the epoch of the change is the
   latest that there is.
4. None of this goes on for ever: there are `MAX_ROUNDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from coname.client.busy_memory import once_free
from coname.client.composing import LATEST, lookup_request, update_request
from coname.client.continuity import STEP, describe
from coname.client.follower import Follower
from coname.client.hearing import of_another, retold
from coname.client.identity import Pending
from coname.client.interfaces import ITransport
from coname.client.judging import judged
from coname.client.lineage import Lineage
from coname.client.missing import missing_signatures
from coname.client.results import Result
from coname.client.servers import Servers
from coname.client.signers import naming
from coname.client.state import PinnedState
from coname.core import rollover
from coname.core.types import Epoch
from coname.errors import ConameError, ProofInvalid, QuorumUnmet, TimedOut, Unavailable
from coname.messages.client_pb2 import EmailProof, LookupProof
from coname.messages.config_pb2 import RealmConfig

MAX_ROUNDS = 4
"""How often one question is put, changes being followed in between: an answer may announce a change each time, but not
for ever, and `follower` takes many at once."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    :ivar realm: as configured.
    :ivar asked: the address as the caller wrote it; `user_id` in canonical form.
    :ivar epoch: 0 for the latest.
    """

    realm: RealmConfig
    asked: str
    user_id: str
    epoch: Epoch = LATEST


class Questions:
    """Asks, verifies, remembers.

    :param connect: makes the transport to a realm; called once for each realm that is asked.
    :param trying: the server is tried, while others of the realm are known: one that is behind them is no good, but no
        liar either.
    """

    def __init__(
        self,
        connect: Callable[[RealmConfig], ITransport],
        state: PinnedState,
        clock: Callable[[], float],
        trying: bool = False,
    ) -> None:
        self._connect = connect
        self._trying = trying
        self._state = state
        self._clock = clock
        self._follower = Follower(state, clock)
        self._servers: dict[str, Servers] = {}

    async def close(self) -> None:
        """Let go of all connections."""
        while self._servers:
            _, servers = self._servers.popitem()
            await servers.close()

    async def lookup(self, question: Question) -> Result:
        """The answer. Fails as `Client.lookup` does."""
        servers = self._servers_of(question.realm)
        notes = await self._follower.refresh(question.realm, servers)
        best: Result | None = None
        for _ in range(MAX_ROUNDS):
            try:
                result = await self._ask(question, servers)
            except ConameError as error:
                told = await self._still(question.realm, servers, error)
                if told is None:
                    continue
                best = await self._second_best(question, servers, best, told)
                break
            best, announced = await self._announced(question.realm, result)
            if question.epoch:
                break
            more, moved = await self._moved(question.realm, servers, best)
            notes += more
            if not (announced or moved):
                break
        if best is None:
            raise ProofInvalid(rollover.STEP, f"the replicas' policy has changed {MAX_ROUNDS} times while it was asked")
        return replace(best, notes=(*notes, *best.notes))

    async def update(self, question: Question, pending: Pending, email_proof: EmailProof | None = None) -> Result:
        """What a server answers to an update. Fails as `ITransport.update` does, and as verification."""
        servers = self._servers_of(question.realm)
        try:
            return await self._send(question, servers, pending, email_proof)
        except QuorumUnmet as error:  # refused at the door: those whose signatures were asked for sign no more
            told = await self._still(question.realm, servers, error)
            if told is not None:
                raise told from error
        return await self._send(question, servers, pending, email_proof)

    async def _send(
        self, question: Question, servers: Servers, pending: Pending, email_proof: EmailProof | None
    ) -> Result:
        realm, lineage = question.realm, self._follower.known(question.realm)
        demanded = realm if lineage is None else lineage.realm_now(realm)
        floor = self._floor(realm, lineage)
        try:
            with naming(demanded):
                heard = await servers.send(update_request(demanded, question.user_id, pending, email_proof))
        except TimedOut as error:
            missing = await missing_signatures(demanded, servers, question.user_id)
            raise TimedOut(f"{error}{missing}") from error
        result = replace(self._checked(question, lineage, heard.value), notes=heard.passed)
        result, _ = await self._announced(realm, await self._remembered(question, result, floor))
        return result

    async def _ask(self, question: Question, servers: Servers) -> Result:
        """The answer, verified under what is known now, and remembered."""
        realm, epoch = question.realm, question.epoch
        lineage = self._follower.known(realm)
        demanded = realm
        if lineage is not None:
            demanded = lineage.realm_of(realm, epoch) if epoch else lineage.realm_now(realm)
        floor = self._floor(realm, lineage)
        request = lookup_request(demanded, question.user_id, epoch)
        with naming(demanded):
            heard = await servers.ask(
                lambda transport: transport.lookup(request),
                lambda proof: self._checked(question, lineage, proof),
                lambda result: 0 if epoch else floor - result.epoch,
            )
        if self._trying and heard.value.epoch < floor:
            raise Unavailable(f"it is behind: epoch {heard.value.epoch} is its newest, and {floor} is known")
        if lineage is not None and not epoch:
            lineage.check_begun(heard.value.epoch)
        return await self._remembered(question, replace(heard.value, notes=heard.passed), floor)

    async def _still(self, realm: RealmConfig, servers: Servers, error: ConameError) -> ConameError | None:
        """What to tell of `error`; None if it may have been for want of changes that are followed now."""
        if not for_want_of_signatures(error) or self._follower.known(realm) is None:
            return error
        try:
            return None if await self._follower.catch_up(realm, servers, thorough=True) else error
        except ConameError as failure:
            if isinstance(failure, ProofInvalid) and failure.step == STEP:
                raise
            return retold(error, f"changes of the replicas' policy could not be followed ({failure}); {error}")

    async def _moved(self, realm: RealmConfig, servers: Servers, result: Result) -> tuple[list[str], bool]:
        """What went wrong in asking because `result` is older than the latest usually is, and whether the policy that
        was known has changed by it."""
        before = self._follower.known(realm)
        age = result.checked_at - result.verified.head.issue_time
        notes = await self._follower.refresh_if_old(realm, servers, age)
        return notes, self._follower.known(realm) != before

    async def _second_best(
        self, question: Question, servers: Servers, best: Result | None, error: ConameError
    ) -> Result:
        """What there is in the place of a latest answer that nobody gives.

        :raises ConameError: `error`: nothing.
        """
        if not of_another(error):
            raise error
        if best is not None:
            return best
        lineage = self._follower.known(question.realm)
        between = lineage is not None and lineage.changes and self._floor(question.realm, lineage) == lineage.newest
        if lineage is None or not between or question.epoch or not for_want_of_signatures(error):
            raise error
        try:
            return await self._ask(replace(question, epoch=lineage.newest), servers)
        except ConameError as failure:
            if of_another(failure):
                raise error from failure
            raise

    async def _announced(self, realm: RealmConfig, result: Result) -> tuple[Result, bool]:
        """`result`, and whether its head has announced a change that is new. One that cannot be followed is told."""
        if not (realm.HasField("keyserver_auth") and result.verified.head.next_epoch_policy):
            return result, False
        try:
            return result, await self._follower.announced(realm, result.proof)
        except ProofInvalid as error:
            if error.step == STEP:
                raise
            return replace(
                result, notes=(*result.notes, f"the change that it announces is not followed: {error}")
            ), False

    def _checked(self, question: Question, lineage: Lineage | None, proof: LookupProof) -> Result:
        """`proof`, verified."""
        result = judged(question.realm, lineage, question.asked, question.user_id, proof, self._clock())
        if question.epoch and result.epoch != question.epoch:
            raise ProofInvalid("epoch", f"the answer is for epoch {result.epoch}; epoch {question.epoch} was asked for")
        return result

    async def _remembered(self, question: Question, result: Result, floor: Epoch) -> Result:
        """`result`, which fits the memory, and is in it now."""
        known = self._state.newest(result.realm)
        await once_free(question.realm, lambda: self._state.observe(question.realm, result, floor, question.epoch))
        return replace(result, steps=(*result.steps, (STEP, describe(known, result.verified.head))))

    def _floor(self, realm: RealmConfig, lineage: Lineage | None) -> Epoch:
        """The newest epoch that is known."""
        newest = self._state.newest(realm)
        seen = Epoch(0) if newest is None else newest.epoch
        return seen if lineage is None else max(seen, lineage.newest)

    def _servers_of(self, realm: RealmConfig) -> Servers:
        if realm.RealmName not in self._servers:
            self._servers[realm.RealmName] = Servers.of(realm.RealmName, self._connect(realm))
        return self._servers[realm.RealmName]


def for_want_of_signatures(error: ConameError) -> bool:
    """Whether other signatures than those that were asked for might have done."""
    if isinstance(error, ProofInvalid):
        return error.step in ("signatures", "freshness")
    return isinstance(error, QuorumUnmet)
