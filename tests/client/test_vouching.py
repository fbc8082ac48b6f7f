"""Who vouches for an answer: replicas and verifiers mixed, by name and age; and warnings before it is too late."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.client.signers import in_lines, naming, signer_name, signer_words
from coname.client.vouching import span
from coname.core import heads
from coname.core.signatures import SigningKey, public_key_message
from coname.core.times import timestamp
from coname.errors import QuorumUnmet
from coname.messages.client_pb2 import LookupProof, QuorumExpr, SignedEpochHead
from coname.messages.config_pb2 import Config, RealmConfig
from tests.client.commands import ALICE, CommandCase
from tests.client.simulator import Realm
from tests.core.cases import each

REPLICAS = [SigningKey.generate() for _ in range(3)]
VERIFIERS = [SigningKey.generate() for _ in range(3)]
NAMES = {VERIFIERS[0].key_id: "verifier of example.org", REPLICAS[0].key_id: "keyserver of example.com"}


def mixed(realm: Realm) -> Config:
    """Two of three replicas, and two of three verifiers."""
    config = realm.config()
    policy = config.realms[0].verification_policy
    policy.Clear()
    for key in (*REPLICAS, *VERIFIERS):
        policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
    policy.quorum.CopyFrom(
        QuorumExpr(
            threshold=2,
            subexpressions=[
                QuorumExpr(threshold=2, candidates=[key.key_id for key in keys]) for keys in (REPLICAS, VERIFIERS)
            ],
        )
    )
    config.realms[0].signer_names.update(NAMES)
    return config


class MixedCase(CommandCase):
    """A realm whose replicas and verifiers sign, all of them unless told otherwise.

    :ivar signed_at: when each says that it signed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.use(Realm(signers=[*REPLICAS, *VERIFIERS]))
        self.write_config(mixed(self.realm))
        self.signed_at: dict[SigningKey, float] = {}
        self.signing = [*REPLICAS, *VERIFIERS]
        self.realm.tamper = self.resign

    def resign(self, proof: LookupProof) -> None:
        head = self.realm.epochs[-1].head
        issued = heads.parse(heads.timestamped(head, timestamp(0))).issue_time
        del proof.ratifications[:]
        for key in self.signing:
            whole = heads.timestamped(head, timestamp(self.signed_at.get(key, issued)))
            proof.ratifications.append(SignedEpochHead(head=whole, signatures={key.key_id: key.sign(whole)}))

    def vouchers(self) -> dict[int, Any]:
        document = self.json("lookup", ALICE)
        self.assertEqual(document["exit_status"], 1, document)
        return {int(each["id"]): each for each in document["vouchers"]}

    def warnings(self) -> list[str]:
        document = self.json("lookup", ALICE)
        self.assertEqual(document["exit_status"], 1, document)
        found: list[str] = document["warnings"]
        return found


class Mixed(MixedCase):
    def test_all_are_shown(self) -> None:
        self.assertEqual(set(self.vouchers()), {key.key_id for key in (*REPLICAS, *VERIFIERS)})

    def test_names_are_those_of_the_configuration(self) -> None:
        names = {signer: each["name"] for signer, each in self.vouchers().items() if each["name"]}
        self.assertEqual(names, NAMES)

    def test_each_signature_has_its_own_age(self) -> None:
        self.realm.now += 100
        self.signed_at = {VERIFIERS[0]: self.realm.now - 40, VERIFIERS[1]: self.realm.now - 3}
        ages = {signer: each["age"] for signer, each in self.vouchers().items()}
        self.assertEqual((ages[VERIFIERS[0].key_id], ages[VERIFIERS[1].key_id], ages[REPLICAS[0].key_id]), (40, 3, 100))

    def test_two_of_each_are_enough_and_who_has_not_signed_is_shown(self) -> None:
        self.signing = [*REPLICAS[:2], *VERIFIERS[1:]]
        missing = {signer for signer, each in self.vouchers().items() if each["signed_at"] is None}
        self.assertEqual(missing, {REPLICAS[2].key_id, VERIFIERS[0].key_id})

    def test_four_of_the_wrong_kinds_are_not(self) -> None:
        for signing in ([*REPLICAS, VERIFIERS[0]], [REPLICAS[0], *VERIFIERS]):
            self.signing = signing
            self.assertEqual(self.json("lookup", ALICE)["error"]["step"], "signatures")

    def test_the_request_asks_for_the_same_quorum(self) -> None:
        self.vouchers()
        self.assertEqual(len(self.realm.lookups[-1].quorum_requirement.subexpressions), 2)

    def test_in_words(self) -> None:
        self.signing = self.signing[:-1]
        self.realm.now += 125
        lines = self.invoke("lookup", ALICE).stdout.splitlines()
        shown = [line.split() for line in lines[lines.index("vouched for by") + 1 :]]
        self.assertEqual(len(shown), 6)
        self.assertIn(
            ["verifier", "of", "example.org", str(VERIFIERS[0].key_id), *["signed", "2", "min", "5", "s", "ago"]], shown
        )
        self.assertEqual(shown[-1], ["signer", str(VERIFIERS[2].key_id), "has", "not", "signed"])


class Staleness(MixedCase):
    def test_a_fresh_answer_has_no_warning(self) -> None:
        self.realm.now += 1800
        self.assertEqual(self.warnings(), [])

    def test_an_epoch_past_half_of_its_time(self) -> None:
        self.realm.now += 1801
        (warning,) = self.warnings()
        self.assertIn("epoch 1 was closed 30 min 1 s ago, and is refused after 1 h", warning)
        self.assertIn(f"warning: {warning}", self.invoke("lookup", ALICE).stdout)

    def test_and_then_it_is_refused(self) -> None:
        self.realm.now += 3601
        self.assertEqual(self.json("lookup", ALICE)["error"]["step"], "freshness")

    def test_a_signature_much_older_than_the_newest(self) -> None:
        self.realm.now += 1000
        self.signed_at = dict.fromkeys(self.signing, self.realm.now)
        del self.signed_at[VERIFIERS[0]]
        (warning,) = self.warnings()
        self.assertIn(f"verifier of example.org ({VERIFIERS[0].key_id}) is 16 min 40 s older than the newest", warning)

    def test_a_signature_from_before_the_epoch(self) -> None:
        self.signed_at = {VERIFIERS[1]: self.realm.now - 3600}
        (warning,) = self.warnings()
        self.assertIn(f"signer {VERIFIERS[1].key_id} says that it signed 1 h before the epoch was closed", warning)

    def test_a_signature_from_the_future(self) -> None:
        self.signed_at = {REPLICAS[0]: self.realm.now + 120}
        (warning,) = self.warnings()
        self.assertIn(f"keyserver of example.com ({REPLICAS[0].key_id}) says that it signed 2 min from now", warning)

    def test_clocks_a_little_apart_are_no_matter(self) -> None:
        self.signed_at = {REPLICAS[0]: self.realm.now + 50, VERIFIERS[0]: self.realm.now - 50}
        self.assertEqual(self.warnings(), [])


class Refused(MixedCase):
    def setUp(self) -> None:
        super().setUp()
        progress = f"{VERIFIERS[0].key_id} has signed nothing, {VERIFIERS[1].key_id} signed epoch 5 (2 behind)"
        self.said = f"no epoch from 1 to 7 is signed by the requested quorum; its signers: {progress}"
        self.realm.refuse = QuorumUnmet(self.said)

    def test_each_signer_has_its_line_and_its_name(self) -> None:
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 5)
        self.assertEqual(
            result.stderr.splitlines()[:3],
            [
                "error: no epoch from 1 to 7 is signed by the requested quorum; its signers:",
                f"  verifier of example.org ({VERIFIERS[0].key_id}) has signed nothing",
                f"  signer {VERIFIERS[1].key_id} signed epoch 5 (2 behind)",
            ],
        )
        self.assertIn("behind, or stopped", result.stderr)

    def test_json_has_one_sentence(self) -> None:
        error = self.json("lookup", ALICE)["error"]
        self.assertEqual(error["code"], "quorum_unmet")
        self.assertNotIn("\n", error["message"])
        self.assertIn(f"verifier of example.org ({VERIFIERS[0].key_id}) has signed nothing, signer", error["message"])

    def test_another_servers_words_are_left_as_they_are(self) -> None:
        for said in ("no", "", "1, 2 and 3", "; its signers: none", "; its signers: " + "9" * 500):
            with self.assertRaises(QuorumUnmet) as caught, naming(RealmConfig()):
                raise QuorumUnmet(said)
            self.assertEqual(str(caught.exception), said)
            in_lines(said)


class Names(SynchronousTestCase):
    def test_one_key_under_two_ids_has_one_name(self) -> None:
        realm = mixed(Realm()).realms[0]
        realm.verification_policy.public_keys[9].CopyFrom(public_key_message(VERIFIERS[0].public))
        self.assertEqual(signer_name(realm, 9), "verifier of example.org")
        self.assertEqual(signer_words(realm, 9), "verifier of example.org (9)")

    def test_a_signer_without_a_name_is_told_by_its_id(self) -> None:
        realm = mixed(Realm()).realms[0]
        self.assertIsNone(signer_name(realm, VERIFIERS[1].key_id))
        self.assertEqual(signer_words(realm, 12345), "signer 12345")


SPANS: list[tuple[float, str]] = [
    (-5, "0 s"),
    (0, "0 s"),
    (59.4, "59 s"),
    (60, "1 min"),
    (61, "1 min 1 s"),
    (3600, "1 h"),
    (3725, "1 h 2 min"),
    (90000, "1 d 1 h"),
]


@each(SPANS, lambda case: case[1])
class Spans(SynchronousTestCase):
    def check(self, case: tuple[float, str]) -> None:
        self.assertEqual(span(case[0]), case[1])
