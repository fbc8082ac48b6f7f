"""A headless Chromium, driven by Playwright, that keeps account of what should not have happened.

Certificate errors are ignored, since the tests' realms have authorities of their own: nothing here tests TLS.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any
from unittest import SkipTest
from urllib.parse import urlsplit

from tests.needs import needs
from tests.page.node import PAGE

PICTURES = Path(os.environ.get("CONAME_PICTURES") or PAGE / "screenshots")
"""Screenshots of every state; git ignores them. CI, whose checkout goes away, names a folder that stays."""

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

AXE = PAGE / "node_modules" / "axe-core" / "axe.min.js"


class Chromium:
    """One browser, of which a test may have several profiles.

    :ivar complaints: what any page reported: script errors, violations of the content security policy, console errors.
    :ivar strangers: requests to any other server than those of `hosts`. None of them gets out.
    :ivar others: hosts of other people's pages, on which nothing is counted.
    """

    def __init__(self, *hosts: str) -> None:
        needs("chromium")
        try:
            from playwright.sync_api import sync_playwright
        except ImportError as error:
            if os.environ.get("CI"):
                raise
            raise SkipTest("playwright is not installed: pip install '.[test]'") from error
        self.hosts = set(hosts)
        self.others: set[str] = set()
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage", _NO_NAMES]
        )

    def profile(self, **options: Any) -> Any:
        """A new profile: nothing that another one keeps is in it. A Playwright `Page`."""
        context = self._browser.new_context(
            ignore_https_errors=True, locale="en-GB", timezone_id="UTC", accept_downloads=True,
            reduced_motion="reduce", **({"viewport": DESK} | options),
        )  # fmt: skip
        context.set_default_timeout(30_000)
        context.add_init_script(_REPORT_VIOLATIONS)
        page = context.new_page()
        page.on("console", lambda message: self._console(message.type, message.text, page.url))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._requested(request.url, page.url))
        return page

    def _console(self, kind: str, text: str, place: str) -> None:
        # A refused request is told on the console too; the page shows it.
        ours = urlsplit(place).netloc not in self.others and "Failed to load resource" not in text
        if ours and kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _requested(self, url: str, place: str) -> None:
        parts = urlsplit(url)
        known = parts.scheme in ("blob", "data", "about") or parts.netloc in self.hosts | self.others
        if not known and urlsplit(place).netloc not in self.others:
            self.strangers.append(url)

    def close(self) -> None:
        """End it."""
        self._browser.close()
        self._playwright.stop()


_NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""No name but the machine's own is found."""

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation",
  (event) => console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


def open_page(page: Any, url: str) -> None:
    """Load the page, and wait until it has begun."""
    page.goto(url)
    page.wait_for_selector("html[data-ready=yes]")


def picture(page: Any, name: str) -> None:
    """Screenshots of what `page` shows, as on a phone and on a desk, in light and in dark."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            path = PICTURES / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}-{size['width']}-{scheme}.png"
            page.screenshot(path=str(path), full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before)


def accessibility(page: Any) -> list[str]:
    """What axe-core finds wrong with what `page` shows, in light and in dark."""
    found = []
    page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for violation in result["violations"]:
            places = "; ".join(str(node["target"]) for node in violation["nodes"])
            found.append(f"{scheme}: {violation['id']}: {violation['help']}: {places}")
    page.emulate_media(color_scheme="light")
    return found


def texts(page: Any, selector: str) -> list[str]:
    """What all elements that match say."""
    return [each.inner_text() for each in page.query_selector_all(selector)]
