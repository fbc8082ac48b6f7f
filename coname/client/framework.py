"""The program's framework, Twisted or asyncio, as txaio has it.

txaio puts its functions in place when the program chooses (``txaio.use_twisted()``, ``txaio.use_asyncio()``), which no
type checker can follow; through this name they are called as they are at the time of the call.
"""

from __future__ import annotations

from typing import Any

import txaio

framework: Any = txaio
