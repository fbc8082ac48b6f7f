"""Which domains a configuration means: ``example.com`` is itself, and ``*.example.com`` every domain below it.

A pattern's star stands for one label or several: ``*.example.com`` has ``cs.example.com`` and ``lab.cs.example.com``,
not ``example.com`` itself, which is listed beside it where it is meant.
"""

from __future__ import annotations

from collections.abc import Iterable

from coname.core.addresses import canonical_domain
from coname.errors import InvalidRequest

WILDCARD = "*."


def canonical_pattern(pattern: str) -> str:
    """The canonical form of a domain or of ``*.`` and a domain.

    :raises InvalidRequest: it is neither, or its star covers a whole top-level domain.
    """
    if not pattern.startswith(WILDCARD):
        return canonical_domain(pattern)
    below = canonical_domain(pattern.removeprefix(WILDCARD))
    if "." not in below:
        raise InvalidRequest(f"{pattern!r} has everybody's domains below {below!r}; name those that are meant")
    return WILDCARD + below


def matches(domain: str, patterns: Iterable[str]) -> bool:
    """Whether `domain` is among `patterns`; all of them are in canonical form."""
    return any(_matches(domain, pattern) for pattern in patterns)


def _matches(domain: str, pattern: str) -> bool:
    if pattern.startswith(WILDCARD):
        below = pattern.removeprefix("*")  # with its dot, so that notexample.com is not below example.com
        return domain.endswith(below) and len(domain) > len(below)
    return domain == pattern


def overlap(one: str, other: str) -> bool:
    """Whether some domain is meant by both; they are in canonical form."""
    return one == other or _matches(one, other) or _matches(other, one)
