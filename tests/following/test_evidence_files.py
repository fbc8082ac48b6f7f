"""Evidence on the disk: readable, named for what it shows, whole or not there, never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

from google.protobuf.json_format import Parse
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads, times
from coname.core.types import Epoch
from coname.following.evidence_files import RETRY_SECONDS, EvidenceFolder, NotWritten, name, write
from coname.messages.client_pb2 import SignedEpochHead, Timestamp
from coname.messages.evidence_pb2 import EvidenceBundle


def bundle(rule: str = "two_heads", *epochs: int, account: str = "it did") -> EvidenceBundle:
    """Noticed on 23 November 2026 at noon, with heads of some epochs."""
    made = EvidenceBundle(
        format=1, realm="testing", rule=rule, account=account, noticed_at=Timestamp(seconds=1795435200)
    )
    for epoch in epochs:
        head = heads.build("testing", Epoch(epoch), bytes(32), times.timestamp(1.0), bytes(64) if epoch > 1 else b"")
        made.heads.append(
            SignedEpochHead(head=heads.timestamped(head, times.timestamp(1.0)), signatures={7: b"s" * 64})
        )
    return made


class NameTests(SynchronousTestCase):
    def test_time_rule_and_epoch(self) -> None:
        self.assertEqual(name(bundle("two_heads", 16, 17)), "2026-11-23T12-00-00Z-two_heads-epoch-17")

    def test_without_a_head(self) -> None:
        self.assertEqual(name(bundle("malformed_step")), "2026-11-23T12-00-00Z-malformed_step")

    def test_head_that_cannot_be_read_is_passed_over(self) -> None:
        made = bundle("wrong_root", 5)
        made.heads.append(SignedEpochHead(head=b"\xff"))
        self.assertTrue(name(made).endswith("-epoch-5"))

    def test_nothing_in_it_leads_elsewhere(self) -> None:
        self.assertEqual(name(bundle("../../etc/passwd")), "2026-11-23T12-00-00Z-etcpasswd")


class WriteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "deep" / "evidence"

    def test_what_is_read_is_what_was_written(self) -> None:
        made = bundle("two_heads", 16, 17)
        path = write(self.folder, made)
        self.assertEqual(path, self.folder / "2026-11-23T12-00-00Z-two_heads-epoch-17.json")
        self.assertEqual(Parse(path.read_text(), EvidenceBundle()), made)

    def test_it_is_for_people_and_for_everybody(self) -> None:
        path = write(self.folder, bundle("two_heads", 17))
        self.assertIn("noticed_at", json.loads(path.read_text()))
        self.assertIn('\n  "realm": "testing",\n', path.read_text())
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)

    def test_nothing_is_overwritten(self) -> None:
        first = write(self.folder, bundle("two_heads", 17, account="first"))
        second = write(self.folder, bundle("two_heads", 17, account="second"))
        self.assertEqual(second.name, "2026-11-23T12-00-00Z-two_heads-epoch-17-2.json")
        self.assertIn("first", first.read_text())

    def test_full_disk_leaves_nothing_behind(self) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", fail)
        self.assertRaises(OSError, write, self.folder, bundle())
        self.assertEqual(list(self.folder.iterdir()), [])


class FolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.now = 100.0
        self.folder = EvidenceFolder(self.path, lambda: self.now)

    def test_news_of_what_was_written(self) -> None:
        self.folder.keep(bundle())
        (news,) = self.folder.news
        assert news.path is not None
        self.assertTrue(news.path.exists())

    def test_news_says_what_it_is_of(self) -> None:
        self.folder.keep(bundle("two_heads", 17))
        (news,) = self.folder.news
        self.assertEqual((news.rule, news.account, news.epoch), ("two_heads", "it did", 17))

    def test_the_same_bundle_is_known_again(self) -> None:
        for account in ("first", "second", "first"):
            self.folder.keep(bundle(account=account))
        first, second, again = (news.digest for news in self.folder.news)
        self.assertEqual(first, again)
        self.assertNotEqual(first, second)

    def test_what_a_killed_process_left_is_removed_and_nothing_else(self) -> None:
        path = write(self.path, bundle())
        (self.path / ".evidence-abc123").write_text('{"half')
        self.folder.clean()
        self.assertEqual(list(self.path.iterdir()), [path])

    def test_nothing_to_remove(self) -> None:
        self.folder.clean()
        self.assertFalse(self.path.exists())

    def test_failure_is_news_and_passed_on(self) -> None:
        self.path.write_text("in the way")
        self.assertRaises(NotWritten, self.folder.keep, bundle())
        (news,) = self.folder.news
        self.assertIsNone(news.path)
        self.assertIn("File exists", news.reason)

    def test_disk_is_left_alone_for_a_while_after_a_failure(self) -> None:
        self.path.write_text("in the way")
        self.assertRaises(NotWritten, self.folder.keep, bundle())
        self.path.unlink()
        self.assertRaises(NotWritten, self.folder.keep, bundle())
        self.assertEqual(len(self.folder.news), 1)
        self.now += RETRY_SECONDS
        self.folder.keep(bundle())
        self.assertEqual(len(list(self.path.iterdir())), 1)
