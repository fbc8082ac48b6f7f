"""Who may register: what is decided the same for all kinds of proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from coname.core.domains import canonical_pattern, matches, overlap
from coname.errors import (
    ConameError,
    InvalidRequest,
    NotCanonical,
    RegistrationExpired,
    RegistrationNeeded,
    RegistrationRefused,
    Unavailable,
)
from coname.messages.client_pb2 import EmailProof
from coname.messages.replication_pb2 import AdmittedUpdate, ProofRecord
from coname.registration.proof import LONGEST_FACT, LONGEST_VALIDITY, IProofChecker, Presented, Proved, replay_id
from coname.registration.registrar import Registrar, log_registration, open_to_all

NOW = 1_800_000_000.0
ADDRESS = "alice@example.com"
PROVED = Proved(ADDRESS, "test", "issuer", "subject", NOW + 300, bytes(32), True)
TOKEN = Presented(EmailProof(oidc_token="a token"))


@implementer(IProofChecker)
class Checker:
    """Says what the test wants."""

    kind = "test"

    def __init__(self, answer: Proved | ConameError = PROVED, domains: Sequence[str] = ("example.com",)) -> None:
        self.answer = answer
        self.domains = domains
        self.asked: list[tuple[str, bytes, float]] = []
        self.stopped = False

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        return [{"at": domain}]

    def takes(self, presented: Presented) -> bool:
        return presented.email_proof.WhichOneof("proof_type") == "oidc_token"

    async def check(self, presented: Presented, user_id: str, entry: bytes, now: float) -> Proved:
        self.asked.append((user_id, entry, now))
        if isinstance(self.answer, ConameError):
            raise self.answer
        return self.answer

    def stop(self) -> None:
        self.stopped = True


class RegistrarCase(SynchronousTestCase):
    def registrar(self, *checkers: Checker, served: Sequence[str] = (), **changes: Any) -> Registrar:
        options = {"anybody": False, "unbound": False, "skew": 60.0, "now": lambda: NOW, **changes}
        return Registrar(checkers, served, **options)

    def check(self, registrar: Registrar, presented: Presented = TOKEN, user_id: str = ADDRESS) -> ProofRecord | None:
        return self.successResultOf(Deferred.fromCoroutine(registrar.check(user_id, b"entry", presented)))

    def refused(self, kind: type[ConameError], reason: str, registrar: Registrar, presented: Presented = TOKEN) -> None:
        checking = Deferred.fromCoroutine(registrar.check(ADDRESS, b"entry", presented))
        error = self.failureResultOf(checking, ConameError).value
        self.assertIs(type(error), kind, error)
        self.assertIn(reason, str(error))


class AddressTests(RegistrarCase):
    def test_in_canonical_form(self) -> None:
        with self.assertRaises(NotCanonical):
            open_to_all().check_address("Alice@example.com")

    def test_no_address(self) -> None:
        with self.assertRaises(InvalidRequest):
            open_to_all().check_address("alice")

    def test_of_a_domain_that_is_served(self) -> None:
        open_to_all(["example.com"]).check_address(ADDRESS)

    def test_of_another_domain(self) -> None:
        with self.assertRaises(RegistrationRefused):
            open_to_all(["example.org"]).check_address(ADDRESS)

    def test_of_a_domain_below(self) -> None:
        open_to_all(["*.example.com"]).check_address("alice@cs.example.com")
        with self.assertRaises(RegistrationRefused):
            open_to_all(["*.example.com"]).check_address(ADDRESS)


class DecisionTests(RegistrarCase):
    def test_what_is_remembered(self) -> None:
        record = self.check(self.registrar(Checker()))
        wanted = ProofRecord(
            id=bytes(32), expires=int(NOW) + 361, kind="test", issuer="issuer", subject="subject", bound=True
        )
        self.assertEqual(record, wanted)

    def test_the_checker_is_asked_about_the_entry_and_the_present(self) -> None:
        checker = Checker()
        self.check(self.registrar(checker))
        self.assertEqual(checker.asked, [(ADDRESS, b"entry", NOW)])

    def test_where_anybody_may_no_proof_is_looked_at(self) -> None:
        checker = Checker()
        self.assertIsNone(self.check(self.registrar(checker, anybody=True)))
        self.assertEqual(checker.asked, [])

    def test_no_policy(self) -> None:
        self.refused(RegistrationRefused, "registers nobody", self.registrar())

    def test_no_proof(self) -> None:
        self.refused(RegistrationNeeded, "this realm takes: test", self.registrar(Checker()), Presented(EmailProof()))

    def test_a_proof_of_another_kind(self) -> None:
        other = Presented(EmailProof(saml_response="a response"))
        self.refused(RegistrationRefused, "does not take proofs of this kind", self.registrar(Checker()), other)

    def test_a_checker_for_other_domains(self) -> None:
        self.refused(RegistrationRefused, "not taken for addresses of", self.registrar(Checker(domains=["b.example"])))

    def test_a_checker_that_proves_somebody_else(self) -> None:
        checker = Checker(replace(PROVED, address="bob@example.com"))
        self.refused(RegistrationRefused, "is for 'bob@example.com'", self.registrar(checker))

    def test_unbound(self) -> None:
        checker = Checker(replace(PROVED, bound=False))
        self.refused(RegistrationRefused, "does not name the entry", self.registrar(checker))

    def test_unbound_where_that_is_taken(self) -> None:
        record = self.check(self.registrar(Checker(replace(PROVED, bound=False)), unbound=True))
        assert record is not None
        self.assertFalse(record.bound)

    def test_too_long_a_life(self) -> None:
        checker = Checker(replace(PROVED, expires=NOW + LONGEST_VALIDITY + 121))
        self.refused(RegistrationRefused, "is good for more than", self.registrar(checker))

    def test_the_first_checker_that_is_content_suffices(self) -> None:
        self.check(self.registrar(Checker(RegistrationRefused("no")), Checker()))

    def test_of_several_refusals_the_one_that_helps(self) -> None:
        registrar = self.registrar(Checker(RegistrationRefused("no")), Checker(RegistrationExpired("too old")))
        self.refused(RegistrationExpired, "too old", registrar)

    def test_away(self) -> None:
        self.refused(Unavailable, "away", self.registrar(Checker(Unavailable("away"))))

    def test_what_is_remembered_of_a_stranger_is_bounded(self) -> None:
        record = self.check(self.registrar(Checker(replace(PROVED, subject="\ud800" + "x" * 1000))))
        assert record is not None
        self.assertEqual(record.subject, "?" + "x" * (LONGEST_FACT - 1))

    def test_stopping_stops_the_checkers(self) -> None:
        checker = Checker()
        self.registrar(checker).stop()
        self.assertTrue(checker.stopped)


class OfferTests(RegistrarCase):
    def test_of_a_domain(self) -> None:
        offers = self.registrar(Checker(domains=["*.example.com"])).offers("cs.example.com")
        self.assertEqual((offers.anybody, offers.proofs), (False, [{"kind": "test", "at": "cs.example.com"}]))

    def test_of_a_domain_of_nobodys(self) -> None:
        self.assertEqual(self.registrar(Checker()).offers("example.org").proofs, [])

    def test_where_anybody_may(self) -> None:
        self.assertTrue(open_to_all().offers("example.com").anybody)

    def test_of_a_domain_that_is_not_served(self) -> None:
        self.assertFalse(open_to_all(["example.org"]).offers("example.com").anybody)


class LogTests(RegistrarCase):
    def lines(self, update: AdmittedUpdate) -> str:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        log_registration(Logger(), update, 7)
        return "\n".join(event["log_format"].format(**event) for event in events)

    def test_who_was_let_in_and_by_whom(self) -> None:
        update = AdmittedUpdate(user_id=ADDRESS)
        update.proof.CopyFrom(ProofRecord(id=b"\x01" * 32, kind="oidc", issuer="https://i.example", subject="u\n1"))
        line = self.lines(update)
        for fact in (ADDRESS, "epoch 7", "oidc", "'https://i.example'", r"'u\n1'", "for any entry", "01" * 32):
            self.assertIn(fact, line)

    def test_nothing_where_no_proof_was_asked_for(self) -> None:
        self.assertEqual(self.lines(AdmittedUpdate(user_id=ADDRESS)), "")


class ReplayIdTests(SynchronousTestCase):
    def test_is_another_for_other_words(self) -> None:
        ids = {
            replay_id("a", "b", b"c"),
            replay_id("ab", "", b"c"),
            replay_id("a", "bc", b""),
            replay_id("a", "b", b""),
        }
        self.assertEqual(len(ids), 4)


class DomainTests(SynchronousTestCase):
    def test_itself(self) -> None:
        self.assertTrue(matches("example.com", ["example.com"]))

    def test_one_below(self) -> None:
        self.assertTrue(matches("a.example.com", ["*.example.com"]))

    def test_several_below(self) -> None:
        self.assertTrue(matches("a.b.example.com", ["*.example.com"]))

    def test_not_the_one_above(self) -> None:
        self.assertFalse(matches("example.com", ["*.example.com"]))

    def test_not_another_that_ends_alike(self) -> None:
        self.assertFalse(matches("notexample.com", ["*.example.com"]))

    def test_not_below_where_only_itself_is_meant(self) -> None:
        self.assertFalse(matches("a.example.com", ["example.com"]))

    def test_canonical(self) -> None:
        self.assertEqual(canonical_pattern("*.BÜCHER.example"), "*.xn--bcher-kva.example")

    def test_not_all_of_a_top_level_domain(self) -> None:
        with self.assertRaises(InvalidRequest):
            canonical_pattern("*.com")

    def test_what_two_have_in_common(self) -> None:
        both = [("a.b", "a.b"), ("*.b.c", "a.b.c"), ("*.b.c", "*.a.b.c"), ("*.b.c", "*.b.c")]
        self.assertEqual([overlap(one, other) and overlap(other, one) for one, other in both], [True] * 4)

    def test_where_two_have_nothing_in_common(self) -> None:
        neither = [("a.b", "b.a"), ("*.b.c", "b.c"), ("*.b.c", "*.d.c"), ("*.b.c", "ab.c")]
        self.assertEqual([overlap(one, other) or overlap(other, one) for one, other in neither], [False] * 4)
