"""The page's files, as they are answered with: read once, compressed once, and told apart by their content.

They are built from ``page/`` at the project's root and kept in this package (``make page``), so that nobody needs
Node.js to run a keyserver. Rules:

- the document is asked for again each time (and answered with 304 if it is the same); every other file has a hash of
  its content in its name, and never changes;
- nothing from anywhere else may be loaded, framed or connected to, and scripts may not make markup out of text.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from coname.protocols.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coname.protocols.http_exchange import Exchange

FOLDER = Path(__file__).parent / "page"
DOCUMENT = "index.html"

_TYPES: Mapping[str, bytes] = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}

FOREVER = b"public, max-age=31536000, immutable"
EACH_TIME = b"no-cache"

SECURITY = (
    b"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    b"Referrer-Policy: no-referrer\r\n"
    b"Cross-Origin-Resource-Policy: same-origin\r\n"
    b"Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n"
)
"""What a browser is told of every file of the page."""


class PageFile:
    """One file, ready to be answered with.

    :ivar tag: its ETag; weak, since the compressed form has the same.
    """

    def __init__(self, path: Path) -> None:
        self._content_type = _TYPES[path.suffix]
        self._plain = path.read_bytes()
        self._compressed = gzip.compress(self._plain, 9, mtime=0)
        self._cache_control = EACH_TIME if path.name == DOCUMENT else FOREVER
        self.tag = b'W/"%b"' % sha256(self._plain).hexdigest()[:32].encode()

    def answer(self, exchange: Exchange) -> Response:
        """The file, in the form that the client takes; 304 if it has it."""
        headers = SECURITY + b"Vary: Accept-Encoding\r\nETag: %b\r\n"
        if _lists(exchange, b"If-None-Match", self.tag.removeprefix(b"W/")):
            return Response(304, b"", b"", headers % self.tag, self._cache_control)
        if not _lists(exchange, b"Accept-Encoding", b"gzip"):
            return Response(200, self._content_type, self._plain, headers % self.tag, self._cache_control)
        headers += b"Content-Encoding: gzip\r\n"
        return Response(200, self._content_type, self._compressed, headers % self.tag, self._cache_control)


def _lists(exchange: Exchange, header: bytes, wanted: bytes) -> bool:
    """Whether a header that is a list has `wanted` in it; one that is asked for with weight 0 is not wanted."""
    for line in exchange.requestHeaders.getRawHeaders(header):
        for item in line.split(b","):
            word, _, weight = item.partition(b";")
            if word.strip().removeprefix(b"W/") == wanted and weight.replace(b" ", b"").rstrip(b"0.") != b"q=":
                return True
    return False


def page_files(folder: Path = FOLDER) -> dict[bytes, PageFile]:
    """All files of the page by the path that they are served at; the document at ``/``."""
    found = {b"/" + path.name.encode(): PageFile(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
    found[b"/"] = found.pop(b"/" + DOCUMENT.encode())
    return found
