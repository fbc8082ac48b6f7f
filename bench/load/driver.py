"""Sends prepared requests over many connections, each with as many under way as it may have, and takes the times."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Protocol

STALLED_SECONDS = 40.0
"""Without any answer for so long, the server is taken for dead. An update may wait 30 s for its epoch."""

_READ = 1 << 18


class Conversation(Protocol):
    """The client's side of one connection: `bench.load.http1.Http1` or `bench.load.http2.Http2`."""

    most: int
    opening_is_answered: bool

    def opening(self) -> bytes: ...

    def send(self, tag: int, encoded: bytes) -> bytes: ...

    def feed(self, data: bytes) -> tuple[list[tuple[int, bool, bytes]], bytes]: ...


@dataclass
class Outcome:
    """What came of some requests.

    :ivar seconds: from the first request to the last answer.
    :ivar good: how many answers had the status that they should have.
    :ivar latencies: of the good ones, in seconds.
    :ivar bodies: a sample of the good answers, by the request's place.
    :ivar failures: some of the other answers.
    :ivar cpu: seconds of processor time that this process took meanwhile.
    """

    seconds: float = 0.0
    good: int = 0
    latencies: list[float] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    failures: list[bytes] = field(default_factory=list)
    cpu: float = 0.0


class Connection:
    """A TLS connection that is open already."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, conversation: Conversation) -> None:
        plain = socket.create_connection(address)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.conversation = conversation
        self.socket.sendall(conversation.opening())
        if conversation.opening_is_answered:
            while not conversation.feed(data := self.socket.recv(_READ))[0]:
                if not data:
                    raise ConnectionError("the server closed the connection")
        self.socket.setblocking(False)
        self._unsent = b""

    def send(self, data: bytes) -> None:
        """Send what the kernel takes; the rest goes with the next call."""
        data = self._unsent + data
        try:
            sent = self.socket.send(data) if data else 0
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        self._unsent = data[sent:]

    @property
    def congested(self) -> bool:
        """Whether something is left to send."""
        return bool(self._unsent)

    def receive(self) -> tuple[list[tuple[int, bool, bytes]], bytes]:
        """Everything that has arrived, as answers, and what is to be sent for it."""
        answers: list[tuple[int, bool, bytes]] = []
        replies = b""
        try:
            while data := self.socket.recv(_READ):
                found, reply = self.conversation.feed(data)
                answers += found
                replies += reply
                if not self.socket.pending():
                    return answers, replies
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return answers, replies
        raise ConnectionError("the server closed the connection")


class Driver:
    """All connections to one front, of one replica or of several in turn."""

    def __init__(
        self,
        addresses: Sequence[tuple[str, int]],
        context: ssl.SSLContext,
        converse: Callable[[], Conversation],
        connections: int,
    ) -> None:
        self._connections = {}
        self._poll = select.epoll()
        for address in islice(cycle(addresses), connections):
            connection = Connection(address, context, converse())
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)

    def run(self, requests: Sequence[bytes], sample: int) -> Outcome:
        """Send all of `requests`, in order, and wait for every answer; keep the bodies of about `sample` of them."""
        outcome = Outcome()
        started = [0.0] * len(requests)
        every = max(1, len(requests) // max(1, sample))
        clock = time.perf_counter
        following = 0
        cpu, begun = time.process_time(), clock()
        for connection in self._connections.values():
            data = b""
            for _ in range(min(connection.conversation.most, len(requests) - following)):
                started[following] = clock()
                data += connection.conversation.send(following, requests[following])
                following += 1
            connection.send(data)
        done = 0
        while done < len(requests):
            ready = self._poll.poll(STALLED_SECONDS)
            if not ready:
                raise TimeoutError(f"no answer in {STALLED_SECONDS:g} s, after {done} of {len(requests)}")
            for descriptor, _ in ready:
                connection = self._connections[descriptor]
                answers, data = connection.receive()
                now = clock()
                for tag, good, body in answers:
                    done += 1
                    if good:
                        outcome.good += 1
                        outcome.latencies.append(now - started[tag])
                        if tag % every == 0:
                            outcome.bodies[tag] = body
                    elif len(outcome.failures) < 5:
                        outcome.failures.append(body[:300])
                    if following < len(requests):
                        started[following] = now
                        data += connection.conversation.send(following, requests[following])
                        following += 1
                if data or connection.congested:
                    connection.send(data)
        outcome.seconds = clock() - begun
        outcome.cpu = time.process_time() - cpu
        return outcome

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.socket.close()
        self._poll.close()
