"""The client: asks, verifies, remembers; and changes entries for their owners.

Rules:

1. Nothing that a server says is returned unless `coname.core.lookup.verify_lookup` has accepted it under the realm's
   configuration, and the memory (`continuity`) does not contradict it.
2. A question is asked under the canonical form of the address.
3. Before an update is sent, its keys and its bytes are in the identity store (`identity`, rule 1 and 2). Nothing but a
   verified answer settles what became of it: whoever refuses an update holds it all the same, and may deliver it later.
4. Whatever fails, fails with a `coname.errors.ConameError`; an update that failed can be called again with the same
   arguments, or with others, which then take the place of the first.

Every public method returns what the program's framework awaits: a Deferred after ``txaio.use_twisted()``, a task after
``txaio.use_asyncio()``. The program calls one of the two before it makes a `Client`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from coname.client.composing import LATEST
from coname.client.framework import framework
from coname.client.identity import Identity, Pending
from coname.client.interfaces import IIdentityStore, ITransport
from coname.client.planning import Change, plan_registration, plan_update
from coname.client.proving import Claim, Prove
from coname.client.questions import Question, Questions, for_want_of_signatures
from coname.client.records import MemoryRecords
from coname.client.results import Outcome, Result
from coname.client.state import PinnedState, realm_name
from coname.core.addresses import canonical
from coname.core.lookup import realm_for
from coname.core.types import Epoch
from coname.errors import (
    ConameError,
    InvalidRequest,
    Misconfigured,
    NotFound,
    ProofInvalid,
    Refused,
    RegistrationNeeded,
    TimedOut,
    Unavailable,
    Unreachable,
)
from coname.messages.client_pb2 import EmailProof
from coname.messages.config_pb2 import Config, RealmConfig

_REFUSALS = (Refused, InvalidRequest, NotFound)
"""What a server says that will not take an update. It is the server's word, and proves nothing."""


class Client:
    """A client of all realms in `config`.

    :param config: the realms, and what each must prove.
    :param connect: makes the `ITransport` to a realm; called once for each realm that is asked.
    :param state: what is remembered between answers; without one, it ends with this object.
    :param clock: the time now, in seconds since 1970.
    """

    def __init__(
        self,
        config: Config,
        connect: Callable[[RealmConfig], ITransport],
        state: PinnedState | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._questions = Questions(connect, PinnedState(MemoryRecords()) if state is None else state, clock)

    def lookup(self, address: str, epoch: int = 0) -> Awaitable[Result]:
        """The keys of `address`, or the proof that it has none.

        :param epoch: 0 for the latest.

        Fails with `InvalidRequest` (no address, no realm for it), `ProofInvalid`, `Unreachable`, or what the server
        refused it with.
        """
        return self._awaitable(self._lookup, address, Epoch(epoch))

    def register(
        self,
        address: str,
        keys: Mapping[str, bytes],
        store: IIdentityStore,
        email_proof: EmailProof | Prove | None = None,
    ) -> Awaitable[Result]:
        """Make the first entry of `address`, publishing `keys`.

        :param store: an `IIdentityStore`; the signing key is made and kept there.
        :param email_proof: that the address is the caller's, where the realm asks for it; or who can prove it, when it
            does. A proof is for one entry: make the proof after the entry, by a `coname.client.proving.Prove`.

        Fails as `lookup` does, and with `AlreadyRegistered`.
        """
        return self._awaitable(self._register, address, dict(keys), store, email_proof)

    def update(self, address: str, change: Change, store: IIdentityStore) -> Awaitable[Result]:
        """Change the entry of `address`. The outcome is ABSENT if it has none.

        :param store: the `IIdentityStore` with the signing key.

        Fails as `lookup` does, and with `NotOwner`, `UpdateInvalid`, or `Misconfigured` (no identity there).
        """
        return self._awaitable(self._update, address, change, store)

    def close(self) -> Awaitable[None]:
        """Let go of all connections."""
        return self._awaitable(self._questions.close)

    @staticmethod
    def _awaitable(method: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        return cast("Awaitable[Any]", framework.as_future(method, *arguments))

    async def _lookup(self, address: str, epoch: Epoch = LATEST) -> Result:
        return await self._questions.lookup(self._question(address, epoch))

    def _question(self, address: str, epoch: Epoch = LATEST) -> Question:
        """:raises InvalidRequest: it is no address, or of no realm."""
        user_id = canonical(address)
        return Question(realm_for(self._config, user_id), address, user_id, epoch)

    async def _register(
        self, address: str, keys: Mapping[str, bytes], store: IIdentityStore, proof: EmailProof | Prove | None
    ) -> Result:
        identity = self._identity(address, store)
        before = await self._lookup(address)
        plan = plan_registration(identity, before, realm_name(before.realm), keys)
        store.save(plan.identity)
        if plan.send is None:
            return replace(before, outcome=Outcome.UNCHANGED)
        if proof is None or isinstance(proof, EmailProof):
            return await self._send(before, plan.identity, plan.send, store, Outcome.REGISTERED, proof)
        try:
            return await self._send(before, plan.identity, plan.send, store, Outcome.REGISTERED)
        except RegistrationNeeded:
            proved = await proof(Claim(before.address, plan.send.request.update.new_entry, before.realm))
        return await self._send(before, plan.identity, plan.send, store, Outcome.REGISTERED, proved)

    async def _update(self, address: str, change: Change, store: IIdentityStore) -> Result:
        identity = self._identity(address, store)
        if identity is None:
            raise Misconfigured([f"there is no identity for {canonical(address)}: its signing key is needed"])
        before = await self._lookup(address)
        if not before.present:
            return before
        plan = plan_update(identity, before, change)
        store.save(plan.identity)
        if plan.send is None:
            return replace(before, outcome=Outcome.UNCHANGED)
        return await self._send(before, plan.identity, plan.send, store, Outcome.UPDATED)

    def _identity(self, address: str, store: IIdentityStore) -> Identity | None:
        """What `store` holds, if it is for this address in this realm.

        :raises Misconfigured: it is for another.
        """
        identity = store.load()
        user_id = canonical(address)
        realm = realm_for(self._config, user_id)
        if identity is not None and (identity.address, identity.realm) != (user_id, realm_name(realm)):
            raise Misconfigured(
                [
                    f"the identity is that of {identity.address} in realm {identity.realm}, "
                    f"not of {user_id} in realm {realm_name(realm)}"
                ]
            )
        return identity

    async def _send(
        self,
        before: Result,
        identity: Identity,
        pending: Pending,
        store: IIdentityStore,
        outcome: Outcome,
        email_proof: EmailProof | None = None,
    ) -> Result:
        try:
            result = await self._questions.update(self._question(before.asked), pending, email_proof)
        except _REFUSALS as refusal:
            result = await self._in_force_after_all(before.asked, pending, refusal)
        except ProofInvalid as error:
            if not for_want_of_signatures(error):  # those who sign may have changed since the lookup before it
                raise
            result = await self._in_force_after_all(before.asked, pending, error)
        if result.entry is None or result.entry.version < pending.entry.version:
            raise ProofInvalid("update", "the server took the update, and proves that it is not in force")
        store.save(identity.settled(result.entry))
        _check_in_force(pending, result)
        return replace(result, outcome=outcome)

    async def _in_force_after_all(self, asked: str, pending: Pending, refusal: ConameError) -> Result:
        """The proof that `pending`, or what overtook it, is in force, although the server has just refused it: it may
        have arrived before (sent twice, it is valid once), or the server may have failed, or lied, after it took it.

        :raises ConameError: the `refusal`; nothing proves that it is in force. It stays pending.
        """
        try:
            result = await self._lookup(asked)
        except (*_REFUSALS, Unavailable, TimedOut, Unreachable):
            raise refusal from None
        if result.entry is None or result.entry.version < pending.entry.version:
            raise refusal
        return result


def _check_in_force(pending: Pending, result: Result) -> None:
    """Whether the entry in force is the one that was sent, or a later one of the owner's."""
    if result.entry is None or result.proof.entry == pending.request.update.new_entry:
        return
    if result.entry.version == pending.entry.version:
        raise Refused("another update with the same version came first; look up what is in force, and try again")
    raise Refused(f"a later update, version {result.entry.version}, came in between; look up what is in force")
