"""Before anything imports ``twisted.internet.reactor``: install the asyncio reactor, which gRPC shares."""

from __future__ import annotations

from twisted.internet import asyncioreactor

asyncioreactor.install()
