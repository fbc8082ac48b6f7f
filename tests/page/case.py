"""What the tests of the page in a browser share: a realm in a twistd process, Chromium, and what people do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase

from tests.page.browser import Chromium, accessibility, open_page, picture
from tests.page.lying import LyingServer
from tests.page.node import needs_packages
from tests.system.processes import KeyserverProcess

SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPuL55mU4te1swhze+pNo3KWg0R2xvgFdlmlLrjUH/+ alice@laptop"
AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


class PageCase(SynchronousTestCase):
    """One realm for all tests of a class, and a new browser for each test.

    Each test ends by looking whether anything was complained about, or asked of a stranger.

    :cvar options: of `coname init`.
    :ivar url: of the page.
    """

    options: dict[str, Any] = {}  # noqa: RUF012
    keyserver: KeyserverProcess
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        needs_packages()
        made = tempfile.TemporaryDirectory(prefix="coname-page-")
        cls.addClassCleanup(made.cleanup)
        cls.folder = Path(made.name)
        cls.keyserver = KeyserverProcess(cls.folder, **cls.options)
        cls.configure()
        cls.keyserver.start()
        cls.addClassCleanup(cls.keyserver.clean_up)

    @classmethod
    def configure(cls) -> None:
        """Change the realm's configuration before it starts."""

    def setUp(self) -> None:
        self.url = self.keyserver.realm.URL
        self.browser = Chromium(urlsplit(self.url).netloc)
        self.addCleanup(self.nothing_strange)
        self.addCleanup(self.browser.close)

    def nothing_strange(self) -> None:
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual(self.browser.strangers, [])

    def visit(self, place: str = "", **options: Any) -> Any:
        """The page in a new profile."""
        page = self.browser.profile(**options)
        open_page(page, f"{self.url}/{place}")
        return page

    def look_up(self, page: Any, address: str) -> str:
        """What the page says of `address`."""
        page.click('nav a[href="#lookup"]')
        page.fill("#lookup-address", address)
        page.click("#lookup-form button")
        page.wait_for_selector("#lookup-outcome .result")
        return str(page.inner_text("#lookup-outcome"))

    def own(self, page: Any, address: str) -> str:
        """What the page offers the owner of `address`."""
        page.click('nav a[href="#mine"]')
        page.fill("#owner-address", address)
        page.click("#owner-form button.primary")
        page.wait_for_selector("#owner-stage .notice")
        return str(page.inner_text("#owner-stage"))

    def add(self, page: Any, text: str, kind: str = "auto", name: str = "") -> None:
        """Paste a key, and add it to the list."""
        page.fill("#key-text", text)
        page.select_option("#key-kind", kind)
        if name:
            page.fill("#key-name", name)
        page.click("text=Add this key")

    def review(self, page: Any) -> None:
        page.click("button:has-text('Review and publish')")
        page.wait_for_selector("text=This is what will be published")

    def save_copy(self, page: Any) -> Path:
        """Save the signing key; the file."""
        with page.expect_download() as download:
            page.click("button:has-text('Save a copy')")
        path = self.folder / f"{self.id().rpartition('.')[2]}-{download.value.suggested_filename}"
        download.value.save_as(path)
        return path

    def published(self, page: Any) -> str:
        """What the page says once the change is ratified."""
        page.wait_for_selector("text=/Published: epoch [0-9]+ is ratified/")
        return str(page.inner_text("#owner-stage"))

    def register(self, page: Any, address: str, key: str = SSH) -> Path:
        """Register `address` from the first step to the last; the copy of the signing key."""
        self.own(page, address)
        self.add(page, key)
        self.review(page)
        copy = self.save_copy(page)
        page.check("#keep-saved")
        page.click("button:has-text('Register and publish')")
        self.published(page)
        return copy

    def looks_well(self, page: Any, name: str) -> None:
        """Screenshots of what is shown; and nobody is shut out of it."""
        picture(page, name)
        self.assertEqual(accessibility(page), [])

    def coname(self, *words: str, status: int = 0) -> str:
        """What the command line prints."""
        done = subprocess.run(
            [Path(sys.executable).with_name("coname"), *words],
            env=os.environ | {"CONAME_CONFIG": str(self.keyserver.client_config), "HOME": str(self.folder)},
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def matches(self, pattern: str, text: str) -> None:
        self.assertTrue(re.search(pattern, text, re.DOTALL), f"{pattern!r} is not in:\n{text}")


class LyingCase(PageCase):
    """A page whose server can be made to lie.

    :ivar lying: that server, which stands before the keyserver.
    """

    lying: LyingServer

    def setUp(self) -> None:
        super().setUp()
        self.lying = LyingServer(self.url)
        self.addCleanup(self.lying.close)
        self.url = self.lying.address
        self.browser.hosts.add(urlsplit(self.url).netloc)
