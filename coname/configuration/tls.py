"""A loaded TLS identity, and what each library is given of it.

- TLS 1.2 is the least, forward secrecy and authenticated encryption the rule, whatever the configuration says;
- a server's chain and the peers' authorities come from the configuration, never from the system; a client that is given
  no authorities trusts those of the system;
- session tickets are off unless configured, as in the original.

Building anything here needs no file and no reactor. `coname.configuration.tls_config` loads and checks identities.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLContextFactory
from zope.interface import implementer

from coname.configuration import certificates
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.configuration.keys import TlsKey

# For TLS 1.2; all suites of TLS 1.3 are fine. What everybody speaks who speaks TLS 1.2 at all (RFC 9325, section 4.2).
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


@dataclass(frozen=True)
class Credential:
    """A certificate chain, leaf first, and the leaf's private key."""

    chain: tuple[x509.Certificate, ...]
    key: TlsKey = field(repr=False)

    def chain_pem(self) -> bytes:
        """The chain in PEM, leaf first."""
        return certificates.pem(self.chain)

    def key_pem(self) -> bytes:
        """The key in PEM (PKCS #8), which all libraries read. A secret."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def covers(self, server_name: str) -> bool:
        """Whether the leaf is for the host `server_name`, one level of wildcard included."""
        try:
            names = self.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return False
        wanted = server_name.lower()
        wildcard = f"*.{wanted.partition('.')[2]}"
        return any(name.lower() in (wanted, wildcard) for name in names.get_values_for_type(x509.DNSName))


@dataclass(frozen=True)
class TlsIdentity:
    """One TLSConfig, loaded. For a server, for a client, or for both.

    :ivar credentials: what it can present; a server takes the one that covers the name asked for, else the first.
    :ivar root_cas: whom a client trusts; empty: the authorities of the system.
    :ivar client_auth: what a server asks of its clients, a ClientAuthType.
    :ivar client_cas: who must have issued its clients' certificates.
    :ivar server_name: the name a client expects in the server's certificate, if it is not the host it connects to.
    :ivar only_tls13: TLS 1.2 is refused. :ivar only_tls12: TLS 1.3 is not offered.
    :ivar ciphers: for TLS 1.2, by OpenSSL's names.
    """

    credentials: tuple[Credential, ...] = ()
    root_cas: tuple[x509.Certificate, ...] = ()
    client_auth: int = pb.NO_CLIENT_CERT
    client_cas: tuple[x509.Certificate, ...] = ()
    server_name: str = ""
    only_tls13: bool = False
    only_tls12: bool = False
    ciphers: tuple[str, ...] = CIPHERS
    session_tickets: bool = False

    def server_options(self, protocols: Sequence[bytes] = ()) -> IOpenSSLContextFactory:
        """For Twisted's `listenSSL` and endpoints.

        :param protocols: those to agree on over ALPN, best first.
        """
        others = [(credential, self._server_context(credential, protocols, None)) for credential in self.credentials]

        def context_for(name: bytes | None) -> SSL.Context | None:
            wanted = (name or b"").decode("ascii", "replace")
            return next((factory.getContext() for one, factory in others if one.covers(wanted)), None)

        return self._server_context(self.credentials[0], protocols, context_for if len(others) > 1 else None)

    def _server_context(self, credential: Credential, protocols: Sequence[bytes], choose: Any) -> _ServerContext:
        asked: dict[str, Any] = {}
        if self.client_auth in (pb.VERIFY_CLIENT_CERT_IF_GIVEN, pb.REQUIRE_AND_VERIFY_CLIENT_CERT):
            asked["trustRoot"] = _trust(self.client_cas)
        options = ssl.CertificateOptions(
            **self._common(credential),
            **asked,
            acceptableProtocols=list(protocols) or None,
            contextForServerName=choose,
        )
        return _ServerContext(options, self.client_auth, protocols)

    def client_options(self, hostname: str, protocols: Sequence[bytes] = ()) -> IOpenSSLClientConnectionCreator:
        """For Twisted's `wrapClientTLS` and `connectSSL`: the server's certificate must be for `hostname`.

        :param hostname: a name or an IP address; `server_name` overrides it.
        """
        return ssl.optionsForClientTLS(
            self.server_name or hostname,
            trustRoot=_trust(self.root_cas) if self.root_cas else ssl.platformTrust(),
            acceptableProtocols=list(protocols) or None,
            extraCertificateOptions=self._common(self.credentials[0] if self.credentials else None),
        )

    def grpc_server_credentials(self) -> grpc.ServerCredentials:
        """For `grpc.aio.Server.add_secure_port`. gRPC picks among several credentials by the name asked for."""
        verify = self.client_auth == pb.REQUIRE_AND_VERIFY_CLIENT_CERT
        return grpc.ssl_server_credentials(
            [(credential.key_pem(), credential.chain_pem()) for credential in self.credentials],
            root_certificates=certificates.pem(self.client_cas) if verify else None,
            require_client_auth=verify,
        )

    def grpc_channel_credentials(self) -> grpc.ChannelCredentials:
        """For `grpc.aio.secure_channel`, together with `grpc_channel_options`. Without authorities of its own, gRPC
        trusts those that it was shipped with."""
        credential = self.credentials[0] if self.credentials else None
        return grpc.ssl_channel_credentials(
            root_certificates=certificates.pem(self.root_cas) if self.root_cas else None,
            private_key=credential.key_pem() if credential else None,
            certificate_chain=credential.chain_pem() if credential else None,
        )

    def grpc_channel_options(self) -> list[tuple[str, str]]:
        """The channel options without which `server_name` would be ignored."""
        return [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []

    def _common(self, credential: Credential | None) -> dict[str, Any]:
        """What Twisted's options take for servers and clients alike."""
        options: dict[str, Any] = {
            "raiseMinimumTo": ssl.TLSVersion.TLSv1_3 if self.only_tls13 else ssl.TLSVersion.TLSv1_2,
            "acceptableCiphers": _acceptable(self.ciphers + _TLS13_CIPHERS),
            "enableSessionTickets": self.session_tickets,
        }
        if self.only_tls12:
            options["lowerMaximumSecurityTo"] = ssl.TLSVersion.TLSv1_2
        if credential is not None:
            leaf, *others = credential.chain
            options |= {"privateKey": credential.key, "certificate": leaf, "extraCertChain": others}
        return options


@implementer(IOpenSSLContextFactory)
class _ServerContext:
    """Twisted's options, and the modes that they lack: a certificate that need not be given, or need not verify.

    Twisted's own choice among ALPN protocols needs its own way of making connections, and fails the handshake without;
    it also answers a client of other protocols only with an empty name. So the choice is made here.
    """

    def __init__(self, options: ssl.CertificateOptions, client_auth: int, protocols: Sequence[bytes]) -> None:
        self._context = options.getContext()
        none: Any = SSL.NO_OVERLAPPING_PROTOCOLS
        self._context.set_alpn_select_callback(
            lambda _, offered: next((one for one in protocols if one in offered), none)
        )
        if client_auth == pb.VERIFY_CLIENT_CERT_IF_GIVEN:
            self._context.set_verify(SSL.VERIFY_PEER, lambda *results: bool(results[-1]))
        elif client_auth == pb.REQUEST_CLIENT_CERT:
            self._context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        elif client_auth == pb.REQUIRE_ANY_CLIENT_CERT:
            self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)

    def getContext(self) -> SSL.Context:
        """The one context that all connections share."""
        return self._context


def _trust(authorities: Sequence[x509.Certificate]) -> Any:
    """Exactly these `authorities`, for Twisted."""
    roots = [ssl.Certificate(crypto.X509.from_cryptography(one)) for one in authorities]
    return ssl.trustRootFromCertificates(roots)


def _acceptable(ciphers: Sequence[str]) -> Any:
    """Exactly these `ciphers`, by OpenSSL's names, for Twisted."""
    return ssl.AcceptableCiphers.fromOpenSSLCipherString(":".join(ciphers))
