"""An empty database with an old key is warned about; a new verifier's is not."""

from __future__ import annotations

import os
from datetime import timedelta

from coname.config import load_verifier
from coname.configuration.init import InitOptions
from coname.following.first_start import warning
from tests.configuration.realms import NOW, RealmCase


class FirstStartTests(RealmCase):
    options = InitOptions(realm="example.com", verifiers=1, insecure_skip_email_proof=True)

    def setUp(self) -> None:
        super().setUp()
        path = self.folder / "verifier1" / "config.json"
        self.key = path.parent / "verifier.ed25519secret"
        self.made(days_ago=0)
        self.settings = load_verifier(path, NOW)

    def made(self, days_ago: float) -> None:
        seconds = (NOW - timedelta(days=days_ago)).timestamp()
        os.utime(self.key, (seconds, seconds))

    def test_new_verifier(self) -> None:
        self.assertEqual(warning(self.settings, NOW), "")

    def test_a_few_hours_after_it_was_made(self) -> None:
        self.assertEqual(warning(self.settings, NOW + timedelta(hours=22)), "")

    def test_old_key(self) -> None:
        self.made(days_ago=3)
        said = warning(self.settings, NOW)
        self.assertIn(f"keys are of {NOW - timedelta(days=3):%Y-%m-%d}", said)
        self.assertIn("new keys (coname verifier enroll)", said)

    def test_old_certificate_though_the_files_were_copied_today(self) -> None:
        self.made(days_ago=-30)
        self.assertIn("database is empty", warning(self.settings, NOW + timedelta(days=30)))

    def test_key_that_is_gone_by_now(self) -> None:
        self.key.unlink()
        self.assertEqual(warning(self.settings, NOW), "")
