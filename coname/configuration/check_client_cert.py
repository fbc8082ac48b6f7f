"""Checks of a registration policy by client certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from coname.configuration import certificates
from coname.configuration.check_realm import check_domains
from coname.registration.client_certificate_crl import ListUnusable, load

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb


def check_client_cert(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    """`policy` names an authority that can issue certificates, and says which are revoked."""
    config = policy.email_proof_by_client_cert
    if not config.allowed_domains:
        findings.at("allowed_domains").mistake("empty: whose addresses may be proved by certificate?")
    check_domains(config.allowed_domains, findings.at("allowed_domains"), wildcards=True)
    at_authority, at_list = findings.at("ca_cert"), findings.at("crl_file")
    if not config.ca_cert:
        at_authority.mistake("missing: the DER of the authority that issues people's certificates")
        return
    found = _authority(config.ca_cert, at_authority)
    if found is None:
        return
    if not config.crl_file:
        at_list.warn("not set: a certificate that was revoked lets its holder register until it ends")
        return
    try:
        load(folder / config.crl_file, found)
    except OSError as error:
        at_list.mistake(f"{folder / config.crl_file} cannot be read: {error.strerror}")
    except ListUnusable as error:
        at_list.mistake(str(error))


def _authority(der: bytes, findings: Findings) -> x509.Certificate | None:
    found = certificates.parse_one(der, findings)
    if found is None:
        return None
    certificates.warn_of_dates(found, certificates.utc_now(), findings)
    if not _may_issue(found):
        findings.mistake("this certificate is not an authority's: it has no basic constraint CA")
        return None
    return found


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
