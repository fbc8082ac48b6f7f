"""A DNS server on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.names import dns, server
from twisted.names.common import ResolverBase
from twisted.names.error import DNSNameError, ResolverError


class _Zone(ResolverBase):
    """Knows some names; the rest do not exist."""

    def __init__(self, names: DnsServer) -> None:
        super().__init__()
        self._names = names

    def _lookup(self, name: bytes, cls: int, kind: int, timeout: object) -> Deferred[Any]:
        return maybeDeferred(self._answer, name)

    def _answer(self, name: bytes) -> Any:
        text = name.decode().lower()
        self._names.asked.append(text)
        if text in self._names.broken:
            raise ResolverError
        if text in self._names.silent:
            return Deferred()
        answers = []
        while text in self._names.aliases:
            target = self._names.aliases[text]
            answers.append(dns.RRHeader(text.encode(), dns.CNAME, payload=dns.Record_CNAME(target.encode())))
            text = target
        for parts in self._names.texts.get(text, []):
            answers.append(dns.RRHeader(text.encode(), dns.TXT, payload=dns.Record_TXT(*parts)))
        if not answers:
            raise DNSNameError
        return answers, [], []


class DnsServer:
    """Answers over UDP and TCP.

    :ivar texts: the TXT records of each name, each in the pieces that it is sent in.
    :ivar aliases: names that are others.
    :ivar silent: names that it never answers about. :ivar broken: names that it cannot answer about.
    :ivar asked: names that it was asked for.
    """

    def __init__(self, reactor: Any) -> None:
        self.texts: Mapping[str, Sequence[Sequence[bytes]]] = {}
        self.aliases: Mapping[str, str] = {}
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.asked: list[str] = []
        factory = server.DNSServerFactory(clients=[_Zone(self)])
        factory.noisy = False
        self._tcp = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self._protocol = dns.DNSDatagramProtocol(factory, reactor=reactor)
        self._udp = reactor.listenUDP(self._tcp.getHost().port, self._protocol, interface="127.0.0.1")

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._udp.getHost().port

    def stop(self) -> Deferred[Any]:
        return gatherResults([maybeDeferred(self._tcp.stopListening), maybeDeferred(self._udp.stopListening)])
