"""From the configuration's policy for client certificates to what checks them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.x509 import load_der_x509_certificate

from coname.registration.client_certificate import ClientCertificateChecker
from coname.registration.client_certificate_crl import RevocationList
from coname.registration.one_thread import OneThread

if TYPE_CHECKING:
    from coname.messages.config_pb2 import EmailProofByClientCert


def client_certificate_checker(
    config: EmailProofByClientCert, reactor: Any, folder: Path, skew: float
) -> ClientCertificateChecker:
    """The checker for a policy. `config` was checked before.

    :param folder: in which the list of revoked certificates is looked for.
    """
    ca = load_der_x509_certificate(config.ca_cert)
    revoked = None
    if config.crl_file:
        thread = OneThread(reactor, "client certificates")
        revoked = RevocationList(folder / config.crl_file, ca, skew, thread)
    return ClientCertificateChecker(tuple(config.allowed_domains), ca, revoked, skew)
