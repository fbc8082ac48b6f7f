"""The newest steps of the verifier log, read once for all who follow it.

Hundreds of verifiers wait for the same next step. One task waits for it on behalf of all, reads it once, in a thread,
and wakes them; what is far back is read for each on its own, by whoever asks.

- Steps are kept as they were read and never copied; `KEPT_BYTES` of them.
- Reading has threads of its own: however many catch up, they do not queue before the log's writes.
- After each reading the task rests for `REST_SECONDS`: under load, updates are published hundreds of times a second,
  and waking everybody each time would cost more than they gain. Nobody waits longer than that for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from twisted.logger import Logger

from coname.errors import ConameError, Unavailable

if TYPE_CHECKING:
    from coname.interfaces import IVerification

BATCH_BYTES = 64 * 1024
"""How much is read at once, and so at most kept for each verifier that is slow: some 200 steps."""

KEPT_BYTES = 1024 * 1024
"""Of the newest steps, for all together: whoever is only a little behind needs no reading of their own."""

REST_SECONDS = 0.05

WOKEN_AT_ONCE = 16
"""Then everything else in the reactor has its turn: to send a step to 300 verifiers takes some 20 ms."""

READERS = 2
"""Threads that read. LevelDB answers from memory mostly; what they share with the reactor is the interpreter's lock."""


class NewestSteps:
    """Gives out published steps, and waits for the next ones.

    It is started and stopped in the reactor's asyncio loop.
    """

    log = Logger()

    def __init__(self, verification: IVerification) -> None:
        self._verification = verification
        self._first = 0  # the index of the first step that is kept
        self._steps: list[bytes] = []
        self._bytes = 0
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._failure: ConameError | None = Unavailable("this front has not started")
        self._following: asyncio.Task[None] | None = None
        self._readers: ThreadPoolExecutor | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to follow the log, from its end."""
        self._readers = ThreadPoolExecutor(READERS, "verifier-log")
        self._failure = None
        self._first = self._verification.published()
        self._following = loop.create_task(self._follow())

    def stop(self) -> None:
        """Follow no longer; whoever waits is told."""
        if self._following is not None:
            self._following.cancel()
        self._fail(Unavailable("this replica is stopping"))
        if self._readers is not None:
            self._readers.shutdown(wait=False, cancel_futures=True)

    @property
    def end(self) -> int:
        """The index after the newest step that is kept."""
        return self._first + len(self._steps)

    async def after(self, index: int) -> Sequence[bytes]:
        """Published steps from `index` on: at least one, and not many more than `BATCH_BYTES`. Waits for the first.

        :raises ConameError: there will be none.
        """
        while self._failure is None:
            if index < self._first:
                steps = await self._read(index)
                if steps:
                    return steps
            elif index < self.end:
                return self._kept(index - self._first)
            await self._wait()
        raise self._failure

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = None
        try:
            await waiter
        finally:
            self._waiting.pop(waiter, None)

    def _kept(self, place: int) -> Sequence[bytes]:
        size = 0
        for end in range(place, len(self._steps)):
            size += len(self._steps[end])
            if size >= BATCH_BYTES:
                return self._steps[place : end + 1]
        return self._steps[place:]

    async def _read(self, index: int) -> Sequence[bytes]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._verification.read, index, BATCH_BYTES)

    async def _follow(self) -> None:
        try:
            while True:
                await self._verification.whenPublished(self.end).asFuture(asyncio.get_running_loop())
                self._keep(await self._read(self.end))
                await self._wake()
                if self._verification.published() <= self.end:
                    await asyncio.sleep(REST_SECONDS)
        except ConameError as error:
            self._fail(error)
        except Exception:  # nobody waits for this task: whoever waits for steps must hear of it
            self.log.failure("The verifier log is not followed any more")
            self._fail(
                Unavailable("this replica cannot follow its verifier log; its operator finds the reason in the log")
            )

    def _keep(self, steps: Sequence[bytes]) -> None:
        self._steps.extend(steps)
        self._bytes += sum(map(len, steps))
        if self._bytes <= KEPT_BYTES:
            return
        gone = 0
        while self._bytes > KEPT_BYTES // 2 and gone < len(self._steps) - 1:
            self._bytes -= len(self._steps[gone])
            gone += 1
        del self._steps[:gone]
        self._first += gone

    async def _wake(self) -> None:
        waiting = list(self._waiting)
        for number, waiter in enumerate(waiting, start=1):
            _release(waiter)
            if number % WOKEN_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _fail(self, error: ConameError) -> None:
        if self._failure is None:
            self._failure = error
        for waiter in list(self._waiting):
            _release(waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
