"""How long an answer may be used again, as its headers say (RFC 9111), within bounds of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

DEFAULT = 3600.0
"""Seconds for which an answer is used that says nothing about it."""

LEAST, MOST = 60.0, 24 * 3600.0
"""Seconds. An answer that forbids to be kept at all would be fetched for each registration, at the will of whoever
sends them; one that lasts for ever would keep a key that the provider has withdrawn."""

_DIRECTIVE = re.compile(r'\s*([a-z-]+)\s*(?:=\s*"?(\d{1,9})"?)?\s*', re.IGNORECASE)


def lifetime(headers: Mapping[str, str]) -> float:
    """Seconds for which an answer with these `headers`, by lower-case name, may be used from now on."""
    return min(max(_stated(headers), LEAST), MOST)


def _stated(headers: Mapping[str, str]) -> float:
    directives = _directives(headers.get("cache-control", ""))
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    max_age = directives.get("max-age")
    if max_age is not None:
        return max_age - _age(headers)
    if "expires" in headers:
        return _until(headers)
    return DEFAULT


def _directives(text: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for part in text.split(","):
        match = _DIRECTIVE.fullmatch(part)
        if match:
            found.setdefault(match[1].lower(), None if match[2] is None else float(match[2]))
    return found


def _age(headers: Mapping[str, str]) -> float:
    age = headers.get("age", "").strip()
    return float(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0.0


def _until(headers: Mapping[str, str]) -> float:
    """From the answer's own date to its end: the difference needs no clock of ours to agree with theirs."""
    try:
        dates = [parsedate_to_datetime(headers[name]) for name in ("date", "expires")]
        return (dates[1] - dates[0]).total_seconds() - _age(headers)
    except (KeyError, ValueError, TypeError, OverflowError):
        return 0.0  # "Expires: 0" and whatever else is no date: in the past (RFC 9111, section 5.3)
