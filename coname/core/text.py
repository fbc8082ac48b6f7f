"""Words and bytes of strangers, as a sentence may hold them: quoted, and not longer than a reader can use.

An error's sentence reaches logs and terminals. Quoting keeps control characters and newlines out of them; cutting
keeps a stranger from filling them.
"""

from __future__ import annotations

_CHARACTERS = 100
"""Longer than nearly every address."""

_BYTES = 64
"""As long as the longest hash."""


def quoted(text: str) -> str:
    """`text` in quotes, with escapes for what does not print; cut with an ellipsis where it is long."""
    return repr(text) if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]!r}… ({len(text)} characters)"


def hexed(data: bytes) -> str:
    """`data` in hexadecimal; cut with an ellipsis where it is long."""
    if not data:
        return "nothing"
    return data.hex() if len(data) <= _BYTES else f"{data[:_BYTES].hex()}… ({len(data)} bytes)"
