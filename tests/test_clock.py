from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

PROGRAM = """
import time
from coname.process import install_reactor
install_reactor()
from twisted.internet import reactor
time.time = lambda: -3600.0  # the wall clock is set back by decades
assert abs(reactor.seconds() - time.monotonic()) < 5, reactor.seconds()
reactor.callLater(0.05, reactor.stop)
reactor.run()
print("stopped in time")
"""


class ClockTests(SynchronousTestCase):
    def test_timers_do_not_follow_the_wall_clock(self) -> None:
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.stdout, "stopped in time\n", done.stderr)
