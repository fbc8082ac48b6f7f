"""The OpenAPI description of the HTTPS front."""

from __future__ import annotations


def description() -> bytes:
    return b"{}"
