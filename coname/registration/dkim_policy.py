"""From the configuration's policy for mails to what checks them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from twisted.names import dns

from coname.registration.dkim import DkimChecker
from coname.registration.dkim_dns import Server, TextRecords, system_servers

if TYPE_CHECKING:
    from coname.messages.config_pb2 import EmailProofByDKIM


def dkim_checker(config: EmailProofByDKIM, reactor: Any, skew: float) -> DkimChecker:
    """The checker for a policy. `config` was checked before."""
    servers = [parse_server(text) for text in config.dns_servers]
    look_up = TextRecords(reactor, lambda: servers or system_servers())
    return DkimChecker(tuple(config.allowed_domains), config.to_addr, config.subject_prefix, look_up, skew)


def parse_server(text: str) -> Server:
    """Whom ``192.0.2.1``, ``192.0.2.1:53``, ``2001:db8::1`` or ``[2001:db8::1]:53`` is.

    :raises ValueError: it is none of these.
    """
    try:
        return str(ipaddress.ip_address(text)), dns.PORT
    except ValueError:
        host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    address = ipaddress.ip_address(bare)
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is no port")
    if (address.version == 6) != (host != bare):
        raise ValueError("an IPv6 address before a port stands in brackets, and no other one")
    return str(address), int(port)
