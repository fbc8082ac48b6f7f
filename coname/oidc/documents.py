"""JSON from a provider: objects, of bounded depth, with members of the types that they must have."""

from __future__ import annotations

import json
from typing import Any


class DocumentInvalid(ValueError):
    """A provider's document is not what it must be; its text says where."""


def parse_object(data: bytes | str) -> dict[str, Any]:
    """The JSON object in `data`.

    :raises DocumentInvalid: it is none; ``NaN`` and ``Infinity`` are no numbers.
    """
    try:
        value = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DocumentInvalid("it is not JSON") from error
    if not isinstance(value, dict):
        raise DocumentInvalid("it is not a JSON object")
    return value


def text_in(document: dict[str, Any], name: str) -> str:
    """The member `name`, which must be text that is not empty."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise DocumentInvalid(f"{name} is missing, or is not text")
    return value


def texts_in(document: dict[str, Any], name: str) -> frozenset[str] | None:
    """The member `name`, a list of texts; None if it is absent."""
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise DocumentInvalid(f"{name} is not a list of texts")
    return frozenset(value)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
