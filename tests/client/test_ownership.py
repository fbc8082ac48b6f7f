"""Whatever is lost, repeated, delayed, cut short, or refused by a server that lies: the owner stays the owner, and gets
to what they want."""

from __future__ import annotations

import secrets

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.client import Change, Client, MemoryIdentity, Outcome
from coname.client.identity import Identity, decode, encode
from coname.client.transports.refusals import ServerFailed
from coname.errors import ConameError, InvalidRequest, Refused, UpdateInvalid
from coname.messages.client_pb2 import Entry, LookupProof, UpdateRequest
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"
LOSSES = (
    "nothing",
    "the request",
    "the answer",
    "power before sending",
    "power after the answer",
    "refused and held",
    "refused after it was applied",
    "an older one delivered first",
)
REFUSALS = (Refused("no"), InvalidRequest("malformed"), UpdateInvalid("the version must grow"), ServerFailed("broken"))
"""What the server says when it lies. Whatever it refuses it has, and `late_delivery` may bring it."""


class PowerFailed(Exception):
    """The program ends at once."""


class Disk(MemoryIdentity):
    """Fails after a number of saves, each of which was whole and goes through its encoding."""

    fails_after = 0

    def save(self, identity: Identity) -> None:
        super().save(decode(encode(identity), "memory"))
        self.fails_after -= 1
        if self.fails_after == 0:
            raise PowerFailed


class Owner:
    """Alice, her disk, a network that loses messages and delivers lost ones late, and a server that lies about them."""

    def __init__(self, case: SynchronousTestCase) -> None:
        self.case, self.realm, self.disk = case, Realm(), Disk()
        self.client = Client(self.realm.config(), lambda _: MemoryTransport(self.realm), clock=lambda: self.realm.now)
        self.deliver_first: int | None = None
        self._honest, self.realm.update = self.realm.update, self._update

    def _update(self, request: UpdateRequest) -> LookupProof:
        if self.deliver_first is not None:
            self.late_delivery(self.deliver_first)
        return self._honest(request)

    def does(self, publish: bytes | None, rotate: bool, loss: str, choice: int = 0) -> Outcome | None:
        """One command, with one loss. None if it failed.

        :param choice: which refusal, or which of the older updates.
        """
        self.realm.lose_requests = int(loss == "the request")
        self.realm.lose_answers = int(loss == "the answer")
        self.disk.fails_after = {"power before sending": 1, "power after the answer": 2}.get(loss, 0)
        refusal = REFUSALS[choice % len(REFUSALS)]
        self.realm.refuse_update = refusal if loss == "refused and held" else None
        self.realm.fail_update = refusal if loss == "refused after it was applied" else None
        self.deliver_first = choice if loss == "an older one delivered first" else None
        keys = {} if publish is None else {"pgp": publish}
        if self.entry() is None:
            deferred = self.client.register(ALICE, keys, self.disk)
        else:
            deferred = self.client.update(ALICE, Change(keys, rotate=rotate), self.disk)
        outcomes: list[object] = []
        deferred.addBoth(outcomes.append)
        self.realm.lose_requests = self.realm.lose_answers = self.disk.fails_after = 0
        self.realm.refuse_update = self.realm.fail_update = self.deliver_first = None
        if hasattr(outcomes[0], "check"):
            self.case.assertTrue(outcomes[0].check(ConameError, PowerFailed), outcomes[0])
            return None
        return outcomes[0].outcome

    def late_delivery(self, number: int) -> None:
        """Anything that was ever sent arrives (again)."""
        if self.realm.updates:
            try:
                self.realm.admit(self.realm.updates[number % len(self.realm.updates)])
            except ConameError:
                return
            self.realm.close_epoch()

    def entry(self) -> Entry | None:
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        encoded = self.realm.entries.get(index)
        return None if encoded is None else Entry.FromString(encoded)

    def check(self) -> None:
        """The keys on disk satisfy the policy in force, and that of everything that may still come into force."""
        entry = self.entry()
        if entry is not None:
            self.case.assertTrue(self.disk.load().owns(entry.update_policy))
        for request in self.realm.updates:
            sent = Entry.FromString(request.update.new_entry)
            if entry is None or sent.version > entry.version:
                self.case.assertTrue(self.disk.load().owns(sent.update_policy))


COMMANDS = st.tuples(
    st.just("does"), st.sampled_from([None, b"a", b"b"]), st.booleans(), st.sampled_from(LOSSES), st.integers(0, 7)
)
DELIVERIES = st.tuples(st.just("late_delivery"), st.integers(0, 7))


class Ownership(SynchronousTestCase):
    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.lists(st.one_of(COMMANDS, COMMANDS, DELIVERIES), min_size=1, max_size=12))
    def test_the_owner_is_never_locked_out_and_gets_there_in_the_end(self, events: list[tuple[object, ...]]) -> None:
        owner = Owner(self)
        for name, *arguments in events:
            getattr(owner, name)(*arguments)
            owner.check()
        wanted = secrets.token_bytes(4)
        if owner.entry() is None:
            owner.does(wanted, False, "nothing")
        self.assertIsNotNone(owner.does(wanted, False, "nothing"))
        owner.check()
        self.assertEqual(self.successResultOf(owner.client.lookup(ALICE)).keys["pgp"], wanted)
        self.assertIsNone(owner.disk.load().pending)
