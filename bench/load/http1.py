"""HTTP/1.1 with keep-alive, one request at a time on a connection."""

from __future__ import annotations

ALPN = ["http/1.1"]
_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


def request(path: str, body: bytes) -> bytes:
    """A whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + _END + body


class Http1:
    """The client's side of one connection."""

    most = 1
    """Requests at a time."""

    opening_is_answered = True

    def __init__(self) -> None:
        self._buffer = b""
        self._tag = 0

    def opening(self) -> bytes:
        """A request, so that the server sees somebody in earnest: opening thousands of connections takes longer than it
        waits for the first request on one."""
        return b"GET /status HTTP/1.1\r\nHost: localhost" + _END

    def send(self, tag: int, encoded: bytes) -> bytes:
        """The bytes to send for a request that `request` made; its answer will be given with `tag`."""
        self._tag = tag
        return encoded

    def feed(self, data: bytes) -> tuple[list[tuple[int, bool, bytes]], bytes]:
        """Take what was received; gives the answers that are complete (tag, good, body), and what to send now."""
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(_END)
        length = buffer.find(_LENGTH, 0, head) + len(_LENGTH)
        if head < 0 or length < len(_LENGTH):
            self._buffer = buffer
            return [], b""
        start = head + len(_END)
        if len(buffer) < start + int(buffer[length : buffer.index(b"\r", length)]):
            self._buffer = buffer
            return [], b""
        self._buffer = b""
        return [(self._tag, buffer.startswith(b"HTTP/1.1 200 "), buffer[start:])], b""
