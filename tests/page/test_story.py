"""The whole story in a browser: look up, register, see it ratified, look it up from elsewhere, replace, move."""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest import skipIf

import pytest
from pysequoia import Cert

from tests.page.browser import accessibility
from tests.page.case import AGE, SSH, PageCase
from tests.system.processes import VerifierProcess

ABSENT = "Proved: this address is not registered"
PRESENT = "Proved: these are the keys in the directory"


@pytest.mark.xdist_group("page-story")
@skipIf(sys.platform != "linux", "needs Debian's chromium")
class Story(PageCase):
    options = {"verifiers": 0}  # noqa: RUF012

    def test_lookup_of_nobody(self) -> None:
        page = self.visit()
        self.looks_well(page, "start")
        self.assertIn(ABSENT, self.look_up(page, "Nobody@Example.COM"))
        self.assertEqual(page.inner_text("#result-title"), "nobody@example.com")
        self.looks_well(page, "lookup absent")

    def test_from_registration_to_replacement(self) -> None:
        page = self.visit()
        self.assertIn("alice@example.com is not registered yet", self.own(page, "alice@example.com"))
        self.looks_well(page, "own nothing yet")
        self.add(page, SSH)
        self.looks_well(page, "own key added")
        self.review(page)
        self.assertTrue(page.is_disabled("button:has-text('Register and publish')"))
        self.assertTrue(page.is_disabled("#keep-saved"))
        self.looks_well(page, "review")
        self.save_copy(page)
        page.check("#keep-saved")
        page.click("button:has-text('Register and publish')")
        said = self.published(page)
        self.assertIn(PRESENT, said)
        page.wait_for_selector("text=version 0 of the entry")
        self.looks_well(page, "published")

        elsewhere = self.visit()
        found = self.look_up(elsewhere, "alice@example.com")
        self.assertIn(PRESENT, found)
        self.assertIn("SHA256:rIx3Ua4rkc4LryQkGnhqCXy+0e9ZSfBmHTVMlem711I", found)
        self.assertIn("replica 1", found)
        elsewhere.wait_for_selector("text=version 0 of the entry")
        elsewhere.click("text=What was checked: 9 steps, all passed")
        self.looks_well(elsewhere, "lookup present")
        printed = json.loads(self.coname("lookup", "alice@example.com", "--json"))
        self.assertEqual(list(printed["keys"]), ["ssh"])

        self.assertIn("its signing key is in this browser", self.own(page, "alice@example.com"))
        self.add(page, SSH.replace("laptop", "desk"))
        self.add(page, AGE)
        self.add(page, "+49 170 1234567", name="Signal", kind="other")
        self.looks_well(page, "own keys to replace")
        self.review(page)
        said = page.inner_text("#owner-stage")
        self.matches("replaced.*ssh", said)
        self.matches("added.*age", said)
        page.click("summary")
        self.looks_well(page, "review of a replacement")
        page.click("button:has-text('Publish the change')")
        self.published(page)

        found = self.look_up(elsewhere, "alice@example.com")
        self.assertIn("alice@desk", found)
        self.assertIn(AGE, found)
        elsewhere.wait_for_selector("text=version 1 of the entry")
        self.assertEqual(self.coname("lookup", "alice@example.com", "--key", "signal"), "+49 170 1234567")

    def test_what_is_proved_is_said(self) -> None:
        page = self.visit("#about")
        self.assertIn("That this page is honest.", page.inner_text("#about"))
        self.looks_well(page, "about")

    def test_an_openpgp_certificate_dropped_as_a_file(self) -> None:
        cert = Cert.generate(user_id="Olga <olga@example.com>")
        page = self.visit()
        self.own(page, "olga@example.com")
        page.set_input_files("#key-file", {"name": "olga.asc", "mimeType": "text/plain", "buffer": str(cert).encode()})
        page.wait_for_selector("#owner-stage .key")
        self.review(page)
        page.check("#keep-risk")
        page.click("button:has-text('Register and publish')")
        said = self.published(page)
        self.assertIn(cert.fingerprint.upper(), said.replace(" ", ""))
        self.assertIn("Olga <olga@example.com>", said)
        self.assertIn(cert.fingerprint.upper(), self.coname("lookup", "olga@example.com").upper())

    def test_a_secret_is_not_taken(self) -> None:
        secret = Cert.generate(user_id="Sam <sam@example.com>").secrets
        page = self.visit()
        self.own(page, "sam@example.com")
        self.add(page, str(secret))
        page.wait_for_selector("text=This is a SECRET key")
        self.looks_well(page, "own secret refused")
        self.assertTrue(page.is_disabled("button:has-text('Review and publish')"))

    def test_with_the_keyboard_alone(self) -> None:
        page = self.visit()
        self._tab_to(page, "lookup-address")
        page.keyboard.type("nobody@example.com")
        page.keyboard.press("Enter")
        page.wait_for_selector("#lookup-outcome .result")
        self.assertEqual(page.evaluate("document.activeElement.id"), "lookup-outcome")
        self.assertEqual(page.inner_text("#announcements"), "Proved: not registered")

    def test_skipping_to_the_content_stays_where_one_is(self) -> None:
        page = self.visit("#mine")
        page.focus("a.skip")
        page.keyboard.press("Enter")
        self.assertTrue(page.is_visible("#mine"))
        self.assertFalse(page.is_visible("#lookup"))
        self.assertEqual(page.evaluate("document.activeElement.id"), "content")

    def _tab_to(self, page: Any, wanted: str) -> None:
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == wanted:
                return
        self.fail(f"the tabulator does not lead to {wanted}")


@pytest.mark.xdist_group("page-story")
class SigningKey(PageCase):
    """The key stays in the browser, and can be taken along."""

    def kept(self, page: Any) -> Any:
        return page.evaluate("""() => new Promise((resolve) => {
          const open = indexedDB.open("coname");
          open.onsuccess = () => {
            const all = open.result.transaction("identities").objectStore("identities").getAll();
            all.onsuccess = () => resolve(all.result.map(({address, keys, pending}) => ({
              address, pending: pending !== null,
              seeds: keys.map((key) => key.seed !== null), handles: keys.map((key) => key.handle?.extractable)})));
          };
        })""")

    def test_cannot_be_read_out_once_a_copy_was_saved(self) -> None:
        page = self.visit()
        self.register(page, "carol@example.com")
        wanted = {"address": "carol@example.com", "pending": False, "seeds": [False], "handles": [False]}
        self.assertEqual(self.kept(page), [wanted])

    def test_can_be_saved_later(self) -> None:
        page = self.visit()
        self.own(page, "dora@example.com")
        self.add(page, SSH)
        self.review(page)
        page.check("#keep-risk")
        page.click("button:has-text('Register and publish')")
        self.published(page)
        self.assertEqual(self.kept(page)[0]["seeds"], [True])
        self.own(page, "dora@example.com")
        page.click("text=The signing key in this browser")
        self.looks_well(page, "signing key")
        self.save_copy(page)
        page.click("button:has-text('Yes, it is safe')")
        page.wait_for_selector("text=The signing key in this browser")
        self.assertEqual(self.kept(page)[0]["seeds"], [False])

    def test_moves_to_another_browser(self) -> None:
        copy = self.register(self.visit(), "eve@example.com")
        other = self.visit()
        self.assertIn("its signing key is not in this browser", self.own(other, "eve@example.com"))
        self.looks_well(other, "own key elsewhere")
        other.set_input_files("#identity-file", copy)
        other.wait_for_selector("text=its signing key is in this browser")
        self.add(other, AGE)
        self.review(other)
        other.click("button:has-text('Publish the change')")
        self.published(other)
        self.assertEqual(self.coname("lookup", "eve@example.com", "--key", "age").strip(), AGE)

    def test_moves_to_the_command_line_and_back(self) -> None:
        page = self.visit()
        copy = self.register(page, "fay@example.com")
        copy.chmod(0o600)
        file = self.folder / "note"
        file.write_text("from the command line")
        self.coname("update", "fay@example.com", "--identity", str(copy), "--key", f"note={file}")
        self.assertIn("from the command line", self.own(page, "fay@example.com"))
        self.add(page, AGE)
        self.review(page)
        page.click("button:has-text('Publish the change')")
        self.published(page)

    def test_a_damaged_copy_is_refused(self) -> None:
        copy = self.register(self.visit(), "gil@example.com")
        copy.write_text(copy.read_text().replace("gil@", "gal@"))
        other = self.visit()
        self.own(other, "gil@example.com")
        other.set_input_files("#identity-file", copy)
        other.wait_for_selector("text=not a copy of a signing key, or it is damaged")

    def test_can_be_removed(self) -> None:
        page = self.visit()
        self.register(page, "hal@example.com")
        self.own(page, "hal@example.com")
        page.click("text=The signing key in this browser")
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("button:has-text('Remove it from this browser')")
        page.wait_for_selector("text=its signing key is not in this browser")
        self.assertEqual(self.kept(page), [])

    def test_is_offered_when_the_page_is_opened_again(self) -> None:
        page = self.visit()
        self.register(page, "ida@example.com")
        again = page.context.new_page()
        again.goto(f"{self.url}/#mine")
        again.click("button:has-text('ida@example.com, whose signing key is here')")
        again.wait_for_selector("text=its signing key is in this browser")
        self.assertEqual(accessibility(again), [])


@pytest.mark.xdist_group("page-story")
class Verifiers(PageCase):
    """Who vouches is said: independent verifiers, by name, or that there are none."""

    options = {"verifiers": 1}  # noqa: RUF012

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        verifier = VerifierProcess(cls.keyserver, 1)
        cls.addClassCleanup(verifier.clean_up)
        verifier.start()

    def test_are_named(self) -> None:
        page = self.visit()
        self.register(page, "jan@example.com")
        said = self.look_up(page, "jan@example.com")
        self.assertIn("replica 1", said)
        self.assertIn("verifier 1", said)
        self.assertNotIn("no independent verifier", said)
        self.looks_well(page, "lookup with a verifier")


@pytest.mark.xdist_group("page-story")
class Alone(PageCase):
    """A realm of the suite of 2017, without verifiers: what that means is said."""

    options = {"vrf_suite": "2017"}  # noqa: RUF012

    def test_what_is_weak_is_said(self) -> None:
        page = self.visit()
        said = self.look_up(page, "nobody@example.com")
        self.assertIn("the index function of 2017, which is broken", said)
        self.assertIn("no independent verifier has to sign here", said)
        self.looks_well(page, "lookup 2017")
