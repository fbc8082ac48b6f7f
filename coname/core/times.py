"""Times and durations, as the messages have them and as programs do.

Rules of this file: everything is exact, in integer nanoseconds, until somebody asks for a float; and a message is
checked before it is believed, since Timestamp and Duration come from strangers. The ranges are those that protobuf
documents for its own types of these names, hence what any other implementation can represent.
"""

from __future__ import annotations

import math

from coname.messages.client_pb2 import Duration, Timestamp

NANOSECONDS = 1_000_000_000
"""In a second."""

EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""The seconds of a Timestamp: from the first of the year 1 to the end of the year 9999."""

LONGEST = 315_576_000_000
"""The seconds of a Duration, forward or backward: ten thousand years."""


def to_nanoseconds(message: Timestamp | Duration) -> int:
    """Nanoseconds since 1970 began, or those that a duration lasts. The empty message is 0.

    :raises ValueError: it is out of range, or its nanos are not a fraction of a second, or point the other way than
        its seconds.
    """
    seconds, nanos = message.seconds, message.nanos
    if isinstance(message, Timestamp):
        if not (EARLIEST <= seconds <= LATEST and 0 <= nanos < NANOSECONDS):
            raise ValueError(f"{seconds} s and {nanos} ns are not a time within the years 1 to 9999")
    elif not (-LONGEST <= seconds <= LONGEST and -NANOSECONDS < nanos < NANOSECONDS and seconds * nanos >= 0):
        raise ValueError(f"{seconds} s and {nanos} ns are not a duration of at most 10,000 years")
    return seconds * NANOSECONDS + nanos


def to_seconds(message: Timestamp | Duration) -> float:
    """Seconds since 1970 began, or those that a duration lasts; at today's times exact to a microsecond.

    :raises ValueError: as `to_nanoseconds`.
    """
    return to_nanoseconds(message) / NANOSECONDS


def nanoseconds(seconds: float) -> int:
    """The whole nanoseconds in `seconds`, rounded down.

    :raises ValueError, OverflowError: it is no number, or infinite.
    """
    whole = math.floor(seconds)
    return whole * NANOSECONDS + math.floor((seconds - whole) * NANOSECONDS)


def timestamp(time: float | tuple[int, int]) -> Timestamp:
    """The Timestamp of a time since 1970 began: in seconds, or as (seconds, nanoseconds).

    :raises ValueError, OverflowError: it is not within the years 1 to 9999.
    """
    total = time[0] * NANOSECONDS + time[1] if isinstance(time, tuple) else nanoseconds(time)
    seconds, nanos = divmod(total, NANOSECONDS)
    if not EARLIEST <= seconds <= LATEST:
        raise ValueError(f"{seconds} s is not a time within the years 1 to 9999")
    return Timestamp(seconds=seconds, nanos=nanos)
