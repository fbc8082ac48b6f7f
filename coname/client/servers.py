"""The servers of one realm: replicas and learners, any of which answers for all.

Whom to ask:

1. The first is drawn by lot: that spreads many clients over all servers without anybody minding it, and a server that
   is gone costs one client in so many its patience, not every one each time. From then on, the one that answered last
   is asked first, and the others after it in the configuration's order.
2. The next one is asked where a server cannot be reached, is out of rotation or overloaded, gives up, breaks down,
   lacks signatures or epochs, or sends what is too old: one that was away, or only learns what others vote on, knows
   less for a moment. That is no lie. If none knows better, the newest answer counts, for the caller to judge.
3. What does not verify for another reason is told at once: a lie is not to be outvoted in silence.
4. A question that has no answer after `PATIENCE` is put to the next server too, and the first answer counts: looking
   twice harms nobody.
5. An update is with one server at a time, so as not to race with itself. It goes to the next one once the one before
   has failed, which is safe, as the same update is valid once. Where a server has waited in vain for signatures, no
   other is tried: all wait for the same ones.
6. What fails in the end names everybody who was asked.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from zope.interface import implementer

from coname.client.framework import framework
from coname.client.hearing import Asked, Heard, of_another
from coname.client.interfaces import ITransport
from coname.client.race import Ended, Race
from coname.client.transports.refusals import ServerFailed
from coname.errors import ConameError, NotFound, TimedOut, Unavailable, Unreachable
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChangesRequest,
    UpdateRequest,
)

T = TypeVar("T")

PATIENCE = 3.0
"""Seconds after which a question goes to the next server too. A lookup takes milliseconds; a lost packet, a second."""

UPDATE_PATIENCE = 20.0
"""Seconds after which an update that failed is not sent to a further server: together with the time that the last one
takes, somebody waits for about a minute at most."""

UPDATE_FAILED = (ServerFailed, Unavailable, NotFound, Unreachable)
"""After which an update goes to the next server."""


@dataclass(frozen=True)
class Server:
    """One of them.

    :ivar name: its address, for people.
    """

    name: str
    transport: ITransport


@implementer(ITransport)
class Servers:
    """All servers of one realm, as one transport.

    :param servers: at least one, in the configuration's order.
    :param draw: gives a number from 0 up to the one that it is given.
    :param clock: seconds, from any beginning.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        draw: Callable[[int], int] = secrets.randbelow,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = list(servers)
        self._first = draw(len(self._servers))
        self._patience = patience
        self._clock = clock

    def lookup(self, request: LookupRequest) -> Any:
        """See `ITransport`: the first answer, whatever it says."""
        return self._unjudged(lambda transport: transport.lookup(request))

    def policy_changes(self, request: PolicyChangesRequest) -> Any:
        """See `ITransport`: the first answer, whatever it says."""
        return self._unjudged(lambda transport: transport.policy_changes(request))

    def update(self, request: UpdateRequest) -> Any:
        """See `ITransport`."""

        async def sent() -> LookupProof:
            return (await self.send(request)).value

        return framework.as_future(sent)

    def close(self) -> Any:
        """See `ITransport`."""
        return framework.as_future(self._close)

    @classmethod
    def of(cls, name: str, transport: ITransport) -> Servers:
        """`transport` as it is, if it is several already; else it alone, under that name."""
        return transport if isinstance(transport, Servers) else cls([Server(name, transport)])

    async def ask(
        self,
        call: Callable[[ITransport], Awaitable[Any]],
        check: Callable[[Any], T],
        lag: Callable[[T], int] = lambda _: 0,
    ) -> Heard[T]:
        """The answer to a question that harms nobody who is asked twice.

        :param call: asks one server.
        :param check: what an answer proves; raises `ConameError` where it proves nothing.
        :param lag: by how many epochs it is too old; 0 or less where it is not.

        Fails with what `call` and `check` do. The value may be too old, if none was better.
        """
        asked, waiting, race = Asked[T](), deque(self._order()), Race[Server]()
        try:
            while waiting or race.running:
                if waiting:  # the one before has failed, or is slow
                    self._put(race, waiting.popleft(), call)
                ended = await race.next(self._patience if waiting else None)
                found = None if ended is None else self._judged(ended, asked, check, lag)
                if found is not None:
                    return found
        finally:
            race.cancel()
        return asked.newest()

    async def send(self, request: UpdateRequest) -> Heard[LookupProof]:
        """The answer to an update. Fails as `ITransport.update` does."""
        asked, begun = Asked[LookupProof](), self._clock()
        for server in self._order():
            try:
                proof = await server.transport.update(request)
            except UPDATE_FAILED as error:
                asked.failed(server.name, error)
                if self._clock() - begun > UPDATE_PATIENCE:
                    break
            except TimedOut:
                self._prefer(self._servers[(self._servers.index(server) + 1) % len(self._servers)])
                raise
            else:
                self._prefer(server)
                return Heard(proof, tuple(asked.sentences))
        raise asked.error()

    def _unjudged(self, call: Callable[[ITransport], Awaitable[T]]) -> Any:
        async def answered() -> T:
            heard: Heard[T] = await self.ask(call, lambda answer: answer)
            return heard.value

        return framework.as_future(answered)

    def _order(self) -> list[Server]:
        return [*self._servers[self._first :], *self._servers[: self._first]]

    def _prefer(self, server: Server) -> None:
        self._first = self._servers.index(server)

    @staticmethod
    def _put(race: Race[Server], server: Server, call: Callable[[ITransport], Awaitable[Any]]) -> None:
        race.start(server, lambda: call(server.transport))

    def _judged(
        self, ended: Ended[Server], asked: Asked[T], check: Callable[[Any], T], lag: Callable[[T], int]
    ) -> Heard[T] | None:
        """The answer, if it is one that counts; it is noted otherwise.

        :raises ConameError: it is of no use to ask others.
        """
        server = ended.runner
        try:
            if ended.failed:
                raise ended.value
            value = check(ended.value)
        except ConameError as error:
            if not of_another(error):
                raise
            asked.failed(server.name, error)
            return None
        if lag(value) > 0:
            asked.behind(server.name, value, lag(value))
            return None
        self._prefer(server)
        return Heard(value, tuple(asked.sentences))

    async def _close(self) -> None:
        for server in self._servers:
            await server.transport.close()
