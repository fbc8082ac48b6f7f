"""Where a browser brings the outcome of a login: a small HTTP server at 127.0.0.1, for as long as one login takes.

RFC 8252, section 7.3. Whoever else on this machine finds the port learns nothing and changes nothing: only a request
with the secret that went with the browser is taken, and only the first. The address that it came by leaves the
browser's address bar at once.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qsl, urlsplit

REQUEST_SECONDS = 10.0
"""For a request to arrive."""

MOST_FIELDS = 16

_DONE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>coname</title>
<p>{text}</p>
<p>This window can be closed: coname goes on in the terminal.</p>
"""


class Loopback:
    """Listens from its making to `close`.

    :ivar port: where. :ivar state: the secret that the browser is to bring.
    """

    def __init__(self) -> None:
        self.state = urlsafe_b64encode(secrets.token_bytes(24)).decode()
        self._outcome: dict[str, str] | None = None
        self._came = Event()
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @property
    def outcome(self) -> Mapping[str, str] | None:
        """What the browser has brought; None if it has not come yet."""
        return self._outcome if self._came.is_set() else None

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, fields: dict[str, str]) -> bool:
        """Whether `fields` are the outcome, and the first."""
        if self._came.is_set() or not hmac.compare_digest(fields.pop("state", "").encode(), self.state.encode()):
            return False
        self._outcome = fields
        self._came.set()
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 5

    def __init__(self, loopback: Loopback) -> None:
        self.loopback = loopback
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that breaks off is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_SECONDS
    server_version, sys_version = "coname", ""

    def do_GET(self) -> None:
        """The way back, and the page that takes its place."""
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if self.headers.get("Host") != f"127.0.0.1:{self.server.loopback.port}":
            self._answer(HTTPStatus.BAD_REQUEST, "This is not the address that was asked for.")
        elif path in ("/done", "/failed"):
            self._answer(HTTPStatus.OK, "You are logged in." if path == "/done" else "You are not logged in.")
        elif path == "/" and self.server.loopback.take(fields := _fields(query)):
            self._redirect("/failed" if "error" in fields else "/done")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "There is no login of that name here.")

    def log_message(self, format: str, *arguments: object) -> None:
        """What is asked for here may be a secret: it is logged nowhere."""

    def _redirect(self, path: str) -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", path)
        self._end(b"")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self._end(_DONE.format(text=text).encode())

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _fields(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:
        return {}
