"""The program of a helper process: it checks signatures, and knows nothing else.

``python -m coname.following.checking`` reads requests from its standard input and writes answers to its standard
output. It ends with its input, so that it never outlives whoever started it, however that ended.

A request is a number of steps, the size of each (32 bits, big-endian, all of them), and the steps. Its answer is the
same number, and a byte for each step: see `coname.verifier.signatures.check_ahead`.
"""

from __future__ import annotations

import signal
import sys
from struct import calcsize, pack, unpack
from typing import TYPE_CHECKING

from coname.verifier.signatures import GOOD, UNKNOWN, check_ahead

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

HEADER_SIZE = calcsize(">I")


def request(steps: Sequence[bytes]) -> bytes:
    """The request to check the signatures in `steps`."""
    return pack(f">{len(steps) + 1}I", len(steps), *map(len, steps)) + b"".join(steps)


def answer(said: bytes) -> bytes:
    """The answer with what there is to say, a byte for each step."""
    return pack(">I", len(said)) + said


def read_answer(data: bytes, count: int) -> bytes:
    """What a whole answer says of `count` steps.

    :raises ValueError: it is none that such a request gets.
    """
    if data[:HEADER_SIZE] != pack(">I", count) or data[HEADER_SIZE:].strip(bytes((UNKNOWN, GOOD))):
        raise ValueError("not an answer to what was asked")
    return data[HEADER_SIZE:]


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while header := requests.read(HEADER_SIZE):
        (count,) = unpack(">I", header)
        sizes = unpack(f">{count}I", requests.read(count * HEADER_SIZE))
        answers.write(answer(check_ahead([requests.read(size) for size in sizes])))
        answers.flush()


def main() -> None:
    """Serve whoever has started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, for all in it: the end of the input is what counts
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # nobody is there to be answered
        sys.stdout = None  # or it would be flushed, and fail, once more


if __name__ == "__main__":
    main()
