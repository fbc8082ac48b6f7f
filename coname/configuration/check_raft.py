"""Checks of raft_tls: the replicas of a realm know each other by their certificates' names.

The original's replicas showed each other certificates for their hosts, and asked for none. Ours ask, whatever
client_auth says, and a name that is not there is nobody's: it is said here what is to be done, rather than by peers
that refuse each other later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coname.configuration.authority import replica_name
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.configuration.tls import TlsIdentity

HELP = "`coname certify` issues certificates for replication to all replicas (how-to: moving an older realm)"


def check_raft(identity: TlsIdentity, replica: int, findings: Findings) -> None:
    """Note what keeps the other replicas from knowing this one, or this one them."""
    before = len(findings.mistakes)
    if identity.credentials:
        _check_certificate(identity.credentials[0].chain[0], replica, findings.at("certificates").at(0))
    for name in ("root_cas", "client_cas"):
        if not getattr(identity, name) and not findings.at(name).spoilt:
            findings.at(name).mistake("empty: the authority that all replicas' certificates are of")
    if len(findings.mistakes) > before:
        findings.mistake(HELP)
    elif identity.client_auth != pb.REQUIRE_AND_VERIFY_CLIENT_CERT:
        findings.at("client_auth").warn("replicas ask each other for certificates all the same")


def _check_certificate(certificate: x509.Certificate, replica: int, findings: Findings) -> None:
    names = [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [replica_name(replica)]:
        subject = certificate.subject.rfc4514_string() or "nobody"
        findings.mistake(f"it is for {subject}, and other replicas know this one by the name {replica_name(replica)!r}")
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    for usage, words in ((ExtendedKeyUsageOID.CLIENT_AUTH, "clients"), (ExtendedKeyUsageOID.SERVER_AUTH, "servers")):
        if usage not in usages and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages:
            findings.mistake(f"it is not for TLS {words}; a replica is both")
