"""These tests run on Twisted."""

from __future__ import annotations

import txaio

txaio.use_twisted()
