"""How far, how fast, how long: with the number of steps known, and by the epochs' times where it is not."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from coname.following.progress import FAR_STEPS, Progress, duration
from coname.following.terminal import WIDTH, TerminalLine


class KnownTotalTests(SynchronousTestCase):
    def progress(self) -> Progress:
        made = Progress(0, total=100_000)
        for second in range(11):
            made.advance(second * 5000, 1.0, 50.0 + second)
        return made

    def test_percent_rate_and_time_left(self) -> None:
        self.assertEqual(self.progress().line(2.0), "50.0 %, 5,000 steps/s, 10 s left")

    def test_rate_is_of_late(self) -> None:
        made = self.progress()
        for second in range(1, 41):
            made.advance(50_000 + second * 100, 1.0, 60.0 + second)
        self.assertEqual(made.rate(), 100)

    def test_more_than_there_was_is_all(self) -> None:
        made = self.progress()
        made.advance(120_000, 1.0, 70.0)
        self.assertEqual((made.percent(2.0), made.left(2.0)), (100.0, 0.0))

    def test_nothing_yet(self) -> None:
        made = Progress(0, total=100)
        self.assertEqual((made.rate(), made.left(0.0), made.line(0.0)), (0.0, None, "0.0 %, 0 steps/s"))

    def test_far_is_what_takes_time(self) -> None:
        self.assertTrue(Progress(0, total=FAR_STEPS + 1).far(0.0))
        self.assertFalse(Progress(10, total=FAR_STEPS).far(0.0))

    def test_empty_log(self) -> None:
        self.assertEqual(Progress(0, total=0).percent(0.0), 100.0)


class UnknownTotalTests(SynchronousTestCase):
    """As with a keyserver of 2017: epochs of the 1,000 seconds until now, 100 of them a second."""

    def progress(self) -> Progress:
        made = Progress(0)
        for second in range(6):
            made.advance(second * 300, 1000.0 + second * 100, float(second))
        return made

    def test_times_tell(self) -> None:
        self.assertEqual(self.progress().line(2000.0), "50.0 %, 300 steps/s, 5 s left")

    def test_far_is_what_is_old(self) -> None:
        self.assertTrue(self.progress().far(2200.0))
        self.assertFalse(self.progress().far(1600.0))

    def test_before_the_first_epoch_nothing_is_known(self) -> None:
        self.assertFalse(Progress(0).far(10_000.0))


class DurationTests(SynchronousTestCase):
    def test_seconds(self) -> None:
        self.assertEqual(duration(40.2), "40 s")

    def test_minutes(self) -> None:
        self.assertEqual(duration(720), "12 min")

    def test_hours(self) -> None:
        self.assertEqual(duration(12_000), "3 h 20 min")

    def test_days(self) -> None:
        self.assertEqual(duration(190_000), "2 days 5 h")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TerminalTests(SynchronousTestCase):
    def test_nothing_where_there_is_no_terminal(self) -> None:
        stream = io.StringIO()
        line = TerminalLine(stream)
        line.show("50 %")
        line.remove()
        self.assertEqual(stream.getvalue(), "")

    def test_cursor_rests_at_the_beginning_so_that_the_log_overwrites_it(self) -> None:
        self.patch_environment()
        stream = Terminal()
        TerminalLine(stream).show("50 %")
        self.assertTrue(stream.getvalue().endswith("\r"))
        self.assertNotIn("\n", stream.getvalue())

    def test_it_is_shorter_than_a_line_of_the_log(self) -> None:
        self.patch_environment()
        stream = Terminal()
        TerminalLine(stream).show("x" * 200)
        self.assertEqual(stream.getvalue().count("x"), WIDTH)

    def test_it_is_removed(self) -> None:
        self.patch_environment()
        stream = Terminal()
        line = TerminalLine(stream)
        line.show("50 %")
        line.remove()
        self.assertTrue(stream.getvalue().endswith("\x1b[2K"))

    def patch_environment(self) -> None:
        self.patch(__import__("os"), "environ", {"TERM": "xterm"})
