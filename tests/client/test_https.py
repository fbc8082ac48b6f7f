"""The HTTPS transport, over an in-memory network."""

from __future__ import annotations

from treq.testing import StubTreq
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError as Refusal
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived
from zope.interface.verify import verifyObject

from coname.client import Client, MemoryIdentity
from coname.client.interfaces import ITransport
from coname.client.transports.https import HttpsTransport
from coname.client.transports.refusals import LONGEST_MESSAGE, ServerFailed
from coname.errors import Corrupt, EpochUnknown, InvalidRequest, ProofInvalid, Refused, RegistrationExpired, Unreachable
from coname.messages.client_pb2 import PolicyChanges, PolicyChangesRequest
from tests.client.changing import ChangingRealm
from tests.client.simulator import Realm
from tests.client.web import RealmResource

ALICE = "alice@example.com"


class HttpsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.resource = RealmResource(self.realm)
        self.clock = Clock()
        self.http = StubTreq(self.resource)
        self.transport = HttpsTransport("https://keys.invalid/", self.http, self.clock)
        self.client = Client(self.realm.config(), lambda _: self.transport, clock=lambda: self.realm.now)

    def lookup(self) -> Deferred[object]:
        deferred = self.client.lookup(ALICE)
        self.http.flush()
        return deferred

    def refused(self, kind: type[Exception]) -> str:
        return str(self.failureResultOf(self.lookup(), kind).value)


class Answers(HttpsCase):
    def test_it_is_a_transport(self) -> None:
        verifyObject(ITransport, self.transport)

    def test_a_registration_and_a_lookup(self) -> None:
        deferred = self.client.register(ALICE, {"pgp": bytes(range(256))}, MemoryIdentity())
        self.http.flush()
        self.http.flush()
        self.successResultOf(deferred)
        self.assertEqual(self.successResultOf(self.lookup()).keys, {"pgp": bytes(range(256))})

    def test_changes_of_the_replicas_policy(self) -> None:
        realm = self.resource.realm = ChangingRealm()
        client = Client(realm.config(), lambda _: self.transport, clock=lambda: realm.now)
        realm.replace_all()
        deferred = client.lookup(ALICE)
        for _ in range(4):
            self.http.flush()
        self.assertEqual(len(self.successResultOf(deferred).changes), 6)

    def test_a_front_that_knows_no_such_question_has_no_changes(self) -> None:
        self.resource.plain = True
        deferred = self.transport.policy_changes(PolicyChangesRequest(after=7))
        self.http.flush()
        self.assertEqual(self.successResultOf(deferred), PolicyChanges())

    def test_the_request_names_the_original_fields(self) -> None:
        self.successResultOf(self.lookup())
        self.assertEqual(self.realm.lookups[0].user_id, ALICE)

    def test_closing_without_connections_is_fine(self) -> None:
        self.successResultOf(self.transport.close())

    def test_closing_waits_for_the_connections(self) -> None:
        closed = Deferred()
        closing = HttpsTransport("https://keys.invalid", self.http, self.clock, lambda: closed).close()
        self.assertNoResult(closing)
        closed.callback(None)
        self.successResultOf(closing)


class Errors(HttpsCase):
    def test_an_error_with_a_code_becomes_that_error(self) -> None:
        self.realm.refuse = EpochUnknown("epoch 9 has not been closed")
        self.assertEqual(self.refused(EpochUnknown), "epoch 9 has not been closed")

    def test_the_originals_plain_reason_is_passed_on(self) -> None:
        self.resource.plain = True
        self.realm.refuse = InvalidRequest("no such user")
        self.assertEqual(self.refused(Refused), "no such user")

    def test_the_originals_401_is_an_expired_registration(self) -> None:
        self.resource.plain = True
        self.realm.refuse = RegistrationExpired("token expired")
        self.refused(RegistrationExpired)

    def test_a_servers_own_damage_is_not_taken_for_damage_here(self) -> None:
        self.realm.refuse = Corrupt("a tree node is missing")
        self.assertEqual(self.refused(ServerFailed), "a tree node is missing")

    def test_a_server_cannot_make_the_client_say_that_a_proof_is_invalid(self) -> None:
        self.realm.refuse = ProofInvalid("tree", "no")
        self.refused(ServerFailed)

    def test_a_long_reason_is_cut(self) -> None:
        self.realm.refuse = InvalidRequest("x" * 100_000)
        self.assertLessEqual(len(self.refused(InvalidRequest)), LONGEST_MESSAGE + 1)

    def test_a_body_that_is_no_proof_does_not_verify(self) -> None:
        for body in (b"", b"<html>", b"[]", b'{"ratifications": 1}', b"\xff"):
            self.resource.raw = body
            self.refused(ProofInvalid)

    def test_a_body_that_is_too_large_is_not_read_to_its_end(self) -> None:
        self.resource.raw = b" " * (8 * 1024 * 1024 + 1)
        self.assertIn("larger than", self.refused(ProofInvalid))


class Silence(HttpsCase):
    def test_a_server_that_says_nothing_is_given_up(self) -> None:
        self.resource.silent = True
        deferred = self.lookup()
        self.clock.advance(14)
        self.assertNoResult(deferred)
        self.clock.advance(1)
        self.assertIn("within 15 s", str(self.failureResultOf(deferred, Unreachable).value))

    def failing(self, error: Exception) -> str:
        class Broken:
            def post(self, *args: object, **kwargs: object) -> Deferred[None]:
                return fail(error)

        transport = HttpsTransport("https://keys.invalid", Broken(), self.clock)
        client = Client(self.realm.config(), lambda _: transport, clock=lambda: self.realm.now)
        return str(self.failureResultOf(client.lookup(ALICE), Unreachable).value)

    def test_a_refused_connection_is_unreachable(self) -> None:
        self.assertIn("https://keys.invalid cannot be reached: Connection was refused", self.failing(Refusal()))

    def test_the_reason_below_is_the_one_told(self) -> None:
        self.assertIn("TLS says no", self.failing(ResponseNeverReceived([Failure(ValueError("TLS says no"))])))

    def test_a_timeout_is_over_with_the_answer(self) -> None:
        self.successResultOf(self.lookup())
        self.assertEqual(self.clock.getDelayedCalls(), [])
