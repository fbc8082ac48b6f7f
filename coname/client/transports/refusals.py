"""What a server's error becomes for the client, whichever way it came.

A server of this project names its error by a stable code. The original's servers do not: theirs is told by the status
alone. Only errors that a server can sensibly send are taken over; anything else it says is `ServerFailed`.
"""

from __future__ import annotations

from collections.abc import Iterator

from coname import errors

LONGEST_MESSAGE = 1000
"""Characters of a server's sentence that are passed on. It is a stranger's text on somebody's terminal. The longest
honest one tells how far each of sixteen signers is."""

BY_GRPC_STATUS: dict[str, type[errors.ConameError]] = {
    "INVALID_ARGUMENT": errors.InvalidRequest,
    "OUT_OF_RANGE": errors.EpochUnknown,
    "FAILED_PRECONDITION": errors.Refused,
    "PERMISSION_DENIED": errors.Refused,
    "UNAUTHENTICATED": errors.RegistrationExpired,
    "RESOURCE_EXHAUSTED": errors.Overloaded,
    "UNAVAILABLE": errors.Unreachable,
    "DEADLINE_EXCEEDED": errors.TimedOut,
    "CANCELLED": errors.Unreachable,
}
"""For a gRPC answer without a code of ours; status by name."""

BY_HTTP_STATUS: dict[int, type[errors.ConameError]] = {
    400: errors.Refused,
    401: errors.RegistrationExpired,
    404: errors.NotFound,
    413: errors.TooLarge,
    429: errors.Overloaded,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.TimedOut,
}
"""For an HTTP answer without a code of ours."""


class ServerFailed(errors.Refused):
    """The server broke down over the request, and says so."""

    code = "server_failed"


def refusal(code: str | None, message: str, otherwise: type[errors.ConameError] | None) -> errors.ConameError:
    """The error to raise.

    :param code: the stable code, if the server gave one.
    :param message: its sentence.
    :param otherwise: the class that the status alone tells, if it tells one.
    """
    kind = _BY_CODE.get(code) if code else otherwise
    return (kind or ServerFailed)(printable(message) or "the server gives no reason")


def printable(text: str) -> str:
    """A stranger's text without what could move a terminal's cursor, and not too long."""
    clean = "".join(character if character.isprintable() else " " for character in text[: LONGEST_MESSAGE + 1])
    return clean.strip() if len(clean) <= LONGEST_MESSAGE else clean[:LONGEST_MESSAGE].rstrip() + "…"


def _kinds(base: type[errors.ConameError]) -> Iterator[type[errors.ConameError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _kinds(each)


_BY_CODE = {
    kind.code: kind
    for base in (errors.InvalidRequest, errors.Refused, errors.NotFound, errors.Unavailable, errors.TimedOut)
    for kind in _kinds(base)
}
