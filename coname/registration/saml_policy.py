"""From the configuration's policy for SAML to what checks its responses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate

from coname.core.times import to_seconds
from coname.oidc.fetching import Fetcher
from coname.registration.one_thread import OneThread
from coname.registration.saml import VALIDITY, SamlChecker, SamlSettings
from coname.registration.saml_provider import Metadata, at_address, in_file

if TYPE_CHECKING:
    from coname.messages.config_pb2 import EmailProofBySAML
    from coname.registration.saml_request import SigningKey

EMAIL_ATTRIBUTE = "EmailAddress"
"""The attribute with the address, where the configuration names no other: the original's."""


def saml_checker(config: EmailProofBySAML, reactor: Any, folder: Path, skew: float) -> SamlChecker:
    """The checker for a policy. `config` was checked before.

    :param folder: in which files are looked for.
    :raises OSError: the key's cannot be read. :raises ValueError: it holds no key that could sign.
    """
    pair = config.service_provider_tls.certificates[0]
    settings = SamlSettings(
        domains=tuple(config.allowed_domains),
        called=config.idp_entity_id or urlsplit(config.idp_metadata_url).netloc or config.idp_metadata_file,
        entity_id=config.entity_id or config.consumer_service_url,
        consumer=config.consumer_service_url,
        key=read_key(folder / pair.key_id),
        certificate=load_der_x509_certificate(pair.certificate[0]),
        attribute=config.email_attribute or EMAIL_ATTRIBUTE,
        validity=to_seconds(config.validity) or VALIDITY,
    )
    reading, signing = OneThread(reactor, "SAML responses"), OneThread(reactor, "SAML logins")
    return SamlChecker(settings, _metadata(config, reactor, folder), skew, reading, signing)


def _metadata(config: EmailProofBySAML, reactor: Any, folder: Path) -> Metadata:
    if config.idp_metadata_file:
        return in_file(folder / config.idp_metadata_file, config.idp_entity_id, reactor)
    return at_address(config.idp_metadata_url, Fetcher(reactor), config.idp_entity_id, reactor)


def read_key(path: Path) -> SigningKey:
    """The key that requests are signed with, PEM.

    :raises OSError: the file cannot be read. :raises ValueError: it holds no such key.
    """
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("an RSA key, or one on an elliptic curve for ECDSA, is expected")
    return key
