"""The helper process: what it does, and what happens to a verifier whose helper fails it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from coname.following import checking, helper
from coname.following.helper import COMMAND, NOTHING, Helper
from coname.verifier.signatures import check_ahead
from tests.verifier.lying import LyingKeyserver, honest

PATIENCE = 30.0

STEPS = honest(LyingKeyserver()).steps
SAID = check_ahead(STEPS)


def runs(pid: int) -> bool:
    """Whether a process is there, and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class ProgramTests(SynchronousTestCase):
    """The program in the process, without a process."""

    def serve(self, requests: bytes) -> bytes:
        answers = io.BytesIO()
        checking.serve(io.BytesIO(requests), answers)
        return answers.getvalue()

    def test_each_request_has_its_answer(self) -> None:
        answers = self.serve(checking.request(STEPS) + checking.request([]) + checking.request(STEPS[:1]))
        whole = [checking.answer(said) for said in (SAID, b"", SAID[:1])]
        self.assertEqual(answers, b"".join(whole))
        self.assertEqual(checking.read_answer(whole[0], len(STEPS)), SAID)

    def test_nothing_asked_nothing_said(self) -> None:
        self.assertEqual(self.serve(b""), b"")

    @settings(derandomize=True, max_examples=100)
    @given(st.binary(min_size=7, max_size=7))
    def test_what_is_no_answer_is_refused(self, data: bytes) -> None:
        if data[:4] == b"\0\0\0\3" and set(data[4:]) <= {0, 1}:
            return
        self.assertRaises(ValueError, checking.read_answer, data, 3)

    def test_words_about_other_steps_are_refused(self) -> None:
        self.assertRaises(ValueError, checking.read_answer, checking.answer(b"\1\1"), 3)


class HelperCase(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.logged: list[Any] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def helper(self, *program: str) -> Helper:
        """A started helper; the Python `program` runs in the place of the real one."""
        made = Helper(reactor, (sys.executable, "-c", *program) if program else COMMAND)
        self.addCleanup(self.ended, made)
        made.start()
        return made

    async def ended(self, made: Helper) -> None:
        pid = made.pid
        made.stop()
        await self.until(lambda: pid is None or not runs(pid))

    async def until(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            await deferLater(reactor, 0.01)

    def warnings(self) -> list[str]:
        return [
            event["log_format"].format(**event)
            for event in self.logged
            if event.get("log_namespace") == "coname.following.helper.Helper"
        ]

    async def given_up(self, made: Helper, reason: str) -> None:
        """Check that it is, for good, and that one line says why."""
        self.assertEqual(await made.check(STEPS), NOTHING)
        made.start()
        self.assertEqual(made.pid, None)
        self.assertEqual(await made.check(STEPS), NOTHING)
        self.assertEqual(len(self.warnings()), 1)
        self.assertIn(reason, self.warnings()[0])


class HelperTests(HelperCase):
    """A real one."""

    async def test_checks_what_it_is_asked_in_order(self) -> None:
        made = self.helper()
        asked = [made.check(STEPS[:count]) for count in (1, len(STEPS), 0, 3)]
        self.assertEqual([await each for each in asked], [SAID[:1], SAID, b"", SAID[:3]])

    async def test_more_than_a_pipe_holds(self) -> None:
        made = self.helper()
        asked = [made.check([bytes(1 << 20), STEPS[0]]) for _ in range(4)]
        self.assertEqual([await each for each in asked], [b"\0\1"] * 4)

    async def test_nothing_is_said_without_a_process(self) -> None:
        self.assertEqual(await Helper(reactor).check(STEPS), NOTHING)

    async def test_is_ended_and_started_again(self) -> None:
        made = self.helper()
        first = made.pid
        assert first is not None
        asked = made.check(STEPS)
        made.stop()
        self.assertEqual(await asked, NOTHING)
        await self.until(lambda: not runs(first))
        made.start()
        self.assertEqual(await made.check(STEPS), SAID)
        self.assertEqual(self.warnings(), [])

    async def test_finds_its_modules_wherever_the_verifier_runs(self) -> None:
        before = Path.cwd()
        os.chdir("/")
        self.addCleanup(os.chdir, before)
        self.assertEqual(await self.helper().check(STEPS), SAID)

    async def test_ends_with_whoever_started_it_even_if_that_is_killed(self) -> None:
        parent = start_parent()
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        self.assertTrue(runs(pid))
        parent.kill()
        parent.wait()
        parent.stdout.close()
        await self.until(lambda: not runs(pid))


PARENT = """
import sys
from coname.process import install_reactor
install_reactor()
from twisted.internet import reactor
from coname.following.helper import Helper
helper = Helper(reactor, sys.argv[1:])
def asked(said):
    print(helper.pid, flush=True)
    helper.check([bytes(1 << 20)] * 20)  # so that it is at something when the end comes
def begin():
    helper.start()
    helper.check([b""]).addCallback(asked)
reactor.callWhenRunning(begin)
reactor.run()
"""


def start_parent() -> subprocess.Popen[str]:
    """A process with a helper, whose id it prints."""
    words = [sys.executable, "-c", PARENT, *COMMAND]
    return subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True)


class FailureTests(HelperCase):
    """One that is of no use."""

    async def test_cannot_be_started(self) -> None:
        made = Helper(reactor, ("/nonexistent/python",))
        made.start()
        await self.given_up(made, "No such file")

    async def test_dies_at_once(self) -> None:
        made = self.helper("import sys; sys.exit('no such module')")
        self.assertEqual(await made.check(STEPS), NOTHING)
        await self.given_up(made, "exit code 1")
        self.assertIn("no such module", self.warnings()[0])

    async def test_dies_in_the_middle_of_an_answer(self) -> None:
        made = self.helper("import os; os.read(0, 1); os.write(1, bytes(3)); os._exit(3)")
        self.assertEqual([await each for each in [made.check(STEPS), made.check(STEPS)]], [NOTHING, NOTHING])
        await self.given_up(made, "exit code 3")

    async def test_is_killed(self) -> None:
        made = self.helper()
        await made.check(STEPS)
        assert made.pid is not None
        os.kill(made.pid, 9)
        await self.until(lambda: made.pid is None)
        await self.given_up(made, "signal 9")

    async def test_hangs(self) -> None:
        self.patch(helper, "PATIENCE_SECONDS", 0.3)
        made = self.helper("import time; time.sleep(1000)")
        self.assertEqual([await each for each in [made.check(STEPS), made.check(STEPS)]], [NOTHING, NOTHING])
        await self.given_up(made, "no answer in")

    async def test_answers_nonsense(self) -> None:
        made = self.helper("import os, time; os.read(0, 1); os.write(1, b'x' * 1000); time.sleep(1000)")
        self.assertEqual(await made.check(STEPS), NOTHING)
        await self.given_up(made, "not an answer")

    async def test_says_of_a_step_what_cannot_be_said(self) -> None:
        made = self.helper("import os, time; os.read(0, 1); os.write(1, b'\\0\\0\\0\\1\\7'); time.sleep(1000)")
        self.assertEqual(await made.check(STEPS[:1]), NOTHING)
        await self.given_up(made, "0000000107")

    async def test_speaks_without_being_asked(self) -> None:
        made = self.helper("import os, time; os.write(1, b'hello'); time.sleep(1000)")
        await self.until(lambda: made.pid is None)
        await self.given_up(made, "without being asked")


class TimerTests(SynchronousTestCase):
    def test_no_timer_is_left(self) -> None:
        """Neither by answers, nor by the end."""
        clock = Clock()
        child = helper.Child(self.fail, clock.callLater)
        child.transport = Transport()
        asked: list[Deferred[bytes]] = [child.ask(STEPS[:1]), child.ask(STEPS[:2])]
        whole = checking.answer(SAID[:1]) + checking.answer(SAID[:2])
        for byte in whole[:8]:
            clock.advance(1)
            child.outReceived(bytes([byte]))
        self.assertEqual(self.successResultOf(asked[0]), SAID[:1])
        child.end()
        self.assertEqual(self.successResultOf(asked[1]), NOTHING)
        self.assertEqual(clock.getDelayedCalls(), [])


class Transport:
    """Takes everything."""

    def write(self, data: bytes) -> None: ...

    def loseConnection(self) -> None: ...

    def signalProcess(self, name: str) -> None: ...
