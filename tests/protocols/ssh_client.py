"""An SSH client with a terminal, for tests."""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.session import packRequest_pty_req, packRequest_window_change
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.conch.ssh.userauth import SSHUserAuthClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

PROMPT = ">>> "


class Refused(Exception):
    """The server let nobody in.

    :ivar methods: the ways to log in that it named.
    """

    def __init__(self, methods: list[bytes]) -> None:
        super().__init__(methods)
        self.methods = methods


class Terminal(SSHChannel):
    """A shell.

    :ivar seen: everything that was shown.
    :ivar ended: fires when the session is over.
    """

    name = b"session"

    def __init__(self, opened: Deferred[Terminal], columns: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.seen = ""
        self.ended: Deferred[None] = Deferred()
        self._opened = opened
        self._columns = columns
        self._waiting: list[tuple[int, str, Deferred[str]]] = []

    def channelOpen(self, specificData: bytes) -> None:
        terminal = packRequest_pty_req(b"vt100", (24, self._columns, 0, 0), b"")
        self.conn.sendRequest(self, b"pty-req", terminal, wantReply=True)
        self.conn.sendRequest(self, b"shell", b"", wantReply=True)
        self.until(PROMPT).addCallback(lambda _: self._opened.callback(self))

    def until(self, text: str, start: int = 0) -> Deferred[str]:
        """What was shown from `start` on, once `text` is in it."""
        shown: Deferred[str] = Deferred()
        self._waiting.append((start, text, shown))
        self._look()
        return shown

    async def type(self, line: str) -> str:
        """What is shown in answer to a line, without the echo and the prompt."""
        start = len(self.seen)
        self.send(line.encode() + b"\r")
        shown = await self.until(PROMPT, start)
        return shown.replace("\r\n", "\n").partition("\n")[2].rpartition(PROMPT)[0]

    def send(self, data: bytes) -> None:
        self.write(data)

    async def resize(self, columns: int) -> None:
        self._columns = columns
        await self.request(b"window-change", packRequest_window_change((24, columns, 0, 0)))

    async def request(self, name: bytes, data: bytes) -> bool:
        """Whether the server grants a request of the channel."""
        try:
            await self.conn.sendRequest(self, name, data, wantReply=True)
        except Exception:
            return False
        return True

    def dataReceived(self, data: bytes) -> None:
        self.seen += data.decode().replace("\x1bE", "\r\n")
        self._look()

    def _look(self) -> None:
        for waiting in list(self._waiting):
            start, text, shown = waiting
            if text in self.seen[start:]:
                self._waiting.remove(waiting)
                shown.callback(self.seen[start:])

    def over(self) -> None:
        """The session, or the connection under it, is gone."""
        if not self.ended.called:
            self.ended.callback(None)


class _Connection(SSHConnection):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def serviceStarted(self) -> None:
        super().serviceStarted()
        self.openChannel(self._terminal)

    def channelClosed(self, channel: Terminal) -> None:
        super().channelClosed(channel)
        channel.over()
        self.transport.loseConnection()


class _Login(SSHUserAuthClient):
    def __init__(self, connection: _Connection, key: Key, password: bytes | None) -> None:
        super().__init__(b"operator", connection)
        self._key = key
        self._password = password
        self.methods: list[bytes] = []

    def ssh_USERAUTH_FAILURE(self, packet: bytes) -> Any:
        self.methods = packet[4:-1].split(b",")
        return super().ssh_USERAUTH_FAILURE(packet)

    def getPublicKey(self) -> Key | None:
        if self._password is not None or self.lastAuth == b"publickey":
            return None
        return self._key.public()

    def getPrivateKey(self) -> Deferred[Key]:
        return succeed(self._key)

    def getPassword(self, prompt: bytes | None = None) -> Deferred[bytes] | None:
        return None if self._password is None else succeed(self._password)


class _Transport(SSHClientTransport):
    def __init__(self, terminal: Terminal, opened: Deferred[Terminal], key: Key, password: bytes | None) -> None:
        self._login = _Login(_Connection(terminal), key, password)
        self._terminal = terminal
        self._opened = opened

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Deferred[bool]:
        return succeed(True)

    def connectionSecure(self) -> None:
        self.requestService(self._login)

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self._terminal.over()
        if not self._opened.called:
            self._opened.errback(Refused(self._login.methods))


async def log_in(port: int, key: Key, columns: int = 80, password: bytes | None = None) -> Terminal:
    """A shell with a terminal of `columns`.

    :raises Refused: the server does not let us in.
    """
    opened: Deferred[Terminal] = Deferred()
    terminal = Terminal(opened, columns)
    transport = _Transport(terminal, opened, key, password)
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), transport)
    return await opened
