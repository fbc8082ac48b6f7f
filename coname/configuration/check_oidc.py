"""Checks of a registration policy by OpenID Connect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coname.configuration.check_logins import check_asked, check_private, check_validity
from coname.configuration.check_realm import check_domains
from coname.core.text import quoted
from coname.oidc.metadata import discovery_url
from coname.registration.oidc_policy import read_secret, wanted_scope

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def check_oidc(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    """`policy` names providers that can be asked."""
    configs = policy.email_proof_by_oidc.oidc_config
    if not configs:
        findings.at("oidc_config").mistake("empty: at least one provider is expected")
    for number, config in enumerate(configs):
        _check_provider(config, folder, findings.at("oidc_config").at(number))


def check_names(policies: Iterable[pb.RegistrationPolicy], findings: Findings) -> None:
    """Whether each provider in `policies` has a way back of its own, unless there is but one."""
    known: dict[str, str] = {}
    for count, policy in enumerate(policies):
        for number, config in enumerate(policy.email_proof_by_oidc.oidc_config):
            place = findings.at(count).at("email_proof_by_oidc").at("oidc_config").at(number).at("name")
            _check_name(config, known, place)
            known.setdefault(config.name, config.issuer)


def _check_name(config: pb.OIDCConfig, known: Mapping[str, str], findings: Findings) -> None:
    """:param known: issuers of the providers before, by name."""
    name = config.name
    if name and not _NAME.fullmatch(name):
        findings.mistake(
            f"{quoted(name)} is part of an address: up to 32 small letters, digits and dashes are expected"
        )
    elif name and name in known:
        findings.mistake(f"{quoted(name)} is another provider's name")
    elif known.get(name, config.issuer) != config.issuer:
        findings.warn(
            f"missing, as {quoted(known[''])} has none either: a dishonest one could get hold of logins at the other"
        )


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
