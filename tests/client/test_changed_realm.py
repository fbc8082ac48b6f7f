"""The commands, in a realm whose replicas have changed."""

from __future__ import annotations

import json

from google.protobuf import json_format

from coname.client.console.exits import Exit
from coname.core.signatures import SigningKey
from coname.errors import TimedOut, Unreachable
from coname.messages.client_pb2 import LookupProof, RatifiedHead
from tests.client.changing import ChangingRealm
from tests.client.commands import ALICE, CommandCase


class ChangedRealm(CommandCase):
    """Alice is registered; then all replicas are replaced. The configuration is that of the first day."""

    def setUp(self) -> None:
        super().setUp()
        self.use(ChangingRealm())
        self.register(ssh=b"key")
        self.realm.replace_all()

    def forget(self) -> None:
        """As another client, with the same configuration."""
        for path in (self.folder / "state").glob("*/*.json"):
            path.unlink()


class Lookup(ChangedRealm):
    def test_the_policy_that_was_used_is_said(self) -> None:
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, Exit.DONE, result.output)
        self.assertRegex(result.stdout, r"ok +rollover +the replicas are those that epoch \d+ announced: ")

    def test_new_replicas_are_named(self) -> None:
        self.invoke("lookup", ALICE)
        names = {each["name"] for each in self.json("lookup", ALICE)["vouchers"]}
        self.assertTrue({f"replica {key.key_id}" for key in self.realm.signers} & names, names)

    def test_notes_are_told(self) -> None:
        def gone(_: object) -> None:
            raise Unreachable("gone")

        self.realm.now += 25 * 3600
        self.realm.close_epoch()
        self.invoke("lookup", ALICE)
        self.realm.now += 25 * 3600
        self.realm.close_epoch()
        self.realm.policy_changes = gone
        self.assertIn(
            "note: whether the replicas' policy has changed could not be found out: gone",
            self.invoke("lookup", ALICE).stdout,
        )

    def test_a_damaged_record_is_told_with_its_path(self) -> None:
        self.invoke("lookup", ALICE)
        (path,) = (self.folder / "state").glob("*/policy.json")
        path.write_text("{}")
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, Exit.USAGE)
        self.assertIn(f"{path} is damaged", result.stderr)

    def test_a_configuration_that_contradicts_what_was_followed_is_told(self) -> None:
        self.invoke("lookup", ALICE)
        stranger = ChangingRealm().config().realms[0]
        config = self.realm.config()
        config.realms[0].keyserver_auth.CopyFrom(stranger.keyserver_auth)
        config.realms[0].verification_policy.CopyFrom(stranger.verification_policy)
        self.write_config(config)
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, Exit.USAGE)
        self.assertIn("keyserver_auth_since", result.stderr)


class TimedOutUpdate(ChangedRealm):
    def test_whose_signatures_are_missing_is_said_by_name(self) -> None:
        self.invoke("lookup", ALICE)
        self.realm.fail_update = TimedOut("the update was not signed within 30 seconds")
        missing = self.realm.signers[0]
        ratified = self.realm.ratified

        def fewer(number: int):
            found = ratified(number)
            late = number == len(self.realm.epochs)
            kept = [each for each in found.ratifications if not (late and missing.key_id in each.signatures)]
            return RatifiedHead(ratifications=kept)

        self.realm.ratified = fewer
        result = self.invoke("update", ALICE, f"--key=ssh={self.file('new', b'new')}")
        self.assertEqual(result.exit_code, Exit.UNREACHABLE)
        self.assertIn(f"has no signature of replica {missing.key_id}", result.stderr)


class StoredProofs(ChangedRealm):
    def setUp(self) -> None:
        super().setUp()
        self.invoke("lookup", ALICE)
        self.document = self.json("lookup", ALICE)

    def verify(self, content: bytes, *more: str):
        return self.invoke("verify-proof", ALICE, self.file("proof", content), *more)

    def bare(self) -> bytes:
        return json.dumps(self.document["proof"]).encode()

    def test_the_document_verifies_with_the_first_days_configuration_alone(self) -> None:
        self.forget()
        result = self.verify(json.dumps(self.document).encode())
        self.assertEqual(result.exit_code, Exit.DONE, result.output)
        self.assertIn("followed by signatures", result.stdout)

    def test_a_bare_proof_does_not_by_itself(self) -> None:
        self.forget()
        self.assertEqual(self.verify(self.bare()).exit_code, Exit.INVALID)

    def test_a_bare_proof_does_where_the_changes_are_remembered(self) -> None:
        self.assertEqual(self.verify(self.bare()).exit_code, Exit.DONE)
        proof = json_format.Parse(self.bare(), LookupProof()).SerializeToString()
        self.assertEqual(self.verify(proof).exit_code, Exit.DONE)

    def test_a_proof_from_before_the_changes_still_verifies(self) -> None:
        before = self.json("lookup", ALICE, "--epoch=2")
        self.assertNotIn("policy_changes", before)
        self.assertEqual(self.verify(json.dumps(before).encode()).exit_code, Exit.DONE)
        self.forget()
        self.assertEqual(self.verify(json.dumps(before).encode()).exit_code, Exit.DONE)

    def test_verifying_remembers_nothing(self) -> None:
        self.forget()
        self.verify(json.dumps(self.document).encode())
        self.assertEqual(list((self.folder / "state").glob("*/*.json")), [])

    def test_forged_changes_in_the_file_are_refused(self) -> None:
        self.forget()
        theirs = ChangingRealm(signers=[SigningKey.generate() for _ in range(3)])
        theirs.secret, theirs.entries, theirs.profiles = self.realm.secret, self.realm.entries, self.realm.profiles
        number = theirs.change([SigningKey.generate()])
        theirs.close_epoch()
        document = dict(self.document)
        document["policy_changes"] = {"changes": [json.loads(json_format.MessageToJson(theirs.ratified(number)))]}
        document["proof"] = json.loads(json_format.MessageToJson(theirs.prove(ALICE, number + 1)))
        result = self.verify(json.dumps(document).encode())
        self.assertEqual(result.exit_code, Exit.INVALID)
        self.assertIn("expected the signatures of", result.stderr)

    def test_changes_of_another_form_are_refused(self) -> None:
        document = dict(self.document) | {"policy_changes": {"changes": 7}}
        result = self.verify(json.dumps(document).encode())
        self.assertEqual(result.exit_code, Exit.INVALID)
        self.assertIn("PolicyChanges", result.stderr)
