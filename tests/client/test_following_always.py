"""Any sequence of changes, epochs and questions, with an honest server: everybody gets the newest epoch, whatever they
knew before, and nobody is told that something is wrong."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from coname.client import Client, MemoryRecords, PinnedState, Result
from coname.core.signatures import SigningKey
from tests.client.changing import ChangingRealm, policy_of
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"
CLIENTS = 3

STEPS = st.one_of(
    st.tuples(st.just("add"), st.just(0)),
    st.tuples(st.just("remove"), st.integers(0, 10)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 100_000)),
    st.tuples(st.just("look"), st.integers(0, CLIENTS - 1)),
    st.tuples(st.just("look"), st.integers(0, CLIENTS - 1)),
)

KEYS = [SigningKey.generate() for _ in range(60)]


class World:
    """A realm whose replicas come and go, one at a time, and clients with the configuration of its first day."""

    def __init__(self, verifiers: int) -> None:
        self.keys = iter(KEYS)
        self.realm = ChangingRealm(
            signers=[next(self.keys) for _ in range(3)], verifiers=[next(self.keys) for _ in range(verifiers)]
        )
        self.config = self.realm.config()
        self.memories = [MemoryRecords() for _ in range(CLIENTS)]

    def do(self, what: str, number: int) -> None:
        realm = self.realm
        if what == "add" and len(realm.signers) < 7:
            realm.change([*realm.signers, next(self.keys, None) or SigningKey.generate()])
        elif what == "remove" and len(realm.signers) > 1:
            gone = realm.signers[number % len(realm.signers)]
            realm.change([each for each in realm.signers if each is not gone])
        elif what == "close":
            realm.close_epoch()
        elif what == "wait":
            realm.now += number
            realm.close_epoch()  # an honest server never lets the newest epoch get old
        elif what == "look":
            self.look(number)

    def look(self, number: int) -> None:
        realm, memory = self.realm, PinnedState(self.memories[number])
        client = Client(self.config, lambda _: MemoryTransport(realm), memory, clock=lambda: realm.now)
        found: Deferred[Result] | Any = client.lookup(ALICE)
        outcomes: list[Result] = []
        found.addCallback(outcomes.append).addErrback(lambda failure: failure.raiseException())
        (result,) = outcomes
        assert result.epoch == len(realm.epochs), (result.epoch, len(realm.epochs))
        assert result.notes == (), result.notes
        assert result.realm.keyserver_auth.quorum.threshold > 0


class Always(SynchronousTestCase):
    def play(self, verifiers: int, steps: list[tuple[str, int]]) -> None:
        world = World(verifiers)
        for what, number in steps:
            world.do(what, number)
        for number in range(CLIENTS):
            world.look(number)

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.lists(STEPS, max_size=40))
    def test_replicas_alone(self, steps: list[tuple[str, int]]) -> None:
        self.play(0, steps)

    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(st.lists(STEPS, max_size=40))
    def test_replicas_and_verifiers(self, steps: list[tuple[str, int]]) -> None:
        self.play(2, steps)

    def test_the_newest_change_is_known_at_the_latest_a_day_after_it(self) -> None:
        world = World(0)
        world.look(0)
        for _ in range(5):
            world.do("add", 0)
            world.do("remove", 0)
            world.do("wait", 25 * 3600)
            world.look(0)
            known = PinnedState(world.memories[0]).known_policy(world.config.realms[0]).lineage
            self.assertEqual(known.realm_now(world.config.realms[0]).keyserver_auth, policy_of(world.realm.signers))
