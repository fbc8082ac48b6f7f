"""The HTTPS front's answers, one by one, each compared with the description that the front itself serves."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openapi_spec_validator
from google.protobuf.json_format import Parse
from twisted.trial.unittest import SynchronousTestCase

from coname.core.lookup import verify_lookup
from coname.core.types import Epoch, KeyId
from coname.errors import (
    ConameError,
    EpochUnknown,
    InvalidRequest,
    NotCanonical,
    Overloaded,
    QuorumUnmet,
    RegistrationExpired,
    TimedOut,
    Unavailable,
    UpdateInvalid,
)
from coname.keyserver.policy_changes import Change, PolicyAnswer
from coname.messages.client_pb2 import LookupProof, SignedEpochHead
from coname.messages.client_pb2 import PolicyChanges as PolicyChangesMessage
from coname.messages.config_pb2 import RealmConfig
from coname.protocols.https import routes
from coname.protocols.openapi import document
from coname.protocols.page_routes import page_routes
from coname.protocols.registration_routes import registration_routes
from coname.registration.registrar import open_to_all
from tests.protocols.realm import SmallKeyserver
from tests.protocols.wire import Connection, Received, Server, request

LOOKUP = b'{"user_id": "alice@example.com"}'
UPDATE = b'{"lookup_parameters": {"user_id": "alice@example.com"}, "profile": "AAAA"}'


class Described:
    """The description, and answers held against it."""

    def __init__(self) -> None:
        self.document = document()

    def check(self, path: str, method: str, answer: Received) -> None:
        """The answer's status is described, and its content is as described."""
        operation = self.document["paths"][path][method.lower()]
        described = operation["responses"][str(answer.status)]
        if "content" not in described:
            if answer.body:
                raise AssertionError(f"a body that is not described: {answer.body!r}")
            return
        media = described["content"][answer.headers["content-type"]]
        value = answer.json() if answer.headers["content-type"] == "application/json" else answer.body.decode()
        jsonschema.Draft202012Validator({**media["schema"], "components": self.document["components"]}).validate(value)


class FrontCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.keyserver = SmallKeyserver(now=1_700_000_000)
        self.keyserver.register("alice@example.com", {"pgp": b"key"})
        self.server = Server(routes(self.keyserver))
        self.client: Connection = self.server.connect()
        self.described = Described()

    def ask(self, method: str, path: str, body: bytes = b"") -> Received:
        """The answer, which is as described."""
        answer = self.client.ask(method, path, body)
        self.described.check(path, method, answer)
        return answer

    def refused(self, path: str, error: Exception, body: bytes = LOOKUP) -> Received:
        """The answer when the keyserver raises `error`."""
        self.keyserver.error = error
        return self.ask("POST", path, body)


class Lookups(FrontCase):
    def test_an_answer_verifies(self) -> None:
        answer = self.ask("POST", "/lookup", LOOKUP)
        self.assertEqual(answer.status, 200)
        proof = Parse(answer.body, LookupProof())
        verified = verify_lookup(self.keyserver.config, "alice@example.com", proof, self.server.clock.seconds())
        self.assertEqual(dict(verified.profile.keys if verified.profile else {}), {"pgp": b"key"})

    def test_absence_is_proved(self) -> None:
        answer = self.ask("POST", "/lookup", b'{"user_id": "bob@example.com"}')
        proof = Parse(answer.body, LookupProof())
        verified = verify_lookup(self.keyserver.config, "bob@example.com", proof, self.server.clock.seconds())
        self.assertIsNone(verified.profile)

    def test_the_original_names_and_strings_for_integers(self) -> None:
        answer = self.ask("POST", "/lookup", LOOKUP).json()
        self.assertLessEqual({"user_id", "index_proof", "tree_proof"}, set(answer))
        (signatures,) = [head["signatures"] for head in answer["ratifications"]]
        self.assertTrue(all(signer.isdigit() for signer in signatures))

    def test_many_on_one_connection(self) -> None:
        self.assertEqual([self.ask("POST", "/lookup", LOOKUP).status for _ in range(20)], [200] * 20)

    def test_bad_json(self) -> None:
        answer = self.ask("POST", "/lookup", b"{")
        self.assertEqual((answer.status, answer.error), (400, "invalid_request"))
        self.assertIn("line 1, column 2", answer.json()["error"]["message"])

    def test_an_id_that_is_not_canonical(self) -> None:
        answer = self.refused("/lookup", NotCanonical("use alice@example.com"))
        self.assertEqual((answer.status, answer.error), (400, "user_id_not_canonical"))

    def test_a_quorum_that_nobody_meets(self) -> None:
        self.assertEqual(self.refused("/lookup", QuorumUnmet("no such epoch")).error, "quorum_unmet")

    def test_an_epoch_that_is_not_there(self) -> None:
        self.assertEqual(self.refused("/lookup", EpochUnknown("epoch 9 is not there")).error, "epoch_unknown")

    def test_no_epoch_yet(self) -> None:
        answer = self.refused("/lookup", Unavailable("no epoch yet"))
        self.assertEqual((answer.status, answer.error), (503, "unavailable"))

    def test_damage(self) -> None:
        from coname.errors import Corrupt

        answer = self.refused("/lookup", Corrupt("node 7 is missing"))
        self.assertEqual((answer.status, answer.error), (500, "corrupt"))

    def test_an_unexpected_error(self) -> None:
        answer = self.refused("/lookup", KeyError("the secret of the house"))
        self.assertEqual((answer.status, answer.error), (500, "internal"))
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_body_over_the_limit(self) -> None:
        answer = self.ask("POST", "/lookup", bytes(5000))
        self.assertEqual((answer.status, answer.error), (413, "too_large"))

    def test_a_body_that_does_not_arrive(self) -> None:
        self.client.send(request("POST", "/lookup", LOOKUP)[:-1])
        self.server.wait(40)
        (answer,) = self.client.answers()
        self.described.check("/lookup", "POST", answer)
        self.assertEqual(answer.status, 408)

    def test_headers_without_end(self) -> None:
        self.client.send(request("POST", "/lookup", headers="X-A: b\r\n" * 100))
        (answer,) = self.client.answers()
        self.described.check("/lookup", "POST", answer)
        self.assertEqual(answer.status, 431)


class Updates(FrontCase):
    def test_answered_when_ratified(self) -> None:
        self.client.send(request("POST", "/update", UPDATE))
        self.assertEqual(self.client.answers(), [])
        self.keyserver.answer_updates()
        (answer,) = self.client.answers()
        self.described.check("/update", "POST", answer)
        self.assertEqual(answer.json()["user_id"], "alice@example.com")

    def test_what_was_sent_arrives(self) -> None:
        self.client.send(request("POST", "/update", UPDATE))
        ((update, _),) = self.keyserver.waiting
        self.assertEqual((update.profile, update.lookup_parameters.user_id), (b"\0\0\0", "alice@example.com"))

    def test_a_client_that_goes_away_lets_its_place_go(self) -> None:
        self.client.send(request("POST", "/update", UPDATE))
        self.client.lost()
        self.assertEqual(self.keyserver.cancelled, 1)

    def test_bad_json(self) -> None:
        self.assertEqual(self.ask("POST", "/update", b'{"profile": 7}').status, 400)

    def test_an_update_against_the_rules(self) -> None:
        self.assertEqual(self.refused("/update", UpdateInvalid("version 1"), UPDATE).error, "update_invalid")

    def test_a_registration_token_that_has_expired(self) -> None:
        answer = self.refused("/update", RegistrationExpired("log in again"), UPDATE)
        self.assertEqual((answer.status, answer.error), (401, "registration_expired"))

    def test_too_many_waiting(self) -> None:
        answer = self.refused("/update", Overloaded("later"), UPDATE)
        self.assertEqual((answer.status, answer.error), (503, "overloaded"))

    def test_a_ratification_that_does_not_come_in_time(self) -> None:
        answer = self._later(TimedOut("no quorum after 30 s"))
        self.assertEqual((answer.status, answer.error), (504, "timed_out"))

    def test_a_refusal_after_a_while(self) -> None:
        self.assertEqual(self._later(UpdateInvalid("somebody was faster")).error, "update_invalid")

    def test_an_unexpected_error(self) -> None:
        self.assertEqual(self._later(ZeroDivisionError("the secret of the house")).error, "internal")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_invalid_request(self) -> None:
        self.assertEqual(self.refused("/update", InvalidRequest("no update"), UPDATE).error, "invalid_request")

    def _later(self, error: Exception) -> Received:
        self.client.send(request("POST", "/update", UPDATE))
        ((_, waiting),) = self.keyserver.waiting
        waiting.errback(error)
        (answer,) = self.client.answers()
        self.described.check("/update", "POST", answer)
        return answer


class PolicyChanges(FrontCase):
    def asked(self, body: bytes) -> Received:
        return self.ask("POST", "/policy_changes", body)

    def change(self) -> Change:
        head = SignedEpochHead(head=b"head", signatures={2**63: bytes(64)})
        return Change.of(Epoch(5), {KeyId(2**63): head})

    def test_none(self) -> None:
        self.assertEqual(self.asked(b'{"after": "5"}').json(), {})

    def test_the_heads_as_they_were_signed(self) -> None:
        self.keyserver.changes = [self.change(), self.change()]
        answer = Parse(self.asked(b"{}").body, PolicyChangesMessage())
        self.assertEqual(answer, PolicyChangesMessage.FromString(PolicyAnswer((self.change(),) * 2).protobuf()))
        self.assertEqual(answer.changes[0].ratifications[0].signatures[2**63], bytes(64))

    def test_bad_json(self) -> None:
        self.assertEqual(self.asked(b'{"after": -1}').status, 400)
        self.assertEqual(self.asked(b"").status, 400)

    def test_more_than_a_number_needs(self) -> None:
        answer = self.asked(b'{"after": "' + b"1" * 2000 + b'"}')
        self.assertEqual((answer.status, answer.error), (400, "too_large"))

    def test_a_replica_that_begins_anew(self) -> None:
        self.keyserver.error = Unavailable("in a moment")
        self.assertEqual(self.asked(b"{}").status, 503)


class Rotation(FrontCase):
    def _both(self, path: str) -> None:
        answer = self.ask("GET", path)
        self.assertEqual((answer.status, answer.body), (200, b"OK"))
        self.keyserver.inRotation = False
        answer = self.ask("GET", path)
        self.assertEqual((answer.status, answer.error), (404, "out_of_rotation"))

    def test_status(self) -> None:
        self._both("/status")

    def test_lb(self) -> None:
        self._both("/lb")

    def _head(self, path: str) -> None:
        answer = self.ask("HEAD", path)
        self.assertEqual((answer.status, answer.headers["content-length"]), (200, "2"))
        self.keyserver.inRotation = False
        self.assertEqual(self.ask("HEAD", path).status, 404)
        self.assertEqual(self.ask("HEAD", path).status, 404)

    def test_head_of_status(self) -> None:
        self._head("/status")

    def test_head_of_lb(self) -> None:
        self._head("/lb")


class Paths(FrontCase):
    def test_an_unknown_path(self) -> None:
        answer = self.client.ask("GET", "/nowhere")
        self.assertEqual((answer.status, answer.error), (404, "not_found"))

    def test_a_method_that_a_path_does_not_take(self) -> None:
        answer = self.client.ask("GET", "/lookup")
        self.assertEqual((answer.status, answer.error, answer.headers["allow"]), (405, "method_not_allowed", "post"))

    def test_head_is_allowed_where_get_is(self) -> None:
        self.assertEqual(self.client.ask("POST", "/status").headers["allow"], "get, head")

    def test_a_target_with_scheme_and_host(self) -> None:
        self.assertEqual(self.client.ask("GET", "https://localhost:25519/status").status, 200)

    def test_a_target_of_another_kind(self) -> None:
        self.assertEqual(self.client.ask("OPTIONS", "*").status, 404)

    def test_a_query_is_no_part_of_the_path(self) -> None:
        self.assertEqual(self.client.ask("GET", "/status?really").status, 200)


class Description(FrontCase):
    def test_it_is_served(self) -> None:
        self.assertEqual(self.ask("GET", "/openapi.json").json(), document())

    def test_it_is_valid(self) -> None:
        openapi_spec_validator.validate(document())

    def test_it_describes_all_paths_and_methods(self) -> None:
        table: Any = {**routes(self.keyserver), **registration_routes(open_to_all())}
        table[b"/realm.json"] = page_routes(RealmConfig)[b"/realm.json"]
        served = {path.decode(): {method.decode().lower() for method in methods} for path, methods in table.items()}
        described = {path: set(operations) - {"head"} for path, operations in document()["paths"].items()}
        self.assertEqual(described, served)

    def test_it_names_every_status_that_an_error_can_have(self) -> None:
        statuses = set(document()["paths"]["/update"]["post"]["responses"])
        errors = (UpdateInvalid, RegistrationExpired, Unavailable, TimedOut, ConameError)
        self.assertLessEqual({str(error.http_status) for error in errors}, statuses)

    def test_it_fits_in_a_page_or_two(self) -> None:
        self.assertLess(len(json.dumps(document())), 20_000)
