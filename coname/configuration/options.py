"""What `coname init` is asked for, checked: every mistake at once, each named by its option."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace

from coname.configuration.check_registration import check_front_url
from coname.configuration.findings import Findings
from coname.configuration.listen import MAX_PORT, Address
from coname.core.addresses import canonical_domain
from coname.core.vrf import VRF_2017, suite
from coname.errors import InvalidRequest, Misconfigured
from coname.oidc.metadata import discovery_url
from coname.oidc.urls import UrlNotAllowed, check_configured

LOCAL_HOSTS = ("localhost", "127.0.0.1")
# A realm's quorum and every proof grow with them, and each replica has to keep up with the slowest of a majority.
MAX_REPLICAS = 99
MAX_VERIFIERS = 99
# A realm's name is in every epoch head. This is far more than anyone can read.
MAX_REALM_BYTES = 255

# The ports of the first replica, by the original's defaults; the next replica's are PORT_STEP higher.
PORTS = {"public": 4625, "verifier": 4626, "raft": 9807, "httpfront": 25519, "hkp": 11371, "manhole": 25522}
PORT_STEP = 10


@dataclass(frozen=True)
class OidcOptions:
    """An OpenID provider that vouches for the realm's addresses.

    :ivar issuer: what it calls itself. :ivar client_id: what it calls the realm.
    :ivar secret: that the realm shows it; empty if it asks for none.
    """

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class InitOptions:
    """A new realm, as asked for.

    :ivar domains: whose addresses it is for; none: the realm's name is the domain.
    :ivar verifiers: how many to make configurations for. Each of them could also be made by somebody else later.
    :ivar hosts: names and IP addresses that clients reach the replicas by: replica n at the nth of them, the last
        serving for all further ones; none: this machine only.
    :ivar base_port: the first replica's ports are this one and the next five; None: the protocol's usual ports.
    :ivar vrf_suite: ``rfc9381``, or ``2017`` for a realm that the original's programs must read.
    :ivar insecure_skip_email_proof: whether anybody may register any address that is still free.
    :ivar oidc: who vouches for whoever registers one.
    :ivar front: where browsers reach the HTTPS fronts, if all of them at one address; empty: each at its own.
    """

    realm: str
    domains: tuple[str, ...] = ()
    replicas: int = 1
    verifiers: int = 0
    hosts: tuple[str, ...] = ()
    base_port: int | None = None
    vrf_suite: str = "rfc9381"
    insecure_skip_email_proof: bool = False
    oidc: OidcOptions | None = None
    front: str = ""

    def port(self, front: str, replica: int) -> int:
        """The port of `front` (a key of PORTS) on the replica of that number, from 0."""
        first = PORTS[front] if self.base_port is None else self.base_port + list(PORTS).index(front)
        return first + PORT_STEP * replica

    def host(self, replica: int) -> str:
        """Where others reach the replica of that number, from 0."""
        return self.hosts[min(replica, len(self.hosts) - 1)] if self.hosts else "127.0.0.1"

    def front_url(self, replica: int) -> str:
        """Where browsers reach the HTTPS front of the replica of that number, from 0."""
        return self.front or f"https://{Address(self.host(replica), self.port('httpfront', replica))}"

    def names(self) -> list[str]:
        """All names and addresses that a replica's certificate is for; always this machine's own as well."""
        return list(dict.fromkeys([*self.hosts, *LOCAL_HOSTS]))

    def listen_host(self, replica: int) -> str:
        """Where the replica listens: on loopback if it is reached there, else on every interface, since the address
        that others know may be a router's."""
        host = self.host(replica)
        return host if Address(host, 0).is_loopback else ""


def checked(options: InitOptions) -> InitOptions:
    """`options` with domains and hosts in canonical form. :raises Misconfigured: with every mistake."""
    mistakes: list[str] = []
    _check_realm(options, mistakes)
    domains = _canonical(options.domains or (options.realm,), "--domain" if options.domains else "--realm", mistakes)
    hosts = _hosts(options.hosts, mistakes)
    if not 1 <= options.replicas <= MAX_REPLICAS:
        mistakes.append(f"--replicas: {options.replicas} is out of range: 1 to {MAX_REPLICAS}")
    elif options.port("public", 0) < 1 or options.port("manhole", options.replicas - 1) > MAX_PORT:
        mistakes.append(f"--base-port: {options.base_port} leaves too few ports; the last one is {MAX_PORT}")
    if not 0 <= options.verifiers <= MAX_VERIFIERS:
        mistakes.append(f"--verifiers: {options.verifiers} is out of range: 0 to {MAX_VERIFIERS}")
    _check_oidc(options, mistakes)
    front = check_front_url(options.front, Findings("--front", mistakes))
    if mistakes:
        raise Misconfigured(mistakes)
    return replace(options, domains=domains, hosts=hosts, front=front)


def _check_realm(options: InitOptions, mistakes: list[str]) -> None:
    if not options.realm or len(options.realm.encode("utf-8", "replace")) > MAX_REALM_BYTES:
        mistakes.append(f"--realm: a name of 1 to {MAX_REALM_BYTES} bytes is expected")
    elif not options.realm.isprintable():
        mistakes.append("--realm: the name holds characters that do not show")
    try:
        suite(options.vrf_suite)
    except ValueError as error:
        mistakes.append(f"--vrf-suite: {error}")


def _check_oidc(options: InitOptions, mistakes: list[str]) -> None:
    if options.oidc is None:
        return
    try:
        check_configured(discovery_url(options.oidc.issuer))
    except UrlNotAllowed as error:
        mistakes.append(f"--oidc: {error}")
    if not options.oidc.client_id:
        mistakes.append("--oidc: --oidc-client is missing: what the provider calls the realm")
    if options.insecure_skip_email_proof:
        mistakes.append("--oidc: whoever logs in proves nothing where --insecure-skip-email-proof lets anybody in")
    if options.vrf_suite == VRF_2017.name:
        mistakes.append("--oidc: the original's programs, for which --vrf-suite 2017 is, refuse the fields it needs")


def _canonical(domains: tuple[str, ...], option: str, mistakes: list[str]) -> tuple[str, ...]:
    found = []
    for domain in domains:
        try:
            found.append(canonical_domain(domain))
        except InvalidRequest as error:
            hint = "; name the domains that it is for with --domain" if option == "--realm" else ""
            mistakes.append(f"{option}: {error}{hint}")
    return tuple(dict.fromkeys(found))


def _hosts(hosts: tuple[str, ...], mistakes: list[str]) -> tuple[str, ...]:
    found = []
    for host in hosts:
        try:
            found.append(str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))))
        except ValueError:
            found.extend(_canonical((host,), "--host", mistakes))
    return tuple(dict.fromkeys(found))
