"""Registering on the page by a login with the organisation: a certified provider, and what goes wrong with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from coname.configuration.options import OidcOptions
from tests.oidc.provider import RealProvider, client
from tests.page.case import SSH, PageCase
from tests.ports import RUN, free_ports

ALICE = "alice@example.com"


class LoginCase(PageCase):
    """A realm that asks for a login with a provider at `port`."""

    port: int

    @classmethod
    def setUpClass(cls) -> None:
        ports = free_ports()
        cls.port = ports + RUN - 1
        provider = OidcOptions(f"http://127.0.0.1:{cls.port}", "coname", "the realm's secret")
        cls.options = {"base_port": ports, "insecure_skip_email_proof": False, "oidc": provider}
        super().setUpClass()

    def setUp(self) -> None:
        super().setUp()
        self.browser.others.add(f"127.0.0.1:{self.port}")

    def ask_to_register(self, page: Any, address: str) -> None:
        """From the first step until the page is left."""
        self.own(page, address)
        self.add(page, SSH)
        self.review(page)
        page.check("#keep-risk")
        page.click("button:has-text('Register and publish')")


@pytest.mark.xdist_group("page-login")
class Login(LoginCase):
    """One provider for all tests: it has the same keys for as long as it runs."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        real = RealProvider([client(cls.keyserver.realm.URL, secret="the realm's secret")], port=cls.port)
        cls.addClassCleanup(real.stop)

    def to_the_provider(self, page: Any, address: str) -> None:
        """From the first step to the provider's own page."""
        self.ask_to_register(page, address)
        page.wait_for_selector("input[name=login]")

    def log_in(self, page: Any, name: str) -> None:
        """What a person does at the provider."""
        page.fill("input[name=login]", name)
        page.fill("input[name=password]", "secret")
        page.click("button[type=submit]")
        page.click("button:has-text('Continue')")

    def test_a_login_registers(self) -> None:
        page = self.visit()
        self.to_the_provider(page, ALICE)
        self.log_in(page, ALICE)
        said = self.published(page)
        self.assertIn("Logged in with your organisation", said)
        self.assertIn(ALICE, said)
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)
        self.looks_well(page, "registered by a login")
        self.assertIn("Proved: these are the keys", self.look_up(self.visit(), ALICE))
        self.assertIn("ssh", self.coname("lookup", ALICE))

    def test_somebody_else_s_login_does_not(self) -> None:
        page = self.visit()
        self.to_the_provider(page, "bob@example.com")
        self.log_in(page, "mallory@example.com")
        page.wait_for_selector("text=The login was not accepted")
        page.click("summary")
        self.assertIn("mallory@example.com", page.inner_text("#owner-stage"))
        self.looks_well(page, "wrong login")
        self.coname("lookup", "bob@example.com", status=1)
        page.context.clear_cookies()
        page.click("button:has-text('Log in again')")
        page.wait_for_selector("input[name=login]")
        self.log_in(page, "bob@example.com")
        self.published(page)

    def test_a_login_that_is_declined(self) -> None:
        page = self.visit()
        self.to_the_provider(page, "carol@example.com")
        page.click("a:has-text('Cancel')")
        page.wait_for_selector("text=The login was refused")
        self.looks_well(page, "login declined")
        self.assertTrue(page.is_visible("button:has-text('Log in again')"))

    def test_a_login_that_took_too_long(self) -> None:
        page = self.visit()
        self.to_the_provider(page, "dora@example.com")
        page.context.clear_cookies(name=re.compile("^__Host-coname"))
        self.log_in(page, "dora@example.com")
        page.wait_for_selector("text=The login was lost")
        self.looks_well(page, "login lost")


@pytest.mark.xdist_group("page-login")
class NoProvider(LoginCase):
    def test_it_is_said(self) -> None:
        page = self.visit()
        self.ask_to_register(page, ALICE)
        page.wait_for_selector("#owner-stage [role=alert]")
        self.matches("Not ready|cannot be reached", page.inner_text("#owner-stage"))
        self.looks_well(page, "provider down")
