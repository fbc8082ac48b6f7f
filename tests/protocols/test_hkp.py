"""HKP: what is asked for, what is answered, and that nothing is which does not verify."""

from __future__ import annotations

import time

import pysequoia
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import QuorumUnmet
from coname.protocols import hkp_armour
from coname.protocols.hkp import HkpService, wanted_address
from coname.protocols.hkp_armour import ArmouredCertificates, armoured
from coname.protocols.responses import HttpError
from tests.protocols.identity import identity
from tests.protocols.openpgp import certificate, has_secrets, laborious, secret_key
from tests.protocols.realm import LIMITS, LyingKeyserver, SmallKeyserver
from tests.protocols.wire import Received, Server

ADDRESS = "alice@example.com"


class HkpCase(SynchronousTestCase):
    keyservers: type[SmallKeyserver] = SmallKeyserver

    def setUp(self) -> None:
        self.certificate = certificate(ADDRESS)
        self.keyserver = self.keyservers(now=1_700_000_000)
        self.keyserver.register(ADDRESS, {"pgp": self.certificate})
        self.server = Server({})
        service = HkpService(
            self.keyserver, self.keyserver.config, LIMITS, identity(), "127.0.0.1", 0, self.server.clock
        )
        self.server.factory.answer = service.answer

    def ask(self, query: str) -> Received:
        return self.server.connect().ask("GET", f"/pks/lookup?{query}")

    def fingerprint(self, answer: Received) -> str:
        return pysequoia.Cert.from_bytes(answer.body).fingerprint


class Answers(HkpCase):
    def test_the_certificate_is_armoured(self) -> None:
        answer = self.ask("op=get&options=mr&search=alice@example.com")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/pgp-keys"))
        self.assertTrue(answer.body.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"))
        self.assertEqual(self.fingerprint(answer), pysequoia.Cert.from_bytes(self.certificate).fingerprint)

    def test_a_percent_encoded_address(self) -> None:
        self.assertEqual(self.ask("op=get&search=alice%40example.com").status, 200)

    def test_an_address_in_another_form_is_made_canonical(self) -> None:
        self.assertEqual(self.ask("op=get&search=Alice@EXAMPLE.com").status, 200)

    def test_an_armoured_value_is_answered_too(self) -> None:
        self.keyserver.register(ADDRESS, {"pgp": armoured(self.certificate)})
        self.assertEqual(self.ask("op=get&search=alice@example.com").status, 200)

    def test_the_realms_own_quorum_is_asked_for(self) -> None:
        self.ask("op=get&search=alice@example.com")
        (request,) = self.keyserver.asked
        self.assertEqual(request.quorum_requirement, self.keyserver.config.verification_policy.quorum)


class Absences(HkpCase):
    def _absent(self, search: str = ADDRESS) -> str:
        answer = self.ask(f"op=get&search={search}")
        self.assertEqual((answer.status, answer.error), (404, "not_found"))
        return str(answer.json()["error"]["message"])

    def test_an_address_that_is_not_registered(self) -> None:
        self.assertIn("bob@example.com is not registered", self._absent("bob@example.com"))

    def test_a_profile_without_such_a_key(self) -> None:
        self.keyserver.register(ADDRESS, {"ssh": b"key"})
        self.assertIn("without an OpenPGP certificate", self._absent())

    def test_an_empty_value(self) -> None:
        self.keyserver.register(ADDRESS, {"pgp": b""})
        self.assertIn("without an OpenPGP certificate", self._absent())

    def test_a_value_that_is_no_certificate(self) -> None:
        self.keyserver.register(ADDRESS, {"pgp": b"not a certificate"})
        reason = self._absent()
        self.assertIn("is not an OpenPGP certificate", reason)
        self.assertNotIn("backtrace", reason)

    def test_half_a_certificate(self) -> None:
        self.keyserver.register(ADDRESS, {"pgp": self.certificate[: len(self.certificate) // 3]})
        self.assertIn("is not an OpenPGP certificate", self._absent())

    def test_a_secret_key_that_was_registered_by_mistake_is_not_given_out(self) -> None:
        key = secret_key(ADDRESS)
        self.assertTrue(has_secrets(key))
        self.keyserver.register(ADDRESS, {"pgp": key})
        self.assertIn("secret key", self._absent())

    def test_a_certificate_that_would_take_long_to_parse(self) -> None:
        self.keyserver.register(ADDRESS, {"pgp": laborious(user_ids=1000, signatures=100)})
        self.assertIn("at most 64", self._absent())

    def test_two_certificates(self) -> None:
        self.keyserver.register(ADDRESS, {"pgp": self.certificate + certificate("bob@example.com")})
        self.assertIn("is not an OpenPGP certificate", self._absent())


class Unverified(HkpCase):
    """Nothing is given out but what verifies, whoever is wrong."""

    def _withheld(self, step: str) -> None:
        answer = self.ask("op=get&search=alice@example.com")
        self.assertEqual((answer.status, answer.error), (500, "proof_invalid"))
        self.assertNotIn(b"PGP PUBLIC", answer.body)

    def test_an_answer_that_is_too_old(self) -> None:
        self.server.clock.advance(3601)
        self._withheld("freshness")

    def test_a_quorum_of_others(self) -> None:
        policy = self.keyserver.config.verification_policy
        del policy.quorum.candidates[:]
        policy.quorum.subexpressions[0].candidates[:] = [1]
        self._withheld("signatures")

    def test_another_vrf_key(self) -> None:
        self.keyserver.config.VRFPublic = bytes(32)
        self._withheld("index")

    def test_another_domain(self) -> None:
        self.keyserver.config.domains[:] = ["elsewhere.example"]
        self._withheld("user")

    def test_a_quorum_that_nobody_meets(self) -> None:
        self.keyserver.error = QuorumUnmet("two of three are missing")
        self.assertEqual(self.ask("op=get&search=alice@example.com").error, "quorum_unmet")


class Lies(HkpCase):
    keyservers = LyingKeyserver

    def test_a_profile_that_is_not_the_registered_one(self) -> None:
        answer = self.ask("op=get&search=alice@example.com")
        self.assertEqual((answer.status, answer.error), (500, "proof_invalid"))


class Queries(SynchronousTestCase):
    def _unsupported(self, query: bytes) -> None:
        error = self.assertRaises(HttpError, wanted_address, query)
        self.assertEqual(error.response.status, 501)

    def test_a_search(self) -> None:
        self._unsupported(b"op=index&search=alice@example.com")

    def test_a_verbose_search(self) -> None:
        self._unsupported(b"op=vindex&search=alice@example.com")

    def test_no_operation(self) -> None:
        self._unsupported(b"search=alice@example.com")

    def test_a_fingerprint(self) -> None:
        self._unsupported(b"op=get&search=0x2C950A9668C5E76F0FBC070C1086DA6296D8FB57")

    def test_a_part_of_a_name(self) -> None:
        self._unsupported(b"op=get&search=alice")

    def test_nothing(self) -> None:
        self._unsupported(b"")

    def test_an_address_in_angle_brackets(self) -> None:
        self.assertEqual(wanted_address(b"op=get&search=%3Calice@example.com%3E"), ADDRESS)

    def test_gnupgs_mark_of_an_exact_id(self) -> None:
        self.assertEqual(wanted_address(b"op=get&options=mr&search=%3Dalice@example.com&exact=on"), ADDRESS)

    def test_a_plus_sign_stands_for_itself(self) -> None:
        self.assertEqual(wanted_address(b"op=get&search=alice+list@example.com"), "alice+list@example.com")

    def test_an_encoded_plus_sign(self) -> None:
        self.assertEqual(wanted_address(b"op=get&search=alice%2Blist@example.com"), "alice+list@example.com")

    def test_a_domain_in_unicode(self) -> None:
        address = wanted_address("op=get&search=alice@bücher.example".encode())
        self.assertEqual(address, "alice@xn--bcher-kva.example")

    def test_bytes_that_are_no_text(self) -> None:
        self._unsupported(b"op=get&search=%ff@example.com")

    def test_too_many_parameters(self) -> None:
        self._unsupported(b"a=b&" * 20 + b"op=get&search=alice@example.com")

    def test_an_address_that_is_none(self) -> None:
        self._unsupported(b"op=get&search=alice@")


class Paths(HkpCase):
    def _unsupported(self, method: str, path: str, body: bytes = b"") -> None:
        answer = self.server.connect().ask(method, path, body)
        self.assertEqual((answer.status, answer.error), (501, "not_implemented"))

    def test_uploads_are_not_taken(self) -> None:
        self._unsupported("POST", "/pks/add", b"keytext=x")

    def test_other_paths_are_not_served(self) -> None:
        self._unsupported("GET", "/pks/hashquery")

    def test_other_methods_are_not_served(self) -> None:
        self._unsupported("DELETE", "/pks/lookup?op=get&search=alice@example.com")

    def test_a_search_that_is_no_address(self) -> None:
        self._unsupported("GET", "/pks/lookup?op=get&search=alice@")

    def test_the_head_of_a_certificate(self) -> None:
        answer = self.server.connect().ask("HEAD", "/pks/lookup?op=get&search=alice@example.com")
        self.assertEqual(answer.status, 200)


class Kept(SynchronousTestCase):
    """Certificates in armour."""

    def setUp(self) -> None:
        self.parsed: list[bytes] = []
        self.patch(hkp_armour, "armoured", self._armoured)

    def _armoured(self, data: bytes) -> bytes:
        self.parsed.append(data)
        return armoured(data)

    def test_the_same_certificate_is_parsed_once(self) -> None:
        kept, data = ArmouredCertificates(), certificate(ADDRESS)
        texts = {kept.armoured(b"commitment", data) for _ in range(3)}
        self.assertEqual((texts, self.parsed), ({armoured(data)}, [data]))

    def test_no_more_is_kept_than_may_be(self) -> None:
        data = certificate(ADDRESS)
        kept = ArmouredCertificates(most=3 * len(armoured(data)))
        for number in (1, 2, 3, 1, 4, 1, 2):
            kept.armoured(bytes([number]), data)
        self.assertEqual((kept.size, len(self.parsed)), (3 * len(armoured(data)), 5))

    def test_what_is_larger_than_all_that_may_be_kept_is_not(self) -> None:
        kept = ArmouredCertificates(most=10)
        kept.armoured(b"commitment", certificate(ADDRESS))
        self.assertEqual(kept.size, 0)

    def test_the_largest_that_is_taken_costs_milliseconds(self) -> None:
        data = laborious(user_ids=59, signatures=70)
        began = time.process_time()
        armoured(data)
        self.assertLess(time.process_time() - began, 1.0)  # about 0.02; with user ids judged, 0.2
