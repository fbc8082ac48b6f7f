"""Unary gRPC calls over HTTP/2 (RFC 9113), many at a time on a connection: no more of it than the benchmark needs.

The header table of the server's encoder is set to size 0, so that every header comes in full and the status can be
found without decoding (gRPC's own encoder uses no Huffman codes). Flow control: what we receive is allowed up to
2 GiB in advance; what we send waits for the connection's window, while each request fits the window of its stream.
"""

from __future__ import annotations

from collections import deque

ALPN = ["h2"]

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK = END_STREAM = 1
_END_HEADERS = 4
_LARGEST_WINDOW = 2**31 - 1
_FIRST_WINDOW = 65535
_FRAME_HEADER = 9
_GRPC_HEADER = 5
_OK = b"grpc-status\x010"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def _text(value: bytes) -> bytes:
    return bytes((len(value),)) + value


def headers(path: str) -> bytes:
    """The header block of a call (RFC 7541): indexed where the static table has it all, else literal, not indexed."""
    return (
        b"\x83\x87"  # :method: POST, :scheme: https
        + (b"\x04" + _text(path.encode()))  # :path
        + (b"\x01" + _text(b"localhost"))  # :authority
        + (b"\x0f\x10" + _text(b"application/grpc"))  # content-type
        + (b"\x00" + _text(b"te") + _text(b"trailers"))
    )


class Http2:
    """The client's side of one connection to one method."""

    opening_is_answered = False

    def __init__(self, path: str, most: int) -> None:
        self.most = most
        self._headers = headers(path)
        self._stream = -1
        self._window = _FIRST_WINDOW
        self._held: deque[tuple[int, bytes]] = deque()  # data frames that wait for the window
        self._buffer = b""
        self._calls: dict[int, tuple[int, list[bytes]]] = {}  # by stream: the tag, and the answer so far

    def opening(self) -> bytes:
        """What is sent first: no header table, no pushes, large windows."""
        settings = _setting(1, 0) + _setting(2, 0) + _setting(4, _LARGEST_WINDOW)
        window = (_LARGEST_WINDOW - _FIRST_WINDOW).to_bytes(4, "big")
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        return preface + frame(_SETTINGS, 0, 0, settings) + frame(_WINDOW_UPDATE, 0, 0, window)

    def send(self, tag: int, encoded: bytes) -> bytes:
        """The bytes to send for an encoded message; its answer will be given with `tag`."""
        self._stream += 2
        self._calls[self._stream] = (tag, [])
        message = b"\x00" + len(encoded).to_bytes(4, "big") + encoded
        self._held.append((len(message), frame(_DATA, END_STREAM, self._stream, message)))
        return frame(_HEADERS, _END_HEADERS, self._stream, self._headers) + self._released()

    def _released(self) -> bytes:
        released = b""
        while self._held and self._held[0][0] <= self._window:
            size, data = self._held.popleft()
            self._window -= size
            released += data
        return released

    def feed(self, data: bytes) -> tuple[list[tuple[int, bool, bytes]], bytes]:
        """Take what was received; gives the answers that are complete (tag, good, body), and what to send now."""
        buffer = self._buffer + data if self._buffer else data
        answers: list[tuple[int, bool, bytes]] = []
        replies = b""
        at = 0
        while len(buffer) >= at + _FRAME_HEADER:
            start = at + _FRAME_HEADER
            end = start + int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) < end:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            stream = int.from_bytes(buffer[at + 5 : start], "big")
            at = end
            if kind == _DATA:
                self._calls[stream][1].append(buffer[start:end])
            elif kind == _HEADERS:
                if flags & END_STREAM:
                    answers.append(self._finished(stream, buffer[start:end]))
            else:
                replies += self._control(kind, flags, stream, buffer[start:end], answers)
        self._buffer = buffer[at:]
        return answers, replies

    def _finished(self, stream: int, trailers: bytes) -> tuple[int, bool, bytes]:
        tag, parts = self._calls.pop(stream)
        good = _OK in trailers
        return tag, good, b"".join(parts)[_GRPC_HEADER:] if good else trailers

    def _control(
        self, kind: int, flags: int, stream: int, payload: bytes, answers: list[tuple[int, bool, bytes]]
    ) -> bytes:
        if kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
            return self._released()
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            return frame(kind, _ACK, 0, payload if kind == _PING else b"")
        if kind == _RST_STREAM and stream in self._calls:
            answers.append(self._finished(stream, b"the stream was reset"))
        if kind == _GOAWAY:
            raise ConnectionError(f"the server said goodbye: {payload!r}")
        return b""
