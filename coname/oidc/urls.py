"""Which addresses a keyserver asks on behalf of its configuration.

The configuration names one address for each provider; the document there names others, for keys, logins and tokens. A
provider that has been taken over must not turn the keyserver against the network that it stands in, so those are

* ``https``, without a user's name in them;
* at a name, not at a bare IP address of a private network or of this machine.

An organisation's own provider may well have a name in a private network: its certificate must then be for that name.
For trying things out, a provider may be asked by ``http`` at ``127.0.0.1``, ``[::1]`` or ``localhost``, if that is
where the configuration says it is; the addresses that it names must then be there too.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from coname.core.text import quoted

LONGEST_URL = 2048
"""Characters of an address."""

DEFAULT_PORTS = {"https": 443, "http": 80}


class Origin(NamedTuple):
    """Whom an address belongs to (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @property
    def on_this_machine(self) -> bool:
        """Whether it is this machine's own, and says so in the address."""
        return self.host == "localhost" or _is_loopback(self.host)


class UrlNotAllowed(ValueError):
    """An address that is not to be asked; its text says why."""


def origin(url: str) -> Origin:
    """Whom `url` belongs to.

    :raises UrlNotAllowed: it is not the address of anything that could be asked.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlNotAllowed(f"{quoted(url)} is not an address: {error}") from error
    if len(url) > LONGEST_URL or any(not "!" <= character <= "~" for character in url):
        raise UrlNotAllowed(f"{quoted(url)} is not an address: too long, or not of ASCII characters that show")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "\\" in url:
        raise UrlNotAllowed(f"{quoted(url)} is not an address that begins with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise UrlNotAllowed(f"{quoted(url)} names a user or a fragment")
    return Origin(parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port)


def check_configured(url: str) -> Origin:
    """Whom the configured address `url` belongs to.

    :raises UrlNotAllowed: it is neither https nor on this machine.
    """
    found = origin(url)
    if found.scheme != "https" and not found.on_this_machine:
        raise UrlNotAllowed(f"{quoted(url)} is not https: whoever is in between could answer in the provider's place")
    return found


def check_named(url: str, by: Origin) -> Origin:
    """Whom the address `url` belongs to, which the document at `by` names.

    :raises UrlNotAllowed: see the top of this file.
    """
    found = origin(url)
    if found.scheme != "https" and not (by.scheme == "http" and found.on_this_machine):
        raise UrlNotAllowed(f"{quoted(url)} is not https")
    if not by.on_this_machine and (found.on_this_machine or _is_private(found.host)):
        raise UrlNotAllowed(f"{quoted(url)} is inside a private network, and the provider's own address is not")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.endswith(".localhost")


def _is_private(host: str) -> bool:
    """Whether it is a bare IP address that the whole internet does not share. Names are not looked up."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host.replace(".", "").isdigit()  # the short forms of an IPv4 address that some systems take
