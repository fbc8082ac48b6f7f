"""Addresses to listen on or to connect to, ``host:port`` as Go writes them.

``:4625`` is every interface, ``[::1]:4625`` an IPv6 address. Port 0 lets the system choose one, which tests use.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coname.configuration.findings import Findings

MAX_PORT = 65535


class Address(NamedTuple):
    """Where to listen or to connect.

    :ivar host: a name or an IP address without brackets; empty: every interface.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """As the configuration has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse(text: str) -> Address:
    """The address that `text` describes. :raises ValueError: what is wrong with it, as a sentence."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} has no port; host:port is expected, or :port for every interface")
    if not port.isascii() or not port.isdecimal() or len(port) > 5 or int(port) > MAX_PORT:
        raise ValueError(f"{port!r} is no port; 0 to {MAX_PORT} is expected")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        ipaddress.IPv6Address(host.partition("%")[0])
    elif ":" in host:
        raise ValueError(f"an IPv6 address stands in brackets: [{host}]:{port}")
    elif not host.isascii() or any(character <= " " or character in "/@[]" for character in host):
        raise ValueError(f"{host!r} is no host; a name or an IP address is expected")
    return Address(host, int(port))


def check(text: str, findings: Findings) -> Address | None:
    """As `parse`, but a mistake goes to `findings`."""
    try:
        return parse(text)
    except ValueError as error:
        findings.mistake(str(error))
        return None


def check_no_overlap(places: list[tuple[Findings, Address]]) -> None:
    """Two listeners cannot share a port of one interface; the second of them gets the mistake."""
    for number, (findings, address) in enumerate(places):
        for other, earlier in places[:number]:
            same_host = address.host == earlier.host or not address.host or not earlier.host
            if address.port and address.port == earlier.port and same_host:
                findings.mistake(f"port {address.port} is taken by {other.path} already")
                break
