"""From the configuration's registration policies to what checks their proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coname.messages.config_pb2 import RegistrationPolicy
from coname.registration.proof import IProofChecker


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a checker may need beside its policy.

    :ivar reactor: for connections and timers; nothing of it may be used before the process runs.
    :ivar folder: the configuration file's: key files are named relative to it.
    :ivar skew: seconds that clocks may differ.
    :ivar front: where browsers reach the HTTPS front, without a slash at its end; empty: nobody can log in there.
    :ivar realm: its name. :ivar secret: that all its replicas have; for keys that are derived from it.
    """

    reactor: Any
    folder: Path
    skew: float
    front: str
    realm: str
    secret: bytes = field(repr=False)


Make = Callable[[RegistrationPolicy, Surroundings], IProofChecker]


def _oidc(policy: RegistrationPolicy, surroundings: Surroundings) -> IProofChecker:
    from coname.oidc.fetching import Fetcher
    from coname.oidc.provider import Provider
    from coname.oidc.sealing import VOUCHER_KEY, derived_key
    from coname.registration.oidc import OidcChecker
    from coname.registration.oidc_policy import provider_settings

    reactor, fetcher = surroundings.reactor, Fetcher(surroundings.reactor)
    settings = (provider_settings(each, surroundings.folder) for each in policy.email_proof_by_oidc.oidc_config)
    providers = [Provider(each, surroundings.skew, fetcher, reactor) for each in settings]
    return OidcChecker(
        providers, bool(surroundings.front), derived_key(surroundings.secret, surroundings.realm, VOUCHER_KEY)
    )


def _dkim(policy: RegistrationPolicy, surroundings: Surroundings) -> IProofChecker:
    from coname.registration.dkim_policy import dkim_checker

    return dkim_checker(policy.email_proof_by_dkim, surroundings.reactor, surroundings.skew)


def _client_certificate(policy: RegistrationPolicy, surroundings: Surroundings) -> IProofChecker:
    from coname.registration.client_certificate_policy import client_certificate_checker

    config, folder = policy.email_proof_by_client_cert, surroundings.folder
    return client_certificate_checker(config, surroundings.reactor, folder, surroundings.skew)


def _saml(policy: RegistrationPolicy, surroundings: Surroundings) -> IProofChecker:
    from coname.registration.saml_policy import saml_checker

    return saml_checker(policy.email_proof_by_saml, surroundings.reactor, surroundings.folder, surroundings.skew)


KINDS: Mapping[str, Make] = {
    "email_proof_by_dkim": _dkim,
    "email_proof_by_client_cert": _client_certificate,
    "email_proof_by_oidc": _oidc,
    "email_proof_by_saml": _saml,
}
"""What makes the checker of each kind of policy, by its field's name. Each imports its libraries when it is called:
a realm that does not take such proofs need not load them."""


def make_checkers(policies: Iterable[RegistrationPolicy], surroundings: Surroundings) -> list[IProofChecker]:
    """A checker for each policy that asks for a proof."""
    checkers = []
    for policy in policies:
        make = KINDS.get(policy.WhichOneof("policy_type") or "")
        if make is not None:
            checkers.append(make(policy, surroundings))
    return checkers
