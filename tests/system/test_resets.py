"""On the reactor that the programs run on, which is another one than that of the tests."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

SCRIPT = """
import os, socket, struct, time
from coname.process import install_reactor
install_reactor()
from twisted.internet import protocol, reactor

made, lost = [], []

class Protocol(protocol.Protocol):
    def connectionMade(self):
        made.append(self)
        if len(made) == 5:
            reset()

    def connectionLost(self, reason):
        lost.append(self)
        if len(lost) == 5:
            reactor.stop()

def reset():
    # the reactor runs this, so nothing is read until all have arrived
    for client in clients:
        client.sendall(b"bytes")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    time.sleep(0.05)

port = reactor.listenTCP(0, protocol.Factory.forProtocol(Protocol), interface="127.0.0.1")
clients = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(5)]
reactor.callLater(20, os._exit, 1)
reactor.run()
print(f"{len(lost)} of {len(made)} lost")
"""


class ResetTests(SynchronousTestCase):
    def test_a_reset_that_comes_while_the_process_is_busy_ends_the_connection(self) -> None:
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "5 of 5 lost\n", done.stderr)
