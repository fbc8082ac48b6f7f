"""What Twisted is given of a `TlsIdentity`: options for its servers and for its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLContextFactory
from zope.interface import implementer

from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from coname.configuration.tls import Credential, TlsIdentity

TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""All there are that Twisted's OpenSSL offers; they need no choice."""

MOST_RSA_BITS, MOST_EXPONENT_BITS = 8192, 32
"""Of a client's key, where any certificate is taken."""


def server_options(identity: TlsIdentity, protocols: Sequence[bytes]) -> IOpenSSLContextFactory:
    """See `TlsIdentity.server_options`."""
    others = [(one, _server_context(identity, one, protocols, None)) for one in identity.credentials]

    def context_for(name: bytes | None) -> SSL.Context | None:
        wanted = (name or b"").decode("ascii", "replace")
        return next((factory.getContext() for one, factory in others if one.covers(wanted)), None)

    return _server_context(identity, identity.credentials[0], protocols, context_for if len(others) > 1 else None)


def client_options(identity: TlsIdentity, hostname: str, protocols: Sequence[bytes]) -> IOpenSSLClientConnectionCreator:
    """See `TlsIdentity.client_options`."""
    return ssl.optionsForClientTLS(
        identity.server_name or hostname,
        trustRoot=_trust(identity.root_cas) if identity.root_cas else ssl.platformTrust(),
        acceptableProtocols=list(protocols) or None,
        extraCertificateOptions=_common(identity, identity.credentials[0] if identity.credentials else None),
    )


def peer_options(identity: TlsIdentity) -> IOpenSSLClientConnectionCreator:
    """See `TlsIdentity.peer_options`."""
    if not identity.root_cas or not identity.credentials:
        raise ValueError("a peer needs a certificate, and authorities of its own")
    common = _common(identity, identity.credentials[0])
    return _PeerConnections(ssl.CertificateOptions(**common, trustRoot=_trust(identity.root_cas)))


@implementer(IOpenSSLClientConnectionCreator)
class _PeerConnections:
    """Verifies the chain; the name in the certificate is the caller's business."""

    def __init__(self, options: ssl.CertificateOptions) -> None:
        self._context = options.getContext()

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """A connection of its own."""
        connection = SSL.Connection(self._context, None)
        connection.set_connect_state()
        return connection


def _server_context(
    identity: TlsIdentity, credential: Credential, protocols: Sequence[bytes], choose: Any
) -> _ServerContext:
    asked: dict[str, Any] = {}
    if identity.client_auth in (pb.VERIFY_CLIENT_CERT_IF_GIVEN, pb.REQUIRE_AND_VERIFY_CLIENT_CERT):
        asked["trustRoot"] = _trust(identity.client_cas)
    options = ssl.CertificateOptions(
        **_common(identity, credential),
        **asked,
        acceptableProtocols=list(protocols) or None,
        contextForServerName=choose,
    )
    return _ServerContext(options, identity.client_auth, protocols, identity.client_cas)


def _common(identity: TlsIdentity, credential: Credential | None) -> dict[str, Any]:
    """What Twisted's options take for servers and clients alike."""
    options: dict[str, Any] = {
        "raiseMinimumTo": ssl.TLSVersion.TLSv1_3 if identity.only_tls13 else ssl.TLSVersion.TLSv1_2,
        "acceptableCiphers": _acceptable(identity.ciphers + TLS13_CIPHERS),
        "enableSessionTickets": identity.session_tickets,
    }
    if identity.only_tls12:
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

    def __init__(
        self,
        options: ssl.CertificateOptions,
        client_auth: int,
        protocols: Sequence[bytes],
        authorities: Sequence[x509.Certificate],
    ) -> None:
        """
        :param authorities: whose certificates are asked for, where others are not refused.
        """
        self._context = options.getContext()
        none: Any = SSL.NO_OVERLAPPING_PROTOCOLS
        self._context.set_alpn_select_callback(
            lambda _, offered: next((one for one in protocols if one in offered), none)
        )
        if client_auth == pb.VERIFY_CLIENT_CERT_IF_GIVEN:
            self._context.set_verify(SSL.VERIFY_PEER, lambda *results: bool(results[-1]))
        elif client_auth == pb.REQUEST_CLIENT_CERT:
            self._take_any(SSL.VERIFY_PEER)
            for authority in authorities:
                self._context.add_client_ca(authority)
        elif client_auth == pb.REQUIRE_ANY_CLIENT_CERT:
            self._take_any(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def _take_any(self, mode: int) -> None:
        """Whatever certificate is shown, if its own signature is checked quickly. What stands behind it is not looked
        at: with slow keys, checking all signatures of a stranger's chain takes tenths of a second, for nothing."""
        self._context.set_verify(mode, lambda _, certificate, *__: _is_quick(certificate))
        self._context.set_verify_depth(0)

    def getContext(self) -> SSL.Context:
        """The one context that all connections share."""
        return self._context


def _is_quick(certificate: crypto.X509) -> bool:
    """Whether its key is of a usual size: an RSA key with a long exponent takes a hundred times as long as others."""
    try:
        key = certificate.get_pubkey().to_cryptography_key()
    except (crypto.Error, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return not isinstance(key, RSAPublicKey) or (
        key.key_size <= MOST_RSA_BITS and key.public_numbers().e.bit_length() <= MOST_EXPONENT_BITS
    )


def _trust(authorities: Sequence[x509.Certificate]) -> Any:
    """Exactly these `authorities`, for Twisted."""
    roots = [ssl.Certificate(crypto.X509.from_cryptography(one)) for one in authorities]
    return ssl.trustRootFromCertificates(roots)


def _acceptable(ciphers: Sequence[str]) -> Any:
    """Exactly these `ciphers`, by OpenSSL's names, for Twisted."""
    return ssl.AcceptableCiphers.fromOpenSSLCipherString(":".join(ciphers))
