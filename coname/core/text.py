"""Words and bytes of strangers, as a sentence may hold them: quoted, and not longer than a reader can use.

An error's sentence reaches logs and terminals. Quoting keeps control characters and newlines out of them; cutting
keeps a stranger from filling them.
"""

from __future__ import annotations

_CHARACTERS = 100
"""Longer than nearly every address."""

_BYTES = 64
"""As long as the longest hash."""


def quoted(text: str, most: int = _CHARACTERS) -> str:
    """`text` in quotes, in one line, with escapes for what does not print.

    :param most: characters of it that are shown; an ellipsis stands for the rest.
    """
    return repr(text) if len(text) <= most else f"{text[:most]!r}… ({len(text)} characters)"


def hexed(data: bytes) -> str:
    """`data` in hexadecimal; cut with an ellipsis where it is long."""
    if not data:
        return "nothing"
    return data.hex() if len(data) <= _BYTES else f"{data[:_BYTES].hex()}… ({len(data)} bytes)"
