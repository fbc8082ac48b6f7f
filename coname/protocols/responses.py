"""Answers of the HTTP fronts, and the one form in which all of them report errors.

Every error, whatever went wrong, is ``{"error": {"code": ..., "message": ...}}``: a stable code from `coname.errors`
(or one of the few of HTTP itself, below) and a sentence for a person.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, NamedTuple

from coname.errors import ConameError

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

REASONS: Mapping[int, bytes] = {
    200: b"OK",
    303: b"See Other",
    304: b"Not Modified",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
"""The statuses that are ever sent, with RFC 9110's phrases."""


class Response(NamedTuple):
    """One answer.

    :ivar headers: complete header lines, each ended by CRLF, beyond those that every answer has.
    :ivar cache_control: who may keep the answer, and for how long: nobody, unless it is a file.
    """

    status: int
    content_type: bytes
    body: bytes
    headers: bytes = b""
    cache_control: bytes = b"no-store"


class HttpError(ConameError):
    """What is wrong with a request as HTTP, before anything has looked at its content."""

    def __init__(self, status: int, code: str, message: str, headers: bytes = b"") -> None:
        super().__init__(message)
        self.response = error_response(status, code, message, headers)


def error_response(status: int, code: str, message: str, headers: bytes = b"") -> Response:
    """The error body for `code` and `message`."""
    body = dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
    return Response(status, JSON, body.encode("utf-8", "replace"), headers)


def refusal(error: ConameError) -> Response:
    """The answer that says what `error` says."""
    if isinstance(error, HttpError):
        return error.response
    return error_response(error.http_status, error.code, str(error))


UNEXPECTED = error_response(
    ConameError.http_status, ConameError.code, "the server failed to answer; its operator finds the reason in the log"
)
"""The answer to a request that failed for a reason that is in no table: the client learns only that it did."""


def header_lines(response: Response, date: bytes, close: bool) -> bytes:
    """The status line and headers of `response`, up to and including the empty line.

    :param date: the date header's value.
    :param close: the connection ends with this answer.
    """
    return b"HTTP/1.1 %d %b\r\nDate: %b\r\n%bCache-Control: %b\r\nX-Content-Type-Options: nosniff\r\n%b%b\r\n" % (
        response.status,
        REASONS[response.status],
        date,
        _content(response),
        response.cache_control,
        response.headers,
        b"Connection: close\r\n" if close else b"",
    )


def _content(response: Response) -> bytes:
    """The headers about the body. A 304 has none, and says nothing about the one that it stands for."""
    if response.status == 304:
        return b""
    return b"Content-Type: %b\r\nContent-Length: %d\r\n" % (response.content_type, len(response.body))
