"""Times are exact, and checked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import times
from coname.messages.client_pb2 import Duration, Timestamp


class Exact(SynchronousTestCase):
    @settings(derandomize=True, deadline=None)
    @given(st.integers(times.EARLIEST, times.LATEST), st.integers(0, 10**9 - 1))
    def test_a_timestamp_is_a_number_of_nanoseconds(self, seconds: int, nanos: int) -> None:
        message = times.timestamp((seconds, nanos))
        self.assertEqual((message.seconds, message.nanos), (seconds, nanos))
        self.assertEqual(times.to_nanoseconds(message), seconds * 10**9 + nanos)

    @settings(derandomize=True, deadline=None)
    @given(st.floats(0, 4e9))
    def test_seconds_come_back_to_the_microsecond(self, seconds: float) -> None:
        self.assertAlmostEqual(times.to_seconds(times.timestamp(seconds)), seconds, places=6)

    def test_nanoseconds_carry_over(self) -> None:
        self.assertEqual(times.timestamp((1, 2_500_000_000)), Timestamp(seconds=3, nanos=500_000_000))

    def test_times_before_1970_have_nanoseconds_forward(self) -> None:
        self.assertEqual(times.timestamp(-0.25), Timestamp(seconds=-1, nanos=750_000_000))

    def test_absent_is_zero(self) -> None:
        self.assertEqual((times.to_nanoseconds(Timestamp()), times.to_seconds(Duration())), (0, 0))

    def test_durations_may_be_negative(self) -> None:
        self.assertEqual(times.to_seconds(Duration(seconds=-1, nanos=-500_000_000)), -1.5)


class Checked(SynchronousTestCase):
    def test_timestamps_out_of_range(self) -> None:
        for seconds, nanos in ((times.EARLIEST - 1, 0), (times.LATEST + 1, 0), (0, -1), (0, 10**9), (2**63 - 1, 0)):
            self.assertRaises(ValueError, times.to_nanoseconds, Timestamp(seconds=seconds, nanos=nanos))

    def test_durations_out_of_range(self) -> None:
        for seconds, nanos in ((times.LONGEST + 1, 0), (-times.LONGEST - 1, 0), (0, 10**9), (1, -1), (-1, 1)):
            self.assertRaises(ValueError, times.to_nanoseconds, Duration(seconds=seconds, nanos=nanos))

    def test_times_that_no_message_can_hold(self) -> None:
        for time in (1e12, -1e12, (2**63, 0), float("nan")):
            self.assertRaises(ValueError, times.timestamp, time)

    def test_infinity(self) -> None:
        self.assertRaises(OverflowError, times.timestamp, float("inf"))
