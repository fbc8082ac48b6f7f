"""Registrations at a replica that asks for proofs: when they are checked, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from coname.errors import (
    ConameError,
    RegistrationExpired,
    RegistrationNeeded,
    RegistrationReplayed,
    TimedOut,
    Unavailable,
    UpdateInvalid,
)
from coname.messages.client_pb2 import UpdateRequest
from coname.registration.proof import IProofChecker, Presented, Proved
from coname.registration.registrar import Registrar
from tests.keyserver.harness import START, Owner, World


@implementer(IProofChecker)
class Checker:
    """Proves whoever is asked about, with one id for all; waits if the test wants.

    :ivar waiting: what it waits for; None: nothing. :ivar error: what it fails with.
    """

    kind = "test"
    domains: Sequence[str] = ("example.com",)

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, bytes]] = []
        self.waiting: Deferred[None] | None = None
        self.error: ConameError | None = None
        self.replay_id = bytes(32)

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        return [{}]

    def takes(self, presented: Presented) -> bool:
        return not presented.empty

    async def check(self, presented: Presented, user_id: str, entry: bytes, now: float) -> Proved:
        self.asked.append((user_id, entry, presented.certificate))
        if self.waiting is not None:
            await self.waiting
        if self.error is not None:
            raise self.error
        return Proved(user_id, "test", "issuer", "subject", now + 300, self.replay_id, True)

    def stop(self) -> None:
        pass


class RegistrationCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.checker = Checker()
        self.alice, self.bob = Owner("alice@example.com"), Owner("bob@example.com")
        self.begin()

    def begin(self, **more: Any) -> None:
        registrar = Registrar(
            [self.checker], (), anybody=False, unbound=False, skew=60, now=lambda: START + self.world.clock.seconds()
        )
        self.world = World(registrar=registrar, **more)
        self.world.begin()

    def request(self, owner: Owner, version: int = 0, proof: bool = True) -> UpdateRequest:
        request = self.world.realm.request(owner, version)
        if proof:
            request.email_proof.oidc_token = "a token"
        return request

    def update(self, request: UpdateRequest, certificate: bytes = b"") -> Deferred[Any]:
        updated = self.world.replica.update(request, certificate)
        self.world.settle(1)
        self.world.settle(1)
        return updated

    def refused(self, kind: type[ConameError], request: UpdateRequest) -> ConameError:
        error: ConameError = self.failureResultOf(self.update(request), ConameError).value
        self.assertIs(type(error), kind, error)
        return error

    def taken(self, request: UpdateRequest) -> None:
        self.successResultOf(self.update(request))


class WhenTests(RegistrationCase):
    def test_a_proof_lets_in(self) -> None:
        request = self.request(self.alice)
        self.taken(request)
        self.assertEqual(self.checker.asked, [(self.alice.user_id, request.update.new_entry, b"")])

    def test_none_does_not(self) -> None:
        self.refused(RegistrationNeeded, self.request(self.alice, proof=False))
        self.assertEqual(self.checker.asked, [])

    def test_the_connections_certificate_is_one(self) -> None:
        request = self.request(self.alice, proof=False)
        self.successResultOf(self.update(request, b"a certificate"))
        self.assertEqual(self.checker.asked[0][2], b"a certificate")

    def test_not_for_an_entry_that_is_there(self) -> None:
        self.taken(self.request(self.alice))
        self.taken(self.request(self.alice, 1, proof=False))
        self.assertEqual(len(self.checker.asked), 1)

    def test_not_for_the_same_registration_sent_again(self) -> None:
        request = self.request(self.alice)
        self.taken(request)
        self.taken(request)
        self.assertEqual(len(self.checker.asked), 1)

    def test_not_for_an_update_that_breaks_a_rule(self) -> None:
        request = self.request(self.alice)
        request.update.signatures.clear()
        self.refused(UpdateInvalid, request)
        self.assertEqual(self.checker.asked, [])

    def test_who_was_let_in_is_in_the_log_and_the_proof_is_not(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.taken(self.request(self.alice))
        lines = [event["log_format"].format(**event) for event in events if event.get("log_format")]
        (line,) = [line for line in lines if "is registered from epoch" in line]
        self.assertIn("alice@example.com is registered from epoch 2 on: test of 'issuer', subject 'subject'", line)
        self.assertNotIn("a token", "".join(lines))


class OnceTests(RegistrationCase):
    def test_it_lets_nobody_else_in(self) -> None:
        self.taken(self.request(self.alice))
        self.refused(RegistrationReplayed, self.request(self.bob))

    def test_nor_after_a_crash(self) -> None:
        self.taken(self.request(self.alice))
        self.begin(realm=self.world.realm, store=self.world.store.crash(), start=self.world.now)  # type: ignore
        self.refused(RegistrationReplayed, self.request(self.bob))

    def test_another_does(self) -> None:
        self.taken(self.request(self.alice))
        self.checker.replay_id = b"another".ljust(32)
        self.taken(self.request(self.bob))

    def test_of_two_entries_for_one_address_the_first_counts(self) -> None:
        rival = replace(self.alice, key=self.bob.key)
        self.taken(self.request(self.alice))
        self.refused(UpdateInvalid, self.request(rival))


class WaitingTests(RegistrationCase):
    """The checker waits for a provider."""

    def setUp(self) -> None:
        super().setUp()
        self.checker.waiting = Deferred()

    def test_others_go_on_meanwhile(self) -> None:
        waiting = self.update(self.request(self.alice))
        self.assertNoResult(waiting)
        answered, self.checker.waiting, self.checker.replay_id = self.checker.waiting, None, b"another".ljust(32)
        self.taken(self.request(self.bob))
        assert answered is not None
        answered.callback(None)
        self.world.settle(1)
        self.world.settle(1)
        self.failureResultOf(waiting, RegistrationReplayed)  # the id is the other's by now

    def test_whoever_registers_first_meanwhile_has_it(self) -> None:
        waiting = self.update(self.request(self.alice))
        rival = replace(self.alice, key=self.bob.key)
        answered, self.checker.waiting = self.checker.waiting, None
        self.taken(self.request(rival))
        assert answered is not None
        self.checker.replay_id = b"another".ljust(32)
        answered.callback(None)
        self.world.settle(1)
        self.failureResultOf(waiting, UpdateInvalid)

    def test_not_longer_than_an_update_may_take(self) -> None:
        waiting = self.update(self.request(self.alice))
        self.world.settle(30)
        self.failureResultOf(waiting, TimedOut)
        self.assertEqual(self.world.replica.serving, 0)

    def test_a_replica_that_stops_meanwhile_proposes_nothing(self) -> None:
        waiting = self.update(self.request(self.alice))
        stopped = Deferred.fromCoroutine(self.world.replica.stop())
        self.world.settle()
        self.successResultOf(stopped)
        assert self.checker.waiting is not None
        self.checker.waiting.callback(None)
        self.failureResultOf(waiting, Unavailable)


class FailureTests(RegistrationCase):
    def test_too_old(self) -> None:
        self.checker.error = RegistrationExpired("too old")
        self.refused(RegistrationExpired, self.request(self.alice))

    def test_away(self) -> None:
        self.checker.error = Unavailable("away")
        self.refused(Unavailable, self.request(self.alice))

    def test_then_it_can_be_tried_again(self) -> None:
        request = self.request(self.alice)
        self.checker.error = Unavailable("away")
        self.refused(Unavailable, request)
        self.checker.error = None
        self.taken(request)
