"""What the page says, in plain words, when something does not work; and that nothing is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.browser import open_page
from tests.page.case import AGE, SSH, LyingCase

NO_STORAGE = (
    "Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('blocked', 'SecurityError'); }});"
)
NO_ED25519 = """
const known = SubtleCrypto.prototype.importKey;
SubtleCrypto.prototype.importKey = function (format, data, algorithm, ...rest) {
  return algorithm === "Ed25519" ? Promise.reject(new DOMException("unknown", "NotSupportedError"))
    : known.call(this, format, data, algorithm, ...rest);
};
"""


def refusal(status: int, code: str, message: str = "so it is") -> Any:
    return lambda answer: (status, f'{{"error": {{"code": "{code}", "message": "{message}"}}}}'.encode())


@pytest.mark.xdist_group("page-troubles")
class Troubles(LyingCase):
    def visit_with(self, script: str) -> Any:
        page = self.browser.profile()
        page.context.add_init_script(script)
        open_page(page, self.url)
        return page

    def about_to_register(self, page: Any, address: str, key: str = SSH) -> None:
        self.own(page, address)
        self.add(page, key)
        self.review(page)
        if page.query_selector("#keep-risk:enabled"):
            page.check("#keep-risk")
        else:
            self.save_copy(page)
            page.check("#keep-saved")

    def test_no_connection(self) -> None:
        page = self.visit()
        self.lying.lies["/lookup"] = lambda proof: None
        said = self.look_up(page, "alice@example.com")
        self.assertIn("The server cannot be reached", said)
        self.assertIn("nothing is proved either way", said)
        self.looks_well(page, "unreachable")

    def test_a_server_that_says_no(self) -> None:
        page = self.visit()
        for code, words in (
            ("quorum_unmet", "Not signed yet"),
            ("unavailable", "Not ready"),
            ("overloaded", "Too busy"),
            ("something_new", "The fault is on its side"),
        ):
            self.lying.lies["/lookup"] = refusal(503, code)
            said = self.look_up(page, "alice@example.com")
            self.assertIn(words, said)
        self.looks_well(page, "server refused")

    def test_a_page_that_cannot_start(self) -> None:
        self.lying.lies["/realm.json"] = lambda config: None
        page = self.browser.profile()
        page.goto(self.url)
        page.wait_for_selector("#trouble [role=alert]")
        self.assertIn("The server cannot be reached", page.inner_text("#trouble"))
        self.looks_well(page, "cannot start")

    def test_no_address(self) -> None:
        page = self.visit()
        for asked in ("alice@elsewhere.org", "alice@@"):
            page.eval_on_selector("#lookup-form", "form => form.noValidate = true")
            self.assertIn("That will not do", self.look_up(page, asked))
        self.assertIn("only", self.look_up(page, "alice@elsewhere.org"))
        self.looks_well(page, "not of this directory")

    def test_a_browser_that_keeps_nothing(self) -> None:
        page = self.visit_with(NO_STORAGE)
        self.own(page, "tab@example.com")
        self.add(page, SSH)
        self.review(page)
        self.assertIn("This browser keeps nothing for this site", page.inner_text("#owner-stage"))
        self.assertTrue(page.is_disabled("#keep-risk"))
        self.looks_well(page, "review without storage")
        self.save_copy(page)
        page.check("#keep-saved")
        page.click("button:has-text('Register and publish')")
        self.published(page)

    def test_a_browser_without_ed25519(self) -> None:
        page = self.visit_with(NO_ED25519)
        self.register(page, "old@example.com")
        self.own(page, "old@example.com")
        self.add(page, AGE)
        self.review(page)
        page.click("button:has-text('Publish the change')")
        self.published(page)

    def test_the_answer_to_a_change_is_lost(self) -> None:
        page = self.visit()
        self.lying.lies["/update"] = lambda proof: None
        self.about_to_register(page, "lost@example.com")
        page.click("button:has-text('Register and publish')")
        page.wait_for_selector("text=No confirmation yet")
        self.published(page)

    def test_a_change_that_is_refused_is_kept(self) -> None:
        page = self.visit()
        self.lying.lies["/update"] = refusal(400, "registration_refused", "no proof")
        self.lying.answer_before = ["/update"]
        self.about_to_register(page, "kept@example.com")
        page.click("button:has-text('Register and publish')")
        page.wait_for_selector("text=The login was not accepted")
        self.looks_well(page, "registration refused")
        page.reload()
        self.lying.lies.clear()
        self.lying.answer_before.clear()
        said = self.own(page, "kept@example.com")
        self.assertIn("was not confirmed yet", said)
        self.looks_well(page, "change on its way")
        self.review(page)
        page.check("#keep-risk")
        page.click("button:has-text('Register and publish')")
        self.published(page)

    def test_somebody_was_faster(self) -> None:
        page, other = self.visit(), self.visit()
        copy = self.register(page, "both@example.com")
        self.own(other, "both@example.com")
        other.set_input_files("#identity-file", copy)
        other.wait_for_selector("text=its signing key is in this browser")
        self.add(other, AGE)
        self.review(other)
        self.own(page, "both@example.com")
        self.add(page, "text", "other", "note")
        self.review(page)
        page.click("button:has-text('Publish the change')")
        self.published(page)
        other.click("button:has-text('Publish the change')")
        other.wait_for_selector("text=The change does not fit")
        self.looks_well(other, "somebody was faster")
        other.click("button:has-text('See what is there now')")
        other.wait_for_selector("text=its signing key is in this browser")
        self.assertIn("text", other.inner_text("#owner-stage .keys"))
        self.add(other, AGE)
        self.review(other)
        other.click("button:has-text('Publish the change')")
        self.published(other)
        self.assertEqual(self.coname("lookup", "both@example.com", "--key", "age").strip(), AGE)

    def test_two_tabs_register_at_once(self) -> None:
        """Each makes a key. Only one of the two comes into force, and it is still there afterwards."""
        one = self.visit()
        two = one.context.new_page()
        open_page(two, self.url)
        self.about_to_register(one, "twice@example.com")
        self.about_to_register(two, "twice@example.com", AGE)
        one.click("button:has-text('Register and publish')")
        self.published(one)
        two.click("button:has-text('Register and publish')")
        two.wait_for_selector("text=The change does not fit")
        for page in (one, two):
            self.assertIn("its signing key is in this browser", self.own(page, "twice@example.com"))

    def test_a_login_that_nobody_waits_for(self) -> None:
        page = self.visit()
        page.evaluate("""sessionStorage.setItem("coname.oidc", '{"nonce": "other", "domain": "", "id_token": "x"}')""")
        page.goto(self.url)
        page.wait_for_selector("text=That login was for something else")
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)

    def test_nobody_can_register(self) -> None:
        for proofs, words in (("[]", "Ask those who run"), ('[{"kind": "dkim"}]', "coname register none@example.com")):
            page = self.visit()
            body = f'{{"anybody": false, "proofs": {proofs}}}'.encode()
            self.lying.lies["/registration?domain=example.com"] = lambda answer, body=body: (200, body)
            self.about_to_register(page, "none@example.com")
            page.click("button:has-text('Register and publish')")
            page.wait_for_selector("text=There is no login for this domain")
            self.assertIn(words, page.inner_text("#owner-stage"))
        self.looks_well(page, "no login for this domain")
