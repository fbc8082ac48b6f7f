"""Checks of a registration policy by SAML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from coname.configuration import certificates
from coname.configuration.check_logins import check_asked, check_private, check_validity
from coname.configuration.check_realm import check_domains
from coname.core.text import quoted
from coname.oidc.urls import UrlNotAllowed, check_configured
from coname.registration.saml_metadata import MetadataInvalid, parse
from coname.registration.saml_policy import read_key

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb


def check_saml(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    """`policy` names an identity provider that can be asked, and what we are to it."""
    config = policy.email_proof_by_saml
    if not config.allowed_domains:
        findings.at("allowed_domains").mistake("empty: whose addresses may the identity provider vouch for?")
    check_domains(config.allowed_domains, findings.at("allowed_domains"), wildcards=True)
    _check_metadata(config, folder, findings)
    _check_consumer(config.consumer_service_url, findings.at("consumer_service_url"))
    _check_key(config, folder, findings.at("service_provider_tls").at("certificates"))
    check_validity(config.validity, findings.at("validity"))


def _check_metadata(config: pb.EmailProofBySAML, folder: Path, findings: Findings) -> None:
    at_url, at_file = findings.at("idp_metadata_url"), findings.at("idp_metadata_file")
    if config.idp_metadata_file:
        if config.idp_metadata_url:
            at_url.mistake("not beside idp_metadata_file: which of them counts?")
        path = folder / config.idp_metadata_file
        try:
            parse(path.read_bytes(), config.idp_entity_id)
        except OSError as error:
            at_file.mistake(f"{path} cannot be read: {error.strerror}")
        except MetadataInvalid as error:
            at_file.mistake(f"{path}: {error}")
        return
    if not config.idp_metadata_url:
        at_url.mistake("missing: where the identity provider's metadata is; or name a file, idp_metadata_file")
        return
    check_asked(config.idp_metadata_url, at_url)


def _check_consumer(url: str, findings: Findings) -> None:
    if not url:
        findings.mistake("missing: the address of the HTTPS front that responses are sent to, https://host[:port]/path")
        return
    try:
        origin = check_configured(url)
    except UrlNotAllowed as error:
        findings.mistake(str(error))
        return
    parts = urlsplit(url)
    if origin.scheme != "https" or len(parts.path) < 2 or parts.query:
        findings.mistake(f"{quoted(url)} is not https://host[:port]/path of the HTTPS front")


def _check_key(config: pb.EmailProofBySAML, folder: Path, findings: Findings) -> None:
    pairs = config.service_provider_tls.certificates
    if not pairs:
        findings.mistake("empty: requests are signed with a key, whose certificate the identity provider has")
        return
    at_pair = findings.at(0)
    chain = certificates.parse(pairs[0].certificate, at_pair.at("certificate"))
    if not pairs[0].certificate:
        at_pair.at("certificate").mistake("empty; the certificate's DER is expected")
    path = folder / pairs[0].key_id
    try:
        key = read_key(path)
        check_private(path, at_pair.at("key_id"))
    except (OSError, ValueError, TypeError) as error:
        at_pair.at("key_id").mistake(f"{path} holds no key that could sign requests: {error}")
        return
    if chain and not certificates.belongs_to(chain[0], key):
        at_pair.at("key_id").mistake(f"{pairs[0].key_id} is not the key of certificate[0]")
