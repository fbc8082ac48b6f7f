"""From the configuration's policy for client certificates to what checks them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.x509 import load_der_x509_certificate

from coname.registration.client_certificate import ClientCertificateChecker
from coname.registration.client_certificate_crl import RevocationList

if TYPE_CHECKING:
    from coname.messages.config_pb2 import EmailProofByClientCert


def client_certificate_checker(config: EmailProofByClientCert, folder: Path, skew: float) -> ClientCertificateChecker:
    """The checker for a policy. `config` was checked before.

    :param folder: in which the list of revoked certificates is looked for.
    """
    ca = load_der_x509_certificate(config.ca_cert)
    revoked = RevocationList(folder / config.crl_file, ca, skew) if config.crl_file else None
    return ClientCertificateChecker(tuple(config.allowed_domains), ca, revoked, skew)
