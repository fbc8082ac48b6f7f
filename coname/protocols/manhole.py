"""The manhole: Python inside the running replica, over SSH, for its operator.

Whoever gets in can do everything that the process can. Hence:

- SSH public keys only, from a file like OpenSSH's ``authorized_keys``, read anew at every login; no passwords;
- loopback unless configured otherwise: from elsewhere, ``ssh -J`` or a tunnel through the host's own SSH server;
- nothing but an interactive shell: no commands, no subsystems, no forwarding;
- logins are logged, with the key's fingerprint; so are failed ones.

The namespace holds the helpers of `coname.protocols.console`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.internet.address import IPv4Address
    from twisted.internet.interfaces import IListeningPort

    from coname.protocols.http_service import ListeningReactor


class ManholeService(Service):
    """Listens for operators.

    :ivar port: the port it listens on, once started; 0 before.
    """

    log = Logger()

    def __init__(
        self,
        administration: Any,
        host_key: Path,
        authorized_keys: Path,
        host: str,
        port: int,
        reactor: ListeningReactor,
    ) -> None:
        """
        :param administration: an `IAdministration`.
        :param host_key: the file of the server's private SSH key.
        :param authorized_keys: the file of the public keys that may log in, under any user name.
        :param host: the address to listen on; empty for loopback, never for all.
        :param port: 0 for any free one.
        """
        self.setName("manhole")
        self.port = 0
        self._administration = administration
        self._files = (host_key, authorized_keys)
        self._address = (host or "127.0.0.1", port)
        self._reactor = reactor
        self._factory: Any = None
        self._listening: IListeningPort | None = None

    def startService(self) -> None:
        """Read the host key, and listen.

        :raises OSError: the host key cannot be read.
        :raises twisted.internet.error.CannotListenError: the port cannot be had.
        """
        super().startService()
        # Twisted's SSH imports the reactor, which must have been chosen by then.
        from coname.protocols.manhole_ssh import ManholeFactory

        host, port = self._address
        self._factory = ManholeFactory(self._administration, *self._files, self._reactor)
        self._listening = self._reactor.listenTCP(port, self._factory, interface=host)
        self.port = cast("IPv4Address", self._listening.getHost()).port
        self.log.info("manhole on {host}, port {port}", host=host, port=self.port)

    def stopService(self) -> Deferred[None]:
        """Fires when the port and all sessions are closed."""
        super().stopService()
        listening, self._listening = self._listening, None
        if listening is None:
            return succeed(None)
        return Deferred.fromCoroutine(self._stop(listening))

    async def _stop(self, listening: IListeningPort) -> None:
        closed = listening.stopListening()
        await self._factory.close()
        await (closed or succeed(None))
        self.port = 0
