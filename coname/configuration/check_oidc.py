"""Checks of a registration policy by OpenID Connect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coname.configuration.check_logins import check_asked, check_private, check_validity
from coname.configuration.check_realm import check_domains
from coname.oidc.metadata import discovery_url
from coname.registration.oidc_policy import read_secret, wanted_scope

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb


def check_oidc(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    """`policy` names providers that can be asked."""
    configs = policy.email_proof_by_oidc.oidc_config
    if not configs:
        findings.at("oidc_config").mistake("empty: at least one provider is expected")
    for number, config in enumerate(configs):
        _check_provider(config, folder, findings.at("oidc_config").at(number))


def _check_provider(config: pb.OIDCConfig, folder: Path, findings: Findings) -> None:
    if not config.allowed_domains:
        findings.at("allowed_domains").mistake("empty: whose addresses may this provider vouch for?")
    check_domains(config.allowed_domains, findings.at("allowed_domains"), wildcards=True)
    _check_addresses(config, findings)
    if not config.clientID:
        findings.at("clientID").mistake("missing: what the provider calls this realm")
    if config.client_secret_id:
        _check_secret(folder / config.client_secret_id, findings.at("client_secret_id"))
    check_validity(config.validity, findings.at("validity"))
    if config.scope and wanted_scope(config.scope) != " ".join(config.scope.split()):
        findings.at("scope").warn(f"{wanted_scope(config.scope)!r} is asked for: less proves no address")


def _check_addresses(config: pb.OIDCConfig, findings: Findings) -> None:
    at_issuer, at_url = findings.at("issuer"), findings.at("discovery_url")
    if not config.issuer:
        at_issuer.mistake("missing: what the provider calls itself in its tokens (iss)")
        return
    place, url = (at_url, config.discovery_url) if config.discovery_url else (at_issuer, discovery_url(config.issuer))
    check_asked(url, place)


def _check_secret(path: Path, findings: Findings) -> None:
    try:
        read_secret(path)
        check_private(path, findings)
    except (OSError, ValueError) as error:
        findings.mistake(f"{path} holds no client's secret: {error}")
