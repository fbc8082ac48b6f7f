"""Connections that were reset while the process was busy, under uvloop: found by asking, and ended.

Where a peer resets a connection, and its bytes and the reset are seen at once (by a process that was stopped, or busy
for some milliseconds), libuv reports an error that uvloop answers by watching the socket no more. Twisted is not told:
the connection stays for ever, and writing to it raises `RuntimeError` (tried: uvloop 0.23; asyncio's own loop
tells). The socket itself remembers that it was reset, so it is asked.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import main
from twisted.internet.task import LoopingCall
from twisted.internet.tcp import Connection

LOOK_SECONDS = 0.5
"""Between two looks, of a microsecond for each connection. A replica's election takes longer."""


def watch(reactor: Any) -> None:
    """Look for such connections for as long as `reactor` runs."""
    looking = LoopingCall(end_reset_connections, reactor)
    looking.clock = reactor
    reactor.callWhenRunning(looking.start, LOOK_SECONDS)


def end_reset_connections(reactor: Any) -> int:
    """End the connections that were reset and whose protocols were not told; how many there were."""
    found = [one for one in reactor.getReaders() if isinstance(one, Connection) and _is_reset(one)]
    for connection in found:
        reactor._disconnectSelectable(connection, main.CONNECTION_LOST, True)
    return len(found)


def _is_reset(connection: Connection) -> bool:
    try:
        return connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    except OSError:  # closed by its owner a moment ago
        return False
