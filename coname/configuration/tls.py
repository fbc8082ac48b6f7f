"""A loaded TLS identity, and what each library is given of it.

- TLS 1.2 is the least, forward secrecy and authenticated encryption the rule, whatever the configuration says;
- a server's chain and the peers' authorities come from the configuration, never from the system; a client that is given
  no authorities trusts those of the system;
- session tickets are off unless configured, as in the original.

Building anything here needs no file and no reactor. `coname.configuration.tls_config` loads and checks identities;
`coname.configuration.tls_twisted` makes Twisted's objects of them. gRPC and Twisted are imported by whoever uses them:
a client on gRPC has no need of Twisted, which takes longer to import than a lookup takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from coname.configuration import certificates
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLContextFactory

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
        from coname.configuration import tls_twisted

        return tls_twisted.server_options(self, protocols)

    def client_options(self, hostname: str, protocols: Sequence[bytes] = ()) -> IOpenSSLClientConnectionCreator:
        """For Twisted's `wrapClientTLS` and `connectSSL`: the server's certificate must be for `hostname`.

        :param hostname: a name or an IP address; `server_name` overrides it.
        """
        from coname.configuration import tls_twisted

        return tls_twisted.client_options(self, hostname, protocols)

    def peer_options(self) -> IOpenSSLClientConnectionCreator:
        """For Twisted's `wrapClientTLS`, where the peer is known by the name in its certificate, not by its host.

        One of `root_cas` must have issued it; the caller must look at the name before it says or believes anything.

        :raises ValueError: there is no certificate to present, or no `root_cas`.
        """
        from coname.configuration import tls_twisted

        return tls_twisted.peer_options(self)

    def grpc_server_credentials(self) -> grpc.ServerCredentials:
        """For `grpc.aio.Server.add_secure_port`. gRPC picks among several credentials by the name asked for."""
        import grpc

        verify = self.client_auth == pb.REQUIRE_AND_VERIFY_CLIENT_CERT
        return grpc.ssl_server_credentials(
            [(credential.key_pem(), credential.chain_pem()) for credential in self.credentials],
            root_certificates=certificates.pem(self.client_cas) if verify else None,
            require_client_auth=verify,
        )

    def grpc_channel_credentials(self) -> grpc.ChannelCredentials:
        """For `grpc.aio.secure_channel`, together with `grpc_channel_options`. Without authorities of its own, gRPC
        trusts those that it was shipped with."""
        import grpc

        credential = self.credentials[0] if self.credentials else None
        return grpc.ssl_channel_credentials(
            root_certificates=certificates.pem(self.root_cas) if self.root_cas else None,
            private_key=credential.key_pem() if credential else None,
            certificate_chain=credential.chain_pem() if credential else None,
        )

    def grpc_channel_options(self) -> list[tuple[str, str]]:
        """The channel options without which `server_name` would be ignored."""
        return [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []
