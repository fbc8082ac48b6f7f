"""What a request's query says: each name once, no name that nobody asked for is looked at."""

from __future__ import annotations

from urllib.parse import parse_qsl

from coname.errors import InvalidRequest

MOST_FIELDS = 32


def fields_of(query: bytes) -> dict[str, str]:
    """The fields of `query`, decoded.

    :raises InvalidRequest: it is not UTF-8, has a field twice, or has more than `MOST_FIELDS`.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise InvalidRequest("the query is not name=value&…, percent-encoded UTF-8") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequest(f"the query has {name[:32]!r} twice")
        found[name] = value
    return found
