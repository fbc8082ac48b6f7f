"""Following the replicas' policy: when a server is asked for changes, and what may come of it.

A server is asked

- when an answer lacks signatures, or is too old: those who sign may be others by now;
- when the latest answer is older than epochs usually get, in case that newer ones are signed by others;
- when the configuration pins a policy that is not known to be one of the realm's;
- and once a day besides: those who are retired shall not have their say for longer, even if their signatures would do.

A verified answer whose head announces a change needs no asking.

What a server says counts for nothing but the signatures in it (`lineage`): if changes that it tells cannot be followed,
another server is asked, so that one that lies keeps nobody from following. It costs no more than `MAX_PAGES` answers
of `MAX_PAGE` changes: what was followed until then is kept, the rest comes next time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coname.client import continuity
from coname.client.busy_memory import once_free
from coname.client.lineage import Lineage
from coname.client.lineage_records import ASK_AGAIN
from coname.client.servers import Servers
from coname.client.state import PinnedState, Unfollowable
from coname.core import times
from coname.core.types import Epoch
from coname.errors import ConameError, Corrupt, Misconfigured, ProofInvalid
from coname.messages.client_pb2 import LookupProof, PolicyChanges, PolicyChangesRequest, RatifiedHead
from coname.messages.config_pb2 import RealmConfig

MAX_PAGES, MAX_PAGE = 16, 256
"""Answers that are asked for at once, and changes in one of them: together far more than a realm makes in its life."""

ANOTHER = "form"
"""The step that a page fails at which cannot be followed: of those where another server may know better."""

SUSPICIOUS = 1 / 12
"""The part of epoch_time_to_live after which the latest epoch is old: five minutes of an hour, where one is closed
every minute."""


class Follower:
    """Follows the policies of all realms.

    :param state: where they are remembered.
    :param clock: the time now, in seconds since 1970.
    """

    def __init__(self, state: PinnedState, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock

    def known(self, realm: RealmConfig) -> Lineage | None:
        """Who ratifies the realm's epochs, as far as is known; None if the configuration does not say who does.

        :raises Corrupt: the memory is damaged.
        :raises Misconfigured: it contradicts the configuration.
        """
        lineage = self._state.known_policy(realm).lineage
        return lineage if realm.HasField("keyserver_auth") else None

    async def refresh(self, realm: RealmConfig, servers: Servers, after: float = ASK_AGAIN) -> list[str]:
        """Ask if nobody was asked for `after` seconds. Returns what went wrong, in sentences: by itself it spoils no
        answer.

        :raises Misconfigured: the configuration pins a policy that the realm's signatures do not lead to.
        """
        if not realm.HasField("keyserver_auth"):
            return []
        record = self._state.known_policy(realm)
        stranger = not record.lineage.knows(realm.keyserver_auth)
        if not stranger and not record.due(self._clock(), after):
            return []
        try:
            await self.catch_up(realm, servers, thorough=stranger)
        except ConameError as error:
            if stranger or _grave(error):
                raise
            return [f"whether the replicas' policy has changed could not be found out: {error}"]
        if stranger and not self._state.known_policy(realm).lineage.knows(realm.keyserver_auth):
            raise self._state.policy_disagreement(realm)
        return []

    async def refresh_if_old(self, realm: RealmConfig, servers: Servers, age: float) -> list[str]:
        """As `refresh`, for a latest answer whose epoch is `age` seconds old: newer ones may be by other signers."""
        usual = times.to_seconds(realm.epoch_time_to_live) * SUSPICIOUS
        return await self.refresh(realm, servers, usual) if age > usual else []

    async def catch_up(self, realm: RealmConfig, servers: Servers, thorough: bool) -> int:
        """Ask for changes, and follow them. Returns how many there were.

        :param thorough: ask all servers before taking it that there are none.
        """
        await once_free(realm, lambda: self._state.asked_for_changes(realm, self._clock()))
        followed = 0
        for _ in range(MAX_PAGES):
            newest = self._state.known_policy(realm).lineage.newest
            page, passed_over = await self._page(realm, servers, newest, thorough and not followed)
            followed += await self._follow(realm, page.changes)
            for wrong in passed_over:
                await self._convict(realm, wrong)
            if not page.more or self._state.known_policy(realm).lineage.newest == newest:
                break
        return followed

    async def announced(self, realm: RealmConfig, proof: LookupProof) -> bool:
        """Follow the change that the head of a verified answer announces. Returns whether there is one that is new."""
        return await self._follow(realm, [RatifiedHead(ratifications=proof.ratifications)]) > 0

    async def _page(
        self, realm: RealmConfig, servers: Servers, newest: Epoch, thorough: bool
    ) -> tuple[PolicyChanges, list[Unfollowable]]:
        """What a server knows of changes after `newest`; of several, one whose changes can all be followed. And what
        others told that cannot be."""
        request = PolicyChangesRequest(after=newest)
        doubtful, passed_over = list[PolicyChanges](), list[Unfollowable]()

        def checked(page: PolicyChanges) -> PolicyChanges:
            wrong = self._state.unfollowable(realm, _bounded(page).changes)
            if wrong is not None:
                doubtful.append(page)
                passed_over.append(wrong)
                raise ProofInvalid(ANOTHER, str(wrong.error))
            return page

        try:
            heard = await servers.ask(
                lambda transport: transport.policy_changes(request),
                checked,
                lambda page: 1 if thorough and not page.changes else 0,
            )
        except ConameError:
            if not doubtful:
                raise
            return doubtful[0], []  # to follow as much of it as can be, and to tell what is wrong with the rest
        return heard.value, passed_over

    async def _convict(self, realm: RealmConfig, wrong: Unfollowable) -> None:
        """Tell of what was passed over if it convicts somebody."""
        await once_free(realm, lambda: self._state.convict(realm, wrong, self._clock()))

    async def _follow(self, realm: RealmConfig, changes: Sequence[RatifiedHead]) -> int:
        """Follow them, and tell how many were new."""
        before = self._state.known_policy(realm).lineage
        await once_free(realm, lambda: self._state.follow(realm, changes, self._clock()))
        return self._state.known_policy(realm).lineage.count - before.count


def _bounded(page: PolicyChanges) -> PolicyChanges:
    if len(page.changes) > MAX_PAGE:
        raise ProofInvalid(ANOTHER, f"{len(page.changes)} changes at once; at most {MAX_PAGE} are looked at")
    return page


def _grave(error: ConameError) -> bool:
    """Whether it must be told even if the answer that was asked for is all right."""
    if isinstance(error, ProofInvalid):
        return error.step == continuity.STEP
    return isinstance(error, Corrupt | Misconfigured)
