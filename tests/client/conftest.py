"""These tests run on Twisted; what is said about asyncio runs in processes of its own."""

from __future__ import annotations

import txaio

txaio.use_twisted()
