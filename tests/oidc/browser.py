"""A browser without a person: it keeps cookies, follows redirects, and fills in the forms of a provider's login."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

SECONDS = 20


@dataclass(frozen=True)
class Page:
    """What the browser shows in the end.

    :ivar address: in its address bar; where it was told to go, if it was not let.
    """

    address: str
    status: int
    text: str


class Browser:
    """Blocks: use it in a thread.

    :param trust: PEM file of whom to trust for https.
    :param stop_at: addresses that begin so are not gone to.
    """

    def __init__(self, trust: str | None = None, stop_at: str = "") -> None:
        self.cookies = CookieJar()
        context = ssl.create_default_context(cafile=trust)
        self._open: OpenerDirector = build_opener(
            ProxyHandler({}), HTTPSHandler(context=context), HTTPCookieProcessor(self.cookies), _Redirects(stop_at)
        )

    def go(self, address: str, data: dict[str, str] | None = None) -> Page:
        """The page at `address`, after all redirects."""
        body = None if data is None else urlencode(data).encode()
        try:
            answer = self._open.open(Request(address, body), timeout=SECONDS)
        except _Stopped as stopped:
            return Page(stopped.address, 0, "")
        except HTTPError as error:
            return Page(error.geturl() or address, error.code, error.read().decode())
        with answer:
            return Page(answer.geturl(), answer.status, answer.read().decode())

    def log_in(self, address: str, name: str) -> Page:
        """Go to `address`, and through all forms that come, as `name`; the first page without a form."""
        page = self.go(address)
        for _ in range(5):
            form = _Form(page.text)
            if form.action is None:
                return page
            fields = {**form.fields, **({"login": name, "password": "secret"} if "login" in form.fields else {})}
            page = self.go(urljoin(page.address, form.action), fields)
        raise AssertionError(f"forms without end at {page.address}")

    def go_on(self, page: Page) -> Page:
        """Say that it was oneself, where the front asks, and look where that leads; `page` if it does not ask."""
        found = program_address(page.text)
        return page if found is None else self.go(found)


def program_address(document: str) -> str | None:
    """Where the front's question leads whoever says yes: to the program that waits. None: it is no question."""
    found = re.search(r'<a href="(http://127\.0\.0\.1:[^"]*)">It was me', document)
    return None if found is None else unescape(found[1])


def outcome_in(document: str) -> Any:
    """What the front's document hands to the page."""
    (found,) = re.findall(r'data-outcome="([^"]*)"', document)
    return json.loads(unescape(found))


class _Stopped(Exception):
    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class _Redirects(HTTPRedirectHandler):
    def __init__(self, stop_at: str) -> None:
        self._stop_at = stop_at

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if self._stop_at and newurl.startswith(self._stop_at):
            raise _Stopped(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Form(HTMLParser):
    """The first form of a document: where it goes, and its fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form" and self.action is None:
            self.action, self._inside = attributes.get("action") or "", True
        elif tag == "input" and self._inside and attributes.get("name"):
            self.fields[attributes["name"] or ""] = attributes.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
