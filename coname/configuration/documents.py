"""A configuration file as plain dictionaries: JSON, or TOML where the name ends in ``.toml``; written, always JSON.

Whatever is in the file, the only exception is `coname.errors.Misconfigured`, and it names line and column. A key that
stands twice in one JSON object is a mistake: which of the two counts would depend on the program that reads it.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

from coname.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

# The largest realm imaginable (a hundred replicas, each with certificate chains) stays under a tenth of it; what is
# larger is not a configuration, and would only fill the memory.
MAX_FILE_BYTES = 16 * 1024 * 1024


def read(path: Path) -> dict[str, Any]:
    """The content of the file `path`.

    :raises Misconfigured: it cannot be read, is not UTF-8, JSON or TOML, or is not one object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Misconfigured([f"{path}: {getattr(error, 'strerror', None) or error}"]) from error
    if len(data) > MAX_FILE_BYTES:
        raise Misconfigured([f"{path}: larger than {MAX_FILE_BYTES} bytes; this is not a configuration"])
    return parse(data, toml=path.suffix == ".toml", name=str(path))


def parse(data: bytes, *, toml: bool, name: str) -> dict[str, Any]:
    """The dictionary that `data` describes; `name` stands in front of what is said about it.

    :raises Misconfigured: it is not UTF-8, not JSON (TOML if `toml`), or not one object.
    """
    try:
        text = data.decode("utf-8")
        document = tomllib.loads(text) if toml else json.loads(text, object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        raise Misconfigured([f"{name}: not UTF-8 at byte {error.start}"]) from error
    except json.JSONDecodeError as error:
        raise Misconfigured([f"{name}: line {error.lineno}, column {error.colno}: {error.msg}"]) from error
    except RecursionError as error:
        raise Misconfigured([f"{name}: nested too deeply to be a configuration"]) from error
    except ValueError as error:  # TOML's syntax errors, a key that stands twice, a number of thousands of digits
        raise Misconfigured([f"{name}: {error}"]) from error
    if not isinstance(document, dict):
        raise Misconfigured([f'{name}: one object is expected, {{"field": value, …}}'])
    return document


def to_json(document: dict[str, Any]) -> bytes:
    """`document` for people to read."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`, if no name stands twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(map(repr, twice))} stands twice in one object")
    return result
