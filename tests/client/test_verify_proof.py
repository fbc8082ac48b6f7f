"""``coname verify-proof``: agrees with the original on every recorded answer, in both forms, and reads times."""

from __future__ import annotations

import json
from typing import Any

from tests import vectors
from tests.client.commands import ALICE, CommandCase
from tests.client.simulator import Realm


class Vectors(CommandCase):
    """One test for each recorded lookup and form; they are added below."""

    def verify(self, case: dict[str, Any], content: bytes) -> None:
        recorded = vectors.load("lookup")
        (self.folder / "config.json").write_text(json.dumps(recorded["client_config_json"]))
        document = self.json(
            "verify-proof", case["user"], self.file("proof", content), "--at", str(case["now_seconds"])
        )
        if not case["accepted"]:
            self.assertEqual(document["exit_status"], 3)
            return
        keys = {name: bytes.fromhex(value) for name, value in (case["keys"] or {}).items()}
        self.assertEqual(document["exit_status"], 1 if case["keys"] is None else 0)
        self.assertEqual(set(document["keys"] or {}), set(keys))


def _add_cases() -> None:
    recorded = vectors.load("lookup")
    for number, case in enumerate(recorded["lookups"]):
        binary, text = bytes.fromhex(case["lookup_proof_message"]), json.dumps(case["lookup_proof_json"]).encode()
        name = f"{number:02}_{case['name'].replace(' ', '_').replace(',', '')}"

        def test_binary(self: Vectors, case: Any = case, content: bytes = binary) -> None:
            self.verify(case, content)

        def test_json(self: Vectors, case: Any = case, content: bytes = text) -> None:
            self.verify(case, content)

        setattr(Vectors, f"test_binary_{name}", test_binary)
        setattr(Vectors, f"test_json_{name}", test_json)


_add_cases()


class Stored(CommandCase):
    """A proof of the simulated realm, stored."""

    def setUp(self) -> None:
        super().setUp()
        self.proof = self.realm.prove(ALICE, 1)
        self.path = self.file("proof", self.proof.SerializeToString())

    def at(self, moment: str) -> int:
        return self.invoke("verify-proof", ALICE, self.path, "--at", moment).exit_code

    def test_now_is_the_rule(self) -> None:
        self.assertEqual(self.invoke("verify-proof", ALICE, self.path).exit_code, 1)
        self.realm.now += 4000
        self.assertEqual(self.invoke("verify-proof", ALICE, self.path).exit_code, 3)

    def test_at_unix_seconds(self) -> None:
        self.assertEqual((self.at("1900003601"), self.at("1900003602")), (1, 3))

    def test_at_a_fraction_of_a_second(self) -> None:
        self.assertEqual((self.at("1900003600.5"), self.at("1900003601.5")), (1, 3))

    def test_at_rfc_3339(self) -> None:
        self.assertEqual((self.at("2030-03-17T18:46:41Z"), self.at("2030-03-17t18:46:42z")), (1, 3))

    def test_at_rfc_3339_elsewhere_with_a_fraction(self) -> None:
        self.assertEqual((self.at("2030-03-17T20:46:40.9+02:00"), self.at("2030-03-17T20:46:41.1+02:00")), (1, 3))

    def test_at_a_time_without_a_zone_is_a_mistake(self) -> None:
        self.assertEqual(self.at("2030-03-17T18:46:41"), 2)

    def test_at_no_time_is_a_mistake(self) -> None:
        self.assertEqual((self.at("yesterday"), self.at("nan"), self.at("inf"), self.at("1e300")), (2, 2, 2, 2))

    def test_remembered_heads_play_no_part(self) -> None:
        self.register()
        self.realm.rewrite_history(1)
        self.path = self.file("proof", self.realm.prove(ALICE, 2).SerializeToString())
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 3)
        before = sorted((self.folder / "state").rglob("*"))
        self.assertEqual(self.invoke("verify-proof", ALICE, self.path).exit_code, 0)
        self.assertEqual(sorted((self.folder / "state").rglob("*")), before)

    def test_the_address_is_canonicalised(self) -> None:
        self.assertEqual(self.json("verify-proof", "Alice@Example.COM", self.path)["address"], ALICE)

    def test_what_lookup_prints_with_json_is_a_stored_proof(self) -> None:
        self.register()
        path = self.file("document", self.invoke("lookup", ALICE, "--json").stdout_bytes)
        self.assertEqual(self.json("verify-proof", ALICE, path)["outcome"], "present")

    def test_what_lookup_prints_of_an_error_is_none(self) -> None:
        path = self.file("document", self.invoke("lookup", "alice", "--json").stdout_bytes)
        self.assertEqual(self.invoke("verify-proof", ALICE, path).exit_code, 3)

    def advised(self, *arguments: str) -> str:
        """What is said of a file that proves nothing; never of a server, for none is asked."""
        result = self.invoke("verify-proof", *arguments)
        self.assertEqual(result.exit_code, 3)
        self.assertNotIn("server", result.stderr)
        return result.stderr

    def test_a_stale_one_may_be_verified_as_of_then(self) -> None:
        self.assertIn("--at TIME", self.advised(ALICE, self.path, "--at", "1900009999"))

    def test_one_of_another_address_answers_another_question(self) -> None:
        self.assertIn("another question", self.advised("bob@example.com", self.path))

    def test_one_of_another_realm_proves_nothing(self) -> None:
        self.write_config(Realm().config())
        self.assertIn("It proves nothing", self.advised(ALICE, self.path))

    def test_what_is_none_says_how_to_get_one(self) -> None:
        self.assertIn("coname lookup ADDRESS --json", self.advised(ALICE, self.file("text", b"hello")))

    def test_the_proof_of_a_lookup_can_be_verified_again(self) -> None:
        self.register()
        proof = self.json("lookup", ALICE)["proof"]
        document = self.json("verify-proof", ALICE, self.file("kept", json.dumps(proof).encode()))
        self.assertEqual((document["outcome"], document["proof"]), ("present", proof))

    def test_a_file_that_is_not_there_is_a_mistake(self) -> None:
        self.assertEqual(self.invoke("verify-proof", ALICE, str(self.folder / "none")).exit_code, 2)

    def proves_nothing(self, content: bytes) -> None:
        document = self.json("verify-proof", ALICE, self.file("proof", content))
        self.assertEqual(document["exit_status"], 3)

    def test_an_empty_file_proves_nothing(self) -> None:
        self.proves_nothing(b"")

    def test_text_proves_nothing(self) -> None:
        self.proves_nothing(b"hello")

    def test_other_json_proves_nothing(self) -> None:
        self.proves_nothing(b'{"ratifications": 5}')

    def test_truncated_json_proves_nothing(self) -> None:
        self.proves_nothing(b'{"user_id": "alice@example.com", ')

    def test_deep_json_proves_nothing(self) -> None:
        self.proves_nothing(b'{"tree_proof":' * 100_000)

    def test_a_truncated_message_proves_nothing(self) -> None:
        self.proves_nothing(self.proof.SerializeToString()[:-3])

    def test_a_huge_file_proves_nothing(self) -> None:
        self.proves_nothing(b"\x0a" * (9 * 1024 * 1024))

    def test_a_binary_proof_that_begins_like_json_is_read_as_what_it_is(self) -> None:
        address = "{lice-of-the-long-na@example.com"  # 32 bytes: with its tag and length, white space and a brace
        self.assertEqual(len(address), 0x20)
        path = self.file("proof", self.realm.prove(address, 1).SerializeToString())
        self.assertEqual(self.invoke("verify-proof", address, path).exit_code, 1)
