"""Who may register an address: the decision that all kinds of proofs share.

Rules that this file keeps, whatever a checker says:

1. Only an address in canonical form, of a domain that the realm serves, is registered.
2. What is proved is that very address, by a checker that is configured for its domain.
3. The proof names the entry that it registers, unless the realm takes such as do not.
4. It is good for a bounded time, and has an id, by which the replicas let nobody in with it twice
   (`coname.keyserver.proof_records`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.logger import Logger

from coname.core import addresses, domains
from coname.core.text import quoted
from coname.errors import (
    ConameError,
    NotCanonical,
    RegistrationExpired,
    RegistrationNeeded,
    RegistrationRefused,
    Unavailable,
)
from coname.messages.replication_pb2 import AdmittedUpdate, ProofRecord
from coname.registration.proof import (
    ID_SIZE,
    LONGEST_FACT,
    LONGEST_VALIDITY,
    IProofChecker,
    Presented,
    Proved,
    record_of,
)


class Offers(NamedTuple):
    """How addresses of a domain are registered.

    :ivar anybody: no proof is asked for.
    :ivar proofs: each way: its kind, and what one needs to know for it.
    """

    anybody: bool
    proofs: list[dict[str, str]]


class Registrar:
    """Decides about registrations.

    :param checkers: one for each policy that asks for a proof; any one of them suffices.
    :param served: whose addresses are taken, as domains or ``*.`` and a domain; empty: any.
    :param anybody: no proof is asked for; one that comes along is not looked at.
    :param unbound: a proof that names no entry is taken too.
    :param skew: seconds that clocks may differ.
    :param now: seconds since 1970.
    """

    _log = Logger()

    def __init__(
        self,
        checkers: Sequence[IProofChecker],
        served: Sequence[str],
        *,
        anybody: bool,
        unbound: bool,
        skew: float,
        now: Callable[[], float],
    ) -> None:
        self.checkers = tuple(checkers)
        self._served = served
        self._anybody = anybody
        self._unbound = unbound
        self._skew = skew
        self._now = now

    def check_address(self, user_id: str) -> None:
        """Raise `NotCanonical`, `InvalidRequest` or `RegistrationRefused` unless `user_id` may be registered at all."""
        canonical = addresses.canonical(user_id)
        if canonical != user_id:
            raise NotCanonical(f"{user_id!r} is not in canonical form; register {canonical!r}")
        domain = addresses.split(user_id)[1]
        if self._served and not domains.matches(domain, self._served):
            raise RegistrationRefused(
                f"addresses of {domain!r} are not registered here, only of {', '.join(self._served)}"
            )

    async def check(self, user_id: str, entry: bytes, presented: Presented) -> ProofRecord | None:
        """What lets `user_id` register `entry`; None if nothing is asked for.

        :raises RegistrationRefused: nothing does, or one of its kinds.
        :raises Unavailable: it cannot be told at the moment.
        """
        if self._anybody:
            return None
        try:
            proved = await self._prove(user_id, entry, presented)
            self._check_proved(proved, user_id)
        except RegistrationRefused as error:
            self._log.info("{user_id} is not let in: {error}", user_id=user_id, error=error)
            raise
        return record_of(proved, self._skew)

    def offers(self, domain: str) -> Offers:
        """How people of `domain`, in canonical form, register an address."""
        if self._served and not domains.matches(domain, self._served):
            return Offers(False, [])
        offers = [
            {"kind": checker.kind, **offer}
            for checker in self.checkers
            if domains.matches(domain, checker.domains)
            for offer in checker.offer(domain)
        ]
        return Offers(self._anybody, offers)

    def stop(self) -> None:
        """Let go of what the checkers hold."""
        for checker in self.checkers:
            checker.stop()

    async def _prove(self, user_id: str, entry: bytes, presented: Presented) -> Proved:
        now = self._now()
        refusals: list[ConameError] = []
        for checker in self._choose(user_id, presented):
            try:
                return await checker.check(presented, user_id, entry, now)
            except (RegistrationRefused, Unavailable) as error:
                refusals.append(error)
        raise next((one for one in refusals if isinstance(one, RegistrationExpired | Unavailable)), refusals[0])

    def _choose(self, user_id: str, presented: Presented) -> list[IProofChecker]:
        """The checkers for what is `presented`; at least one."""
        if not self.checkers:
            raise RegistrationRefused("this realm registers nobody: its registration_policy names no proof")
        kinds = ", ".join(sorted({checker.kind for checker in self.checkers}))
        taking = [checker for checker in self.checkers if checker.takes(presented)]
        if not taking and presented.empty:
            raise RegistrationNeeded(f"a proof that {user_id} is yours is needed; this realm takes: {kinds}")
        if not taking:
            raise RegistrationRefused(f"this realm does not take proofs of this kind; it takes: {kinds}")
        domain = addresses.split(user_id)[1]
        chosen = [checker for checker in taking if domains.matches(domain, checker.domains)]
        if not chosen:
            raise RegistrationRefused(f"a proof of this kind is not taken for addresses of {domain!r}")
        return chosen

    def _check_proved(self, proved: Proved, user_id: str) -> None:
        if proved.address != user_id:
            raise RegistrationRefused(f"the proof is for {quoted(proved.address)}, not for {quoted(user_id)}")
        if not proved.bound and not self._unbound:
            raise RegistrationRefused(
                "the proof does not name the entry that it is to register; this realm takes only such as do"
            )
        if len(proved.replay_id) != ID_SIZE:
            raise ValueError(f"a checker of {proved.kind} made an id of {len(proved.replay_id)} bytes")
        if proved.expires > self._now() + LONGEST_VALIDITY + 2 * self._skew:
            raise RegistrationRefused(f"the proof is good for more than {LONGEST_VALIDITY:g} seconds")


def open_to_all(served: Sequence[str] = ()) -> Registrar:
    """Whoever comes first may register an address."""
    return Registrar((), served, anybody=True, unbound=False, skew=0.0, now=lambda: 0.0)


def log_registration(log: Logger, update: AdmittedUpdate, epoch: int) -> None:
    """Write down who was let in, and by whom: enough to explain it later, and nothing that lets anybody in again.

    Where no proof is asked for there is nothing to explain, and thousands may come in a second.
    """
    if not update.HasField("proof"):
        return
    log.info(
        "{user_id} is registered from epoch {epoch} on: {kind} of {issuer}, subject {subject}, {bound}, proof {id}",
        user_id=update.user_id,
        epoch=epoch,
        kind=update.proof.kind,
        issuer=quoted(update.proof.issuer, LONGEST_FACT),
        subject=quoted(update.proof.subject, LONGEST_FACT),
        bound="for this entry" if update.proof.bound else "for any entry",
        id=update.proof.id.hex(),
    )
