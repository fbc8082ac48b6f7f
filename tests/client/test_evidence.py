"""The evidence that a client makes when it is shown a contradiction: others must be able to judge by it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from coname.client import Change, Client, FolderRecords, MemoryIdentity, PinnedState, files
from coname.client import state as state_module
from coname.client.evidence import Contradiction
from coname.core import heads
from coname.core.evidence import judge, read_bundle
from coname.core.hashes import summary_hash
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.messages.client_pb2 import LookupProof
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.client.commands import ALICE, CommandCase
from tests.client.folders import new_folder
from tests.client.simulator import ClosedEpoch, Realm
from tests.client.transports import MemoryTransport


class EvidenceCase(SynchronousTestCase):
    """A realm in which Alice is registered, and a client with a memory on disk."""

    def setUp(self) -> None:
        self.folder = new_folder(self)
        self.realm = Realm()
        self.config = self.realm.config()
        self.identity = MemoryIdentity()
        self.successResultOf(self.client().register(ALICE, {"ssh": b"key"}, self.identity))

    def client(self) -> Client:
        """A new client, as after a restart."""
        records = FolderRecords(self.folder)
        transport = MemoryTransport(self.realm)
        return Client(self.config, lambda _: transport, PinnedState(records), clock=lambda: self.realm.now)

    def lookup(self, epoch: int = 0) -> None:
        self.successResultOf(self.client().lookup(ALICE, epoch))

    def contradiction(self, epoch: int = 0) -> Contradiction:
        return self.failureResultOf(self.client().lookup(ALICE, epoch), Contradiction).value

    def convicted(self, rule: str, epoch: int = 0) -> EvidenceBundle:
        """Look up; what is written must prove that all signers broke `rule`."""
        error = self.contradiction(epoch)
        assert error.path is not None
        evidence = read_bundle(Path(error.path).read_bytes())
        self.assertEqual(evidence, error.evidence)
        verdict = judge(self.config.realms[0], evidence, self.realm.now)
        self.assertEqual({each.rule for each in verdict.findings}, {rule}, verdict.why)
        self.assertEqual(set(verdict.findings[0].signers), {key.key_id for key in self.realm.signers})
        self.assertEqual((evidence.rule, evidence.witness), (rule, "client"))
        self.assertIn(f"What proves it to others is in {error.path} (see: coname judge)", str(error))
        return evidence

    def replace_last(self, **changes: Any) -> None:
        """Close the last epoch anew, with another head."""
        self.realm.epochs.pop()
        self.close(**changes)

    def close(self, **changes: Any) -> None:
        """Close an epoch whose head says something else than it should."""
        self.realm.close_epoch()
        closed = self.realm.epochs.pop()
        honest = heads.parse(heads.timestamped(closed.head, timestamp(0)))
        arguments = {
            "realm": self.realm.name,
            "epoch": honest.epoch,
            "root_hash": honest.root_hash,
            "issue_time": timestamp(honest.issue_time),
            "previous_summary_hash": honest.previous_summary_hash,
            **changes,
        }
        self.realm.epochs.append(ClosedEpoch(closed.entries, closed.profiles, heads.build(**arguments)))

    def forget(self) -> None:
        """Let Alice's entry vanish."""
        self.realm.entries.clear()
        self.realm.profiles.clear()


class Proven(EvidenceCase):
    def test_two_heads_for_one_epoch(self) -> None:
        self.realm.rewrite_history(1)
        self.convicted("two_heads")

    def test_a_broken_chain(self) -> None:
        self.close(previous_summary_hash=b"?" * 64)
        self.convicted("broken_chain")

    def test_a_broken_chain_to_the_epoch_before(self) -> None:
        self.realm.close_epoch()
        self.lookup()
        self.realm.epochs[1].head = heads.build(
            "testing", Epoch(2), bytes(32), timestamp(self.realm.now - 9), b"?" * 64
        )
        self.realm.epochs[1].entries = {}
        self.forget()
        self.realm.epochs[1].head = heads.build(
            "testing", Epoch(2), self._empty_root(), timestamp(self.realm.now - 9), b"?" * 64
        )
        self.convicted("broken_chain", epoch=2)

    def test_time_that_goes_back(self) -> None:
        self.close(issue_time=timestamp(self.realm.now - 100))
        self.convicted("time_reversed")

    def test_time_that_goes_back_over_many_epochs(self) -> None:
        for _ in range(3):
            self.realm.close_epoch()
        self.close(issue_time=timestamp(self.realm.now - 100))
        self.convicted("time_reversed")

    def test_an_epoch_left_out(self) -> None:
        for _ in range(4):
            self.realm.close_epoch()
        self.replace_last(previous_summary_hash=summary_hash(self.realm.epochs[1].head))
        self.convicted("skipped_epoch")

    def test_an_entry_that_vanished(self) -> None:
        self.forget()
        self.realm.close_epoch()
        evidence = self.convicted("entry_vanished")
        self.assertEqual(len(evidence.entries), 2)

    def test_an_entry_that_vanished_for_a_while(self) -> None:
        self.realm.close_epoch()
        kept = dict(self.realm.entries), dict(self.realm.profiles)
        self.forget()
        self.realm.close_epoch()
        self.realm.entries, self.realm.profiles = kept
        self.realm.close_epoch()
        self.lookup()
        self.convicted("entry_vanished", epoch=4)

    def test_an_entry_that_went_back(self) -> None:
        old = dict(self.realm.entries), dict(self.realm.profiles)
        self.successResultOf(self.client().update(ALICE, Change(publish={"ssh": b"new"}), self.identity))
        self.realm.entries, self.realm.profiles = old
        self.realm.close_epoch()
        self.convicted("version_decreased")

    def test_what_others_sent_along_does_no_damage(self) -> None:
        stranger = SigningKey.generate()

        def add(proof: LookupProof) -> None:
            head = proof.ratifications[0].head
            proof.ratifications[0].signatures[stranger.key_id] = stranger.sign(head)
            proof.ratifications[1].signatures[self.realm.signers[0].key_id] = bytes(64)
            proof.ratifications.extend([proof.ratifications[2]] * 1000)

        self.realm.tamper = add
        self.realm.rewrite_history(1)
        self.convicted("two_heads")

    def _empty_root(self) -> bytes:
        fresh = Realm()
        return heads.parse(heads.timestamped(fresh.epochs[0].head, timestamp(0))).root_hash


class Kept(EvidenceCase):
    def bundles(self) -> list[Path]:
        return sorted(self.folder.glob("*/evidence/*.json"))

    def test_once_for_each_contradiction(self) -> None:
        self.realm.rewrite_history(1)
        path = self.contradiction().path
        before = self.bundles()[0].stat().st_mtime_ns
        self.realm.now += 1
        self.assertEqual(self.contradiction().path, path)
        self.assertEqual([each.stat().st_mtime_ns for each in self.bundles()], [before])
        self.realm.rewrite_history(1)
        self.contradiction()
        self.assertEqual(len(self.bundles()), 2)

    def test_not_without_end(self) -> None:
        self.patch(state_module, "MAX_KEPT", 2)
        for _ in range(4):
            self.realm.rewrite_history(1)
            error = self.contradiction()
        self.assertEqual(len(self.bundles()), 2)
        self.assertIsNone(error.path)
        self.assertIn("It is not kept", str(error))
        self.assertIsNotNone(error.evidence)

    def test_it_is_private(self) -> None:
        self.realm.rewrite_history(1)
        self.contradiction()
        self.assertEqual(stat.S_IMODE(self.bundles()[0].stat().st_mode), 0o600)

    def test_a_full_disk_does_not_hide_what_was_found(self) -> None:
        self.realm.rewrite_history(1)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(files, "write_whole", full)
        error = self.contradiction()
        self.assertIn("epoch 2 has two heads", str(error))
        self.assertIn("could not be kept: [Errno 28] No space left on device", str(error))
        self.assertIsNotNone(error.evidence)

    def test_records_of_earlier_versions_have_no_proofs(self) -> None:
        (path,) = self.folder.glob("*/users/*.json")
        content = files.unseal("user id", path.read_bytes(), path)
        del content["proofs"]
        path.write_bytes(files.seal("user id", content))
        self.forget()
        self.realm.close_epoch()
        error = self.contradiction()
        self.assertIn("Both are kept in", str(error))
        self.assertIsNone(error.evidence)

    def test_proofs_are_kept_of_the_first_and_the_last_sighting(self) -> None:
        self.realm.close_epoch()
        self.lookup()
        (path,) = self.folder.glob("*/users/*.json")
        first, last = files.unseal("user id", path.read_bytes(), path)["proofs"]
        self.assertNotEqual(first, last)
        self.assertLess(os.path.getsize(path), 20_000)

    def test_in_memory_it_comes_with_the_error(self) -> None:
        client = Client(self.config, lambda _: MemoryTransport(self.realm), clock=lambda: self.realm.now)
        self.successResultOf(client.lookup(ALICE))
        self.realm.rewrite_history(1)
        error = self.failureResultOf(client.lookup(ALICE), Contradiction).value
        self.assertIsInstance(error.evidence, Message)
        self.assertTrue(judge(self.config.realms[0], error.evidence, self.realm.now).proven)


class Commands(CommandCase):
    def test_what_lookup_writes_judge_proves(self) -> None:
        self.register()
        self.realm.rewrite_history(1)
        error = self.json("lookup", ALICE)["error"]
        self.assertEqual((error["code"], error["step"]), ("proof_invalid", "memory"))
        self.assertEqual(error["evidence"], error["kept"])
        self.assertIn(str(self.folder / "state"), error["evidence"])
        document = self.json("judge", error["evidence"])
        self.assertEqual((document["exit_status"], document["findings"][0]["rule"]), (0, "two_heads"))
        self.assertIn(error["evidence"], self.invoke("lookup", ALICE).stderr)

    def test_what_proves_nothing_is_no_evidence(self) -> None:
        self.register()
        self.realm.serves = 1
        error = self.json("lookup", ALICE)["error"]
        self.assertIsNone(error["evidence"])
        self.assertTrue(Path(error["kept"]).exists())

    def test_other_errors_have_none(self) -> None:
        self.realm.tamper = lambda proof: proof.ClearField("tree_proof")
        self.assertNotIn("evidence", self.json("lookup", ALICE)["error"])
