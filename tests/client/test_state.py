"""The memory on disk: one suite for every kind of records, and what damage and rivals do to files."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import txaio
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.client import Client, FolderRecords, MemoryIdentity, MemoryRecords, PinnedState, files
from coname.client.evidence import Contradiction
from coname.client.interfaces import IRecords
from coname.client.state import realm_name
from coname.errors import Corrupt, ProofInvalid, Unavailable
from tests.client.folders import new_folder
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"


class RecordsContract:
    """What every `IRecords` does."""

    def make(self) -> object:
        raise NotImplementedError

    def setUp(self) -> None:
        self.records = self.make()

    def test_it_is_one(self) -> None:
        verifyObject(IRecords, self.records)

    def test_what_was_never_written_is_none(self) -> None:
        self.assertIsNone(self.records.read("realm/head"))

    def test_what_was_written_is_read(self) -> None:
        self.records.write("realm/users/a", b"1")
        self.records.write("realm/users/a", b"2")
        self.assertEqual(self.records.read("realm/users/a"), b"2")

    def test_only_one_holds_a_name(self) -> None:
        with self.records.acquire("realm"):
            self.assertIsNone(self.records.acquire("realm"))
        self.assertIsNotNone(self.records.acquire("realm"))

    def test_other_names_are_not_held(self) -> None:
        with self.records.acquire("realm"), self.records.acquire("other"):
            pass

    def test_an_error_gives_the_name_back(self) -> None:
        with self.assertRaises(ValueError), self.records.acquire("realm"):
            raise ValueError
        self.assertIsNotNone(self.records.acquire("realm"))

    def test_a_record_can_be_named_to_a_person(self) -> None:
        self.assertIn("realm/head", self.records.where("realm/head"))


class InMemory(RecordsContract, SynchronousTestCase):
    def make(self) -> object:
        return MemoryRecords()


class InFolder(RecordsContract, SynchronousTestCase):
    def make(self) -> object:
        return FolderRecords(new_folder(self))

    def test_files_and_folders_are_private(self) -> None:
        self.records.write("realm/head", b"1")
        folder = self.records.folder
        self.assertEqual(stat.S_IMODE((folder / "realm/head.json").stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE((folder / "realm").stat().st_mode), 0o700)

    def test_a_failed_write_leaves_the_old_content_and_nothing_else(self) -> None:
        self.records.write("realm/head", b"1")

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        self.assertRaises(OSError, self.records.write, "realm/head", b"2")
        self.assertEqual(self.records.read("realm/head"), b"1")
        self.assertEqual(len(list((self.records.folder / "realm").iterdir())), 1)

    def test_another_process_is_kept_out(self) -> None:
        with self.records.acquire("realm"):
            self.assertEqual(self.acquired_elsewhere(), "False")
        self.assertEqual(self.acquired_elsewhere(), "True")

    def acquired_elsewhere(self) -> str:
        program = (
            "import sys, pathlib; from coname.client import FolderRecords; "
            "print(FolderRecords(pathlib.Path(sys.argv[1])).acquire('realm') is not None)"
        )
        return subprocess.run(
            [sys.executable, "-c", program, str(self.records.folder)], check=True, capture_output=True, text=True
        ).stdout.strip()


class Sealed(SynchronousTestCase):
    """Damage to a file is an error, whatever it is."""

    def setUp(self) -> None:
        self.data = files.seal("thing", {"a": 1})

    def refused(self, data: bytes) -> str:
        return str(self.assertRaises(Corrupt, files.unseal, "thing", data, "/the/file"))

    def test_what_was_sealed_comes_back(self) -> None:
        self.assertEqual(files.unseal("thing", self.data, "/the/file"), {"a": 1})

    def test_an_empty_file(self) -> None:
        self.assertIn("/the/file is damaged", self.refused(b""))

    def test_every_truncation(self) -> None:
        for size in range(len(self.data) - 2):  # the last two are "}" and a line's end
            self.refused(self.data[:size])

    def test_a_changed_value(self) -> None:
        self.assertIn("checksum", self.refused(self.data.replace(b'"a": 1', b'"a": 2')))

    def test_something_else_with_a_right_checksum(self) -> None:
        self.assertIn("not a thing file", self.refused(files.seal("other", {"a": 1})))

    def test_zeros_as_after_a_power_loss(self) -> None:
        self.refused(b"\0" * len(self.data))

    def test_other_json(self) -> None:
        for text in (b"null", b"[]", b'"x"', b"{}", b'{"checksum": 1}', b"[" * 100_000):
            self.refused(text)


class Remembering(SynchronousTestCase):
    """A client with a memory on disk."""

    def setUp(self) -> None:
        self.folder = new_folder(self)
        self.realm = Realm()

    def client(self) -> Client:
        """A new client, as after a restart."""
        self.transport = MemoryTransport(self.realm)
        state = PinnedState(FolderRecords(self.folder))
        return Client(self.realm.config(), lambda _: self.transport, state, clock=lambda: self.realm.now)

    def lookup(self, **options: int) -> object:
        return self.successResultOf(self.client().lookup(ALICE, **options))

    def record(self, pattern: str) -> Path:
        (path,) = self.folder.glob(f"*/{pattern}")
        return path

    def test_it_outlives_the_program(self) -> None:
        self.realm.close_epoch()
        self.lookup()
        self.realm.serves = 1
        error = self.failureResultOf(self.client().lookup(ALICE), ProofInvalid).value
        self.assertEqual(error.step, "memory")

    def test_what_was_refused_is_not_remembered(self) -> None:
        self.realm.close_epoch()
        self.lookup()
        before = self.record("head.json").read_bytes()
        self.realm.rewrite_history(1)
        self.failureResultOf(self.client().lookup(ALICE), ProofInvalid)
        self.assertEqual(self.record("head.json").read_bytes(), before)

    def test_a_contradiction_that_proves_nothing_to_others_is_kept_with_the_signatures_of_both_sides(self) -> None:
        self.realm.close_epoch()
        self.lookup()
        self.realm.serves = 1
        error = self.failureResultOf(self.client().lookup(ALICE), Contradiction).value
        path = self.record("contradictions/1.json")
        self.assertIn(f"Both are kept in {path}", str(error))
        self.assertEqual((error.path, error.evidence), (str(path), None))
        content = files.unseal("contradiction", path.read_bytes(), path)
        self.assertEqual(len(content["remembered"][0]["content"]["ratifications"]), 3)
        self.assertEqual(len(content["presented"]["ratifications"]), 3)

    def test_a_repeated_contradiction_is_written_once(self) -> None:
        self.test_a_contradiction_that_proves_nothing_to_others_is_kept_with_the_signatures_of_both_sides()
        before = self.record("contradictions/1.json").stat().st_mtime_ns
        self.failureResultOf(self.client().lookup(ALICE), ProofInvalid)
        self.assertEqual(self.record("contradictions/1.json").stat().st_mtime_ns, before)

    def test_a_rival_that_holds_the_memory_for_a_moment_is_waited_for(self) -> None:
        clock = Clock()
        self.patch(txaio.config, "loop", clock)
        rival = FolderRecords(self.folder)
        with rival.acquire(realm_name(self.realm.config().realms[0])):
            deferred = self.client().lookup(ALICE)
            clock.advance(0.02)
            self.assertNoResult(deferred)
        clock.advance(0.02)
        self.assertFalse(self.successResultOf(deferred).present)

    def test_a_damaged_head_is_an_error_that_names_the_file(self) -> None:
        self.lookup()
        self.record("head.json").write_bytes(b"")
        error = self.failureResultOf(self.client().lookup(ALICE), Corrupt).value
        self.assertIn(str(self.record("head.json")), str(error))

    def test_a_damaged_user_is_an_error_that_names_the_file(self) -> None:
        self.lookup()
        self.record("users/*.json").write_bytes(b"{}")
        error = self.failureResultOf(self.client().lookup(ALICE), Corrupt).value
        self.assertIn(str(self.record("users/*.json")), str(error))

    def test_a_record_of_another_user_is_an_error(self) -> None:
        self.lookup()
        mine = self.record("users/*.json")
        self.successResultOf(self.client().lookup("bob@example.com"))
        (other,) = set(self.folder.glob("*/users/*.json")) - {mine}
        mine.write_bytes(other.read_bytes())
        self.failureResultOf(self.client().lookup(ALICE), Corrupt)

    def test_a_head_that_is_none_is_an_error(self) -> None:
        self.lookup()
        content = {"realm": "testing", "epoch": 1, "head": "AAAA"}
        self.record("head.json").write_bytes(files.seal("epoch head", content))
        self.failureResultOf(self.client().lookup(ALICE), Corrupt)

    def test_a_rival_that_holds_the_memory_for_long_is_reported(self) -> None:
        self.patch(sys.modules["coname.client.busy_memory"], "BUSY_TRIES", 0)
        self.failureResultOf(self.client().lookup(ALICE), Unavailable)

    def test_the_same_name_with_another_vrf_key_is_another_realm(self) -> None:
        self.lookup()
        self.realm = Realm()
        self.lookup()
        self.assertEqual(len(list(self.folder.glob("*/head.json"))), 2)

    def test_answers_that_overtake_each_other_are_all_accepted(self) -> None:
        client = self.client()
        self.transport.hold = True
        first = client.lookup(ALICE)
        self.realm.close_epoch()
        second = client.lookup("bob@example.com")
        self.transport.release(1)
        self.assertEqual(self.successResultOf(second).epoch, 2)
        self.transport.release(0)
        self.assertEqual(self.successResultOf(first).epoch, 1)
        self.assertEqual(json.loads(self.record("head.json").read_text())["content"]["epoch"], 2)

    def test_an_unchanged_answer_writes_nothing(self) -> None:
        self.lookup()
        before = [(path, path.stat().st_mtime_ns) for path in sorted(self.folder.rglob("*.json"))]
        self.lookup()
        self.assertEqual([(path, path.stat().st_mtime_ns) for path in sorted(self.folder.rglob("*.json"))], before)

    def test_absence_and_older_versions_are_refused_after_the_newest_epoch_in_which_an_entry_was_seen(self) -> None:
        """Seen in epochs 2 and 4; epoch 3 is shown without it, as only a quorum that lies can."""
        store = MemoryIdentity()
        self.successResultOf(self.client().register(ALICE, {"a": b"b"}, store))
        entries, self.realm.entries = self.realm.entries, {}
        self.realm.close_epoch()
        self.realm.entries = entries
        self.realm.close_epoch()
        self.assertTrue(self.lookup().present)
        error = self.failureResultOf(self.client().lookup(ALICE, epoch=3), ProofInvalid).value
        self.assertIn("no entry in epoch 3", str(error))

    def test_the_first_and_the_newest_epoch_of_an_entry_are_written_down(self) -> None:
        self.lookup()
        self.realm.close_epoch()
        self.lookup()
        content = json.loads(self.record("users/*.json").read_text())["content"]
        self.assertEqual((content["since"], content["epoch"]), (1, 2))

    def test_a_record_of_one_epoch_only_is_read_too(self) -> None:
        self.realm.close_epoch()
        self.lookup()
        path = self.record("users/*.json")
        content = files.unseal("user id", path.read_bytes(), path)
        del content["since"]
        path.write_bytes(files.seal("user id", content))
        self.lookup(epoch=1)
        self.assertEqual(files.unseal("user id", path.read_bytes(), path)["since"], 1)


class RealmNames(SynchronousTestCase):
    def test_hostile_names_stay_within_the_folder(self) -> None:
        config = Realm(name="../../etc/passwd\0" + "x" * 300).config().realms[0]
        name = realm_name(config)
        self.assertNotIn("/", name)
        self.assertFalse(name.startswith("."))
        self.assertLess(len(name), 100)
