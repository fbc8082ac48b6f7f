"""What a request may consist of before anything decodes it, on all fronts.

`Limits.request_bytes` has to have room for a profile and a registration proof. In as many bytes a quorum may have a
hundred thousand parts, which take up to a second to decode and to walk through, while nobody else is answered.
"""

from __future__ import annotations

from coname.errors import TooLarge

LOOKUP_BYTES = 16 * 1024
"""A lookup's request: an address, and a quorum of some hundred candidates, each with 22 bytes in JSON."""

SMALL_BYTES = 1024
"""A request that is a number."""

JSON_MARKS = 4096
"""Opening braces and brackets, and commas, in JSON: values cannot be more. A quorum of the default's 256 parts and 32
signatures have some hundred; base64 and tokens have none."""


def check_lookup(data: bytes) -> None:
    """For a LookupRequest in any encoding.

    :raises TooLarge: it is over `LOOKUP_BYTES`.
    """
    if len(data) > LOOKUP_BYTES:
        raise TooLarge(f"a lookup's request may have {LOOKUP_BYTES} bytes; this one has {len(data)}")


def check_small(data: bytes) -> None:
    """For a PolicyChangesRequest in any encoding.

    :raises TooLarge: it is over `SMALL_BYTES`.
    """
    if len(data) > SMALL_BYTES:
        raise TooLarge(f"such a request may have {SMALL_BYTES} bytes; this one has {len(data)}")


def check_json(body: bytes) -> None:
    """For a request in JSON.

    :raises TooLarge: it consists of too many values.
    """
    if len(body) <= JSON_MARKS:
        return
    marks = body.count(b",") + body.count(b"{") + body.count(b"[")
    if marks > JSON_MARKS:
        raise TooLarge(f"a request may have {JSON_MARKS} commas and opening brackets; this one has {marks}")
