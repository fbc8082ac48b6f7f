"""The TXT records of a name, asked for through ``twisted.names``, with a time limit.

The answer is believed as it comes: it is as good as the resolver that is asked, and the way to it. A resolver on the
same machine that checks DNSSEC is what a realm should name. Whoever guesses at questions to forge their answers has to
guess one: of each name only one is on its way, however many ask. And there are few in all, each of which has a socket.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred, TimeoutError
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError, ResolverError

from coname.errors import Overloaded, Unavailable

Server = tuple[str, int]
"""A resolver's IP address and port."""

TRIES = (1, 2)
"""Seconds that each question over UDP may take, one after the other; the servers take turns."""

LONGEST = 5.0
"""Seconds after which a record counts as out of reach, whether asked for over UDP or TCP."""

AT_ONCE = 64
"""The most names that are asked for at the same time: whoever brings a mail names up to four."""

ALIASES = 8
"""The most aliases (CNAME) that are followed, within one answer."""

RESOLV_CONF = Path("/etc/resolv.conf")


class LookUpText(Protocol):
    """How a DKIM checker asks for TXT records."""

    async def __call__(self, name: str) -> list[bytes]:
        """The records of `name`, each in one piece; none if there is no such name.

        :raises coname.errors.Unavailable: no answer came in time, or one that says nothing.
        """


class TextRecords:
    """Asks some resolvers.

    :param servers: called for each question: who is asked.
    """

    def __init__(self, reactor: Any, servers: Callable[[], Sequence[Server]]) -> None:
        self._reactor = reactor
        self._servers = servers
        self._asking: dict[str, list[Deferred[list[bytes]]]] = {}  # who waits for the answer about each name

    async def __call__(self, name: str) -> list[bytes]:
        """See `LookUpText`.

        :raises Overloaded: `AT_ONCE` names are being asked for.
        """
        mine: Deferred[list[bytes]] = Deferred()
        if name in self._asking:
            self._asking[name].append(mine)
        elif len(self._asking) < AT_ONCE:
            self._asking[name] = [mine]
            Deferred.fromCoroutine(self._ask(name)).addBoth(self._tell, name)
        else:
            raise Overloaded("too many names are being asked for in the DNS; try again in a few seconds")
        return await mine

    def _tell(self, outcome: Any, name: str) -> None:
        """`outcome`: the records, or why there are none."""
        for each in self._asking.pop(name):
            if not each.called:
                each.callback(outcome)

    async def _ask(self, name: str) -> list[bytes]:
        resolver = Resolver(servers=list(self._servers()), reactor=self._reactor, timeout=TRIES)
        asked: Deferred[Any] = resolver.lookupText(name)
        try:
            answers, _, _ = await asked.addTimeout(LONGEST, self._reactor)
        except DNSNameError:
            return []
        except (TimeoutError, DNSQueryTimeoutError) as error:
            raise Unavailable(f"the DNS did not answer what {name} is; try again later") from error
        except (DomainError, ResolverError, OSError) as error:
            raise Unavailable(f"the DNS cannot say now what {name} is; try again later") from error
        finally:
            for connection in resolver.connections:
                connection.transport.loseConnection()
        return _texts(name, answers)


def _texts(name: str, answers: Sequence[Any]) -> list[bytes]:
    """The TXT records of `name` among `answers`, or of what it is an alias of."""
    aliases = {_name(each): _name(each.payload) for each in answers if each.type == dns.CNAME}
    wanted = name.lower()
    for _ in range(ALIASES):
        wanted = aliases.get(wanted, wanted)
    return [b"".join(each.payload.data) for each in answers if each.type == dns.TXT and _name(each) == wanted]


def _name(record: Any) -> str:
    name: bytes = record.name.name
    return name.decode("latin-1").lower().removesuffix(".")


def system_servers(path: Path = RESOLV_CONF) -> list[Server]:
    """The resolvers of this machine, as `path` has them; one on this machine if it has none."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    found = [
        (each[1], dns.PORT) for each in words if len(each) > 1 and each[0] == "nameserver" and _is_address(each[1])
    ]
    return found or [("127.0.0.1", dns.PORT)]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
