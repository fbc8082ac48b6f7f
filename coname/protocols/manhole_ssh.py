"""SSH for the manhole: who is let in, how many, and for how long they may take to show their key.

Importing this module imports the reactor, as Twisted's SSH does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import IAuthorizedKeysDB, SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser, ISession
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION, SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.components import registerAdapter
from zope.interface import implementer

from coname.protocols.manhole_session import ManholeChannel, ManholeSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twisted.cred.credentials import SSHPrivateKey
    from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

LOGIN_SECONDS = 60
"""From the connection to the end of the login: long enough to type the passphrase of one's own key."""

LOGIN_ATTEMPTS = 10
"""Keys offered in one connection; an agent may hold several."""

CONNECTIONS = 16
"""Open at once. More operators than that do not work on one replica."""

CLOSE_SECONDS = 2
"""When stopping: for a client to let go, before its connection is cut."""

log = Logger()


@implementer(IAuthorizedKeysDB)
class AuthorizedKeys:
    """The public keys in a file, whatever the user name.

    A line with options (``from="…" ssh-ed25519 …``) is no key to Twisted, and lets nobody in. Like every line that is
    none, it is named in the log and passed over: what stands after it is good.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def getAuthorizedKeys(self, username: bytes) -> Iterator[Key]:
        """The keys in the file as it is now; none if it cannot be read."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError as error:
            log.error("nobody can log in to the manhole: {error}", error=error)
            return
        for number, line in enumerate(lines, 1):
            key = self._key(line.strip(), number)
            if key is not None:
                yield key

    def _key(self, line: bytes, number: int) -> Key | None:
        if not line or line.startswith(b"#"):
            return None
        try:
            key: Key = Key.fromString(line)
        except Exception as error:  # conch lets everything through that its parsers meet in a broken key
            place = f"{self._path}, line {number}"
            log.warn("{place} is not a public key and lets nobody in: {error!r}", place=place, error=error)
            return None
        return key


class LoggingChecker(SSHPublicKeyChecker):
    """Twisted's check of a key and its signature, which says in the log who came."""

    def requestAvatarId(self, credentials: SSHPrivateKey) -> Deferred[bytes]:
        """The user name, if the key is authorised and the signature good."""
        checked: Deferred[bytes] = super().requestAvatarId(credentials)
        if credentials.signature:
            checked.addCallbacks(self._succeeded, self._failed, (credentials,), errbackArgs=(credentials,))
        return checked

    def _succeeded(self, user: bytes, credentials: SSHPrivateKey) -> bytes:
        log.info("manhole login of {user!r} with {key}", user=user, key=fingerprint(credentials.blob))
        return user

    def _failed(self, failure: Failure, credentials: SSHPrivateKey) -> Failure:
        key = fingerprint(credentials.blob)
        log.warn("manhole login of {user!r} with {key} refused", user=credentials.username, key=key)
        return failure


def fingerprint(blob: bytes) -> str:
    """An SSH public key's fingerprint, as ``ssh-keygen -l`` shows it."""
    try:
        return str(Key.fromString(blob, type="blob").fingerprint())
    except Exception:  # conch lets everything through that its parser meets in a broken key
        return "an unreadable key"


class BoundedAuth(SSHUserAuthServer):
    """Twisted's login, with our patience."""

    loginTimeout = LOGIN_SECONDS
    attemptsBeforeDisconnect = LOGIN_ATTEMPTS


class BoundedTransport(SSHServerTransport):
    """One connection, which is cut if nobody has logged in on it in time."""

    ourVersionString = b"SSH-2.0-coname"
    factory: Any
    transport: Any  # TCP; Twisted's annotation allows for less
    _patience: IDelayedCall

    def connectionMade(self) -> None:
        """Twisted's own time limit begins with the login, after the exchange of keys."""
        self.factory.connections.add(self)
        self._patience = self.factory.clock.callLater(LOGIN_SECONDS, self._give_up)
        super().connectionMade()

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        """Give the place to somebody else."""
        if self._patience.active():
            self._patience.cancel()
        super().connectionLost(reason)
        self.factory.forget(self)

    def _give_up(self) -> None:
        if not hasattr(self, "avatar"):
            self.transport.abortConnection()


class Operator(ConchUser):
    """Somebody who is logged in: may open shells, and nothing else."""

    def __init__(self, administration: Any) -> None:
        super().__init__()
        self.administration = administration
        self.channelLookup[b"session"] = ManholeChannel


registerAdapter(ManholeSession, Operator, ISession)


@implementer(IRealm)
class OperatorRealm:
    """All who are let in are the operator."""

    def __init__(self, administration: Any) -> None:
        self._administration = administration

    def requestAvatar(self, avatarId: bytes | tuple[()], mind: object, *interfaces: object) -> tuple[Any, Any, Any]:
        """An `Operator`."""
        if IConchUser not in interfaces:
            raise NotImplementedError("the manhole has users of SSH only")
        return IConchUser, Operator(self._administration), lambda: None


class ManholeFactory(SSHFactory):
    """Makes the connections, and keeps account of them."""

    protocol = BoundedTransport
    noisy = False
    services = {b"ssh-userauth": BoundedAuth, b"ssh-connection": SSHConnection}  # noqa: RUF012 - as in the base class

    def __init__(self, administration: Any, host_key: Path, authorized_keys: Path, clock: IReactorTime) -> None:
        """
        :raises OSError: `host_key` cannot be read.
        """
        key = Key.fromString(host_key.read_bytes())
        self.publicKeys = {key.sshType(): key.public()}
        self.privateKeys = {key.sshType(): key}
        self.portal = Portal(OperatorRealm(administration), [LoggingChecker(AuthorizedKeys(authorized_keys))])
        self.clock = clock
        self.connections: set[Any] = set()
        self._closed: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> BoundedTransport | None:  # type: ignore[override]
        """A connection, or None if there are too many."""
        if len(self.connections) >= CONNECTIONS:
            return None
        return super().buildProtocol(addr)  # type: ignore[return-value]

    def forget(self, connection: BoundedTransport) -> None:
        """`connection` is gone."""
        self.connections.discard(connection)
        if self._closed is not None and not self.connections and not self._closed.called:
            self._closed.callback(None)

    def close(self) -> Deferred[None]:
        """End all connections; fires when they are gone."""
        if not self.connections:
            return succeed(None)
        self._closed = Deferred()
        cut = self.clock.callLater(CLOSE_SECONDS, self._cut)
        for connection in list(self.connections):
            connection.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the replica stops")
        return self._closed.addCallback(lambda _: cut.cancel() if cut.active() else None)

    def _cut(self) -> None:
        for connection in list(self.connections):
            connection.transport.abortConnection()
