"""Waiting for what others are asked, and for what others wait for too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred


async def answer(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, or what the Deferred that it returns fires with."""
    waiting: Deferred[Any] = maybeDeferred(function, *arguments)
    return await waiting


async def happened(event: Deferred[Any]) -> None:
    """Wait for an event that others wait for too: who stops waiting does not cancel it."""
    mine: Deferred[None] = Deferred()

    def pass_on(result: Any) -> Any:
        if not mine.called:
            mine.callback(None)
        return result

    event.addCallback(pass_on)
    await mine
