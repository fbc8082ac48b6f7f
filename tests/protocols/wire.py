"""HTTP without sockets: a front's connections on transports in memory, under a clock that the test turns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from coname.protocols.http_channel import BoundedChannel
from coname.protocols.http_factory import BoundedFactory
from coname.protocols.http_service import Routes, router


@dataclass(frozen=True)
class Received:
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of an error."""
        return str(self.json()["error"]["code"])


class Transport(StringTransport):
    """A transport in memory with a buffer, like a socket's: over `room` bytes unread, it asks its producer to pause."""

    room = 64 * 1024

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: bytes) -> None:
        if not self.disconnecting:
            super().write(data)
            if self.producer is not None and len(self.value()) > self.room:
                self.producer.pauseProducing()

    def read(self) -> bytes:
        """What was written since the last time; the peer reads it, so there is room again."""
        data = self.value()
        self.clear()
        if self.producer is not None and data:
            self.producer.resumeProducing()
        return data

    def getPeerCertificate(self) -> None:
        """The client has shown none."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True


class Connection:
    """A client's end."""

    def __init__(self, server: Server, channel: BoundedChannel) -> None:
        self._server = server
        self.channel = channel
        self.transport = Transport()
        channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Received:
        """A whole request, and its one answer."""
        self.send(request(method, path, body, headers))
        (answer,) = self.answers(no_body=method == "HEAD")
        return answer

    def answers(self, no_body: bool = False) -> list[Received]:
        """All answers that came since the last time."""
        return parsed(self.transport.read(), no_body)

    @property
    def closing(self) -> bool:
        return bool(self.transport.disconnecting)

    def lost(self) -> None:
        """The connection is gone."""
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.channel.connectionLost(Failure(ConnectionDone()))


class Server:
    """A front without its sockets."""

    def __init__(self, routes: Routes, body_bytes: int = 4096, connections: int = 20) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.factory = BoundedFactory(router(routes), body_bytes, connections, self.clock)
        self.factory.startFactory()

    def connect(self) -> Connection:
        channel = self.factory.buildProtocol(None)
        if channel is None:
            raise ConnectionRefusedError
        return Connection(self, channel)

    def wait(self, seconds: float) -> None:
        """Let time pass, a second at a time."""
        self.clock.pump([1.0] * int(seconds) + [seconds % 1])


def request(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    """A request's bytes."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{headers}\r\n".encode() + body


def parsed(data: bytes, no_body: bool = False) -> list[Received]:
    """All answers in `data`."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = 0 if no_body else int(headers["content-length"])
        answers.append(Received(int(status.split(" ")[1]), headers, data[:length]))
        data = data[length:]
    return answers
