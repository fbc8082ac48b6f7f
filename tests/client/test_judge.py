"""``coname judge``: what it says, and how it exits."""

from __future__ import annotations

import os
from typing import Any

from click.testing import Result

from coname.core.evidence import write_bundle
from coname.messages.config_pb2 import Config, RealmConfig
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.client.commands import CommandCase
from tests.core.history import OTHER, REPLICA, VERIFIER, build_head, bundle, key, realm_config, sign_head

TWO_HEADS = bundle(
    rule="two_heads",
    account="epoch 2 has two heads",
    witness="verifier 1f",
    heads=[sign_head(build_head(2), REPLICA, OTHER), sign_head(build_head(2, root=b"\1" * 32), REPLICA, OTHER)],
)


def pinned(realm: RealmConfig, domain: str) -> RealmConfig:
    """A whole client's configuration of `realm`."""
    realm.VRFPublic = key("vrf").public
    realm.domains[:] = [domain]
    realm.URL = "https://keys.invalid:25519"
    return realm


class JudgeCommandCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.know(realm_config("another"), realm_config())
        self.realm.now = 1_600_000_000.0

    def know(self, *realms: RealmConfig) -> None:
        """Have these realms in the configuration."""
        self.write_config(Config(realms=[pinned(each, f"{n}.invalid") for n, each in enumerate(realms)]))

    def judge(self, evidence: EvidenceBundle) -> Result:
        return self.invoke("judge", self.file("bundle.json", write_bundle(evidence)))

    def judged(self, evidence: EvidenceBundle) -> Any:
        return self.json("judge", self.file("bundle.json", write_bundle(evidence)))


class Words(JudgeCommandCase):
    def test_who_broke_which_rule_and_what_follows(self) -> None:
        result = self.judge(TWO_HEADS)
        self.assertEqual(result.exit_code, 0)
        for words in (
            "proven: the rules of realm testing were broken",
            f"keyserver of wonder.land ({REPLICA.key_id})",
            f"signer {OTHER.key_id}",
            "signed two different heads for epoch 2",
            "one epoch has one head (two_heads)",
            "what follows: Different people may have been shown different keys",
            "what the bundle says of itself, unchecked: 'epoch 2 has two heads' ('two_heads'; by 'verifier 1f')",
        ):
            self.assertIn(words, result.stdout)
        self.assertNotIn("verifier of example.org", result.stdout)

    def test_damage(self) -> None:
        damaged = EvidenceBundle()
        damaged.CopyFrom(TWO_HEADS)
        damaged.heads[0].signatures[REPLICA.key_id] = bytes(64)
        result = self.judge(damaged)
        self.assertEqual(result.exit_code, 1)
        self.assertIn(f"not proven (damaged): the signature by {REPLICA.key_id} on head 0", result.stdout)
        self.assertIn("nothing against anybody", result.stdout)

    def test_what_rests_on_the_witness(self) -> None:
        evidence = bundle(rule="missing_transcript", account="it came without", witness="verifier 1f")
        evidence.heads.add().CopyFrom(sign_head(build_head(2), REPLICA))
        result = self.judge(evidence)
        self.assertEqual(result.exit_code, 1)
        self.assertIn("rests on the word of its witness alone", result.stdout)
        self.assertIn("'it came without' ('missing_transcript'; by 'verifier 1f')", result.stdout)

    def test_another_realm(self) -> None:
        evidence = bundle(realm="unheard of")
        result = self.judge(evidence)
        self.assertEqual(result.exit_code, 1)
        self.assertIn("not proven (other realm): it is about the realm 'unheard of'", result.stdout)

    def test_the_realm_is_found_by_its_name(self) -> None:
        first, second = (
            sign_head(build_head(1, realm="another", root=root), VERIFIER) for root in (bytes(32), b"\1" * 32)
        )
        self.assertEqual(self.judge(bundle(realm="another", heads=[first, second])).exit_code, 0)

    def test_a_strangers_words_do_not_move_the_cursor(self) -> None:
        evidence = bundle(account="\x1b[2Jall is well" + "!" * 5000, witness="\x1b[1A")
        self.assertNotIn("\x1b", self.judge(evidence).stdout)
        self.assertLess(len(self.judge(evidence).stdout), 3000)

    def test_a_strangers_words_do_not_pass_for_ours(self) -> None:
        lie = "x\n\nproven: the rules of realm testing were broken\u2028\x85"
        for field in ("account", "rule", "witness"):
            told = self.judge(bundle(**{field: lie})).stdout
            self.assertEqual([line for line in told.splitlines() if line.startswith("proven")], [])
            self.assertIn("'x\\n\\nproven", told)

    def test_a_strangers_words_are_cut(self) -> None:
        told = self.judge(bundle(account="a" * 10**6, rule="r" * 10**6, witness="w" * 10**6)).stdout
        self.assertLess(len(told), 2000)

    def test_standard_input(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, write_bundle(TWO_HEADS))
        os.close(writing)
        self.assertEqual(self.invoke("judge", f"/dev/fd/{reading}").exit_code, 0)


class Json(JudgeCommandCase):
    def test_a_strangers_words_do_not_move_the_cursor(self) -> None:
        account = "\x1b\x7f\x9b31m \u202e \u2028 \U000e0001 ä 中"
        evidence = bundle(account=account)
        told = self.invoke("judge", self.file("bundle.json", write_bundle(evidence)), "--json").stdout
        self.assertEqual([each for each in told if not each.isprintable() and each != "\n"], [])
        self.assertIn("ä 中", told)
        self.assertEqual(self.judged(evidence)["claim"]["account"], account)

    def test_proven(self) -> None:
        document = self.judged(TWO_HEADS)
        self.assertEqual((document["schema"], document["command"], document["exit_status"]), (1, "judge", 0))
        self.assertIs(document["proven"], True)
        self.assertEqual(document["realm"], "testing")
        (finding,) = document["findings"]
        self.assertEqual((finding["rule"], finding["meaning"]), ("two_heads", "one epoch has one head"))
        names = {str(REPLICA.key_id): "keyserver of wonder.land", str(OTHER.key_id): None}
        self.assertEqual({each["id"]: each["name"] for each in finding["signers"]}, names)
        self.assertIn("epoch 2", finding["explanation"])
        self.assertEqual((document["reason"], document["why"], document["notes"]), (None, None, []))
        claim = {"rule": "two_heads", "account": "epoch 2 has two heads", "witness": "verifier 1f", "noticed_at": None}
        self.assertEqual(document["claim"], claim)

    def test_not_proven(self) -> None:
        evidence = bundle(heads=TWO_HEADS.heads[:1])
        evidence.noticed_at.seconds = 1_600_000_000
        document = self.judged(evidence)
        self.assertEqual((document["proven"], document["findings"], document["reason"]), (False, [], "unproven"))
        self.assertEqual(document["exit_status"], 1)
        self.assertEqual(document["claim"]["noticed_at"], "2020-09-13T12:26:40Z")

    def test_times_that_no_calendar_has(self) -> None:
        for seconds in (-62_135_596_800, 253_402_300_799, 2**62):
            evidence = bundle()
            evidence.noticed_at.seconds = seconds
            self.assertEqual(self.judged(evidence)["exit_status"], 1)


class Usage(JudgeCommandCase):
    def test_a_file_that_is_no_bundle(self) -> None:
        path = self.file("bundle.json", b"{}x")
        result = self.invoke("judge", path)
        self.assertEqual(result.exit_code, 2)
        self.assertIn(f"{path}: the file is not an evidence bundle", result.stderr)
        self.assertEqual(self.json("judge", path)["error"]["code"], "usage")

    def test_no_such_file(self) -> None:
        self.assertEqual(self.invoke("judge", str(self.folder / "nothing")).exit_code, 2)

    def test_a_configuration_without_realms(self) -> None:
        self.write_config(Config())
        self.assertEqual(self.judge(TWO_HEADS).exit_code, 2)

    def test_no_configuration(self) -> None:
        path = self.file("bundle.json", write_bundle(TWO_HEADS))
        self.assertEqual(self.invoke("judge", path, "--config", str(self.folder / "none.json")).exit_code, 2)
