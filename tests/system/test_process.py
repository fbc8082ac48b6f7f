"""A process of twistd: how one ends that could not start, with the reason as its last line, whatever stopping has said;
and how one goes on that was forked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.system.processes import PATIENCE, program

PROGRAM = """
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import Logger

from coname.errors import Unavailable
from coname.process import ProcessService


class Service(ProcessService):
    what = "the example"

    async def start(self):
        await deferLater(reactor, DELAY, lambda: None)
        raise FAILURE

    async def stop(self):
        Logger().info("The example has stopped")


application = Application("example")
Service(reactor).setServiceParent(application)
"""


class FailedStartTests(SynchronousTestCase):
    def ends(self, delay: float, failure: str) -> list[str]:
        """What twistd says, line by line, of a service that fails to start after a while."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        text = PROGRAM.replace("DELAY", str(delay)).replace("FAILURE", failure)
        (folder / "example.tac").write_text(text)
        words = [program("twistd"), "--nodaemon", "--pidfile=", "--python=example.tac"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return (done.stdout + done.stderr).strip().splitlines()

    def test_a_failure_that_comes_later(self) -> None:
        said = self.ends(0.1, "Unavailable('no disk')")
        self.assertIn("has stopped", "".join(said))
        self.assertTrue(said[-1].endswith("the example could not start: no disk"), said[-1])

    def test_one_that_nobody_foresaw_has_its_traceback_and_a_last_line(self) -> None:
        said = self.ends(0.1, "ValueError('whatever')")
        self.assertIn("ValueError: whatever", "".join(said))
        self.assertTrue(said[-1].endswith("the example could not start, for the reason above"), said[-1])


FORKED = """
import asyncio, os
from coname.process import install_reactor

os.register_at_fork(after_in_child=lambda: asyncio.set_event_loop(None))  # as asyncio itself does from Python 3.12 on
install_reactor()
loop = asyncio.get_event_loop()
child = os.fork()
if not child:
    os._exit(0 if asyncio.get_event_loop() is loop else 1)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


class ForkTests(SynchronousTestCase):
    """twistd forks to go to the background, after the reactor was installed."""

    def test_the_reactor_s_loop_stays_the_one_that_grpc_finds(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
