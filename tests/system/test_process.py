"""How a process of twistd ends that could not start: the reason is its last line, whatever stopping has said."""

from __future__ import annotations

import subprocess
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
