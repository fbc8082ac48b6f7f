"""A server between the page and the keyserver that can be made to lie.

It speaks plain HTTP on 127.0.0.1, which browsers trust as much as HTTPS, and passes everything on, but for what it is
told to change.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

Change = Callable[[dict[str, Any]], Any]
"""What becomes of the JSON of an answer. A tuple is sent instead, as (status, body); None: nothing is."""

_PASSED_ON = ("Content-Type", "Content-Security-Policy", "Cache-Control", "ETag", "Referrer-Policy")


class LyingServer:
    """Stands before the server at `url`.

    :ivar lies: by path, what becomes of its answers.
    :ivar answer_before: paths whose questions never reach the keyserver.
    :ivar seen: by path, the honest answers so far.
    :ivar address: where the page is to be had.
    """

    def __init__(self, url: str) -> None:
        self.lies: dict[str, Change] = {}
        self.answer_before: list[str] = []
        self.seen: dict[str, list[dict[str, Any]]] = {}
        self._url = url
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._open = build_opener(ProxyHandler({}), HTTPSHandler(context=context)).open
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def ask(self, path: str, body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        """The real server's answer."""
        try:
            with self._open(Request(self._url + path, body), timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def answer(self, path: str, body: bytes | None) -> tuple[int, dict[str, str], bytes] | None:
        """What is sent to the page; None: nothing at all."""
        if path in self.answer_before:
            status, headers, content = 200, {"Content-Type": "application/json"}, b"{}"
        else:
            status, headers, content = self.ask(path, body)
        if status == 200 and "json" in headers.get("Content-Type", ""):
            self.seen.setdefault(path, []).append(json.loads(content))
        if path not in self.lies:
            return status, headers, content
        changed = self.lies[path](json.loads(content))
        if changed is None:
            return None
        return (*(changed[:1]), headers, changed[1]) if isinstance(changed, tuple) else (
            status, headers, json.dumps(changed).encode())  # fmt: skip

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        lying = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(lying.answer(self.path, None))

            def do_POST(self) -> None:
                self._send(lying.answer(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

            def _send(self, answer: tuple[int, dict[str, str], bytes] | None) -> None:
                self.close_connection = answer is None
                if answer is None:
                    return
                status, headers, content = answer
                self.send_response(status)
                for name in _PASSED_ON:
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        return Handler
