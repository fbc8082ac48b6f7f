"""Checks of how addresses are registered: the policies, and what their proofs have in common.

**Proofs that name no entry.** The original's clients bring them, and whoever gets hold of one registers any key. So
they are taken only if the file says ``unbound_proofs: true``, or if it is an original's: one whose keyserver_config has
no field of ours. `coname init` writes several, hence realms that it makes ask for bound proofs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from coname.configuration.check_oidc import check_names, check_oidc
from coname.configuration.check_realm import check_duration
from coname.registration.proof import CLOCK_SKEW, MOST_CLOCK_SKEW

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb
    from coname.messages.client_pb2 import Duration

OURS = 100
"""The first number of the fields that the original does not have."""


class PolicyCheck(Protocol):
    """Checks one kind of policy; mistakes go to `findings`, whose place is the policy's."""

    def __call__(self, policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None: ...


def _check_dkim(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    from coname.configuration.check_dkim import check_dkim

    check_dkim(policy, folder, findings)


def _check_client_cert(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    from coname.configuration.check_client_cert import check_client_cert

    check_client_cert(policy, folder, findings)


def _check_saml(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    from coname.configuration.check_saml import check_saml

    check_saml(policy, folder, findings)


CHECKS: Mapping[str, PolicyCheck] = {
    "email_proof_by_dkim": _check_dkim,
    "email_proof_by_client_cert": _check_client_cert,
    "email_proof_by_oidc": check_oidc,
    "email_proof_by_saml": _check_saml,
}
"""The checks of each kind of policy, by its field's name. Some import libraries that a client need not load."""


def check_registration(policies: Sequence[pb.RegistrationPolicy], folder: Path, findings: Findings) -> None:
    """Who may register. Files are looked for in `folder`."""
    for count, policy in enumerate(policies):
        kind = policy.WhichOneof("policy_type")
        if kind is None:
            findings.at(count).mistake("empty; one kind of proof is expected")
        elif policy.insecure_skip_email_proof:
            findings.at(count).warn("insecure: anybody can register any address that is still free")
        elif kind in CHECKS:
            CHECKS[kind](policy, folder, findings.at(count).at(kind))
    check_names(policies, findings)
    if not policies:
        findings.warn("empty: nobody can register an address")


def check_binding(config: pb.KeyserverConfig, findings: Findings) -> bool:
    """Whether proofs are taken that name no entry."""
    if config.HasField("unbound_proofs"):
        unbound = config.unbound_proofs
    else:
        unbound = not any(field.number >= OURS for field, _ in config.ListFields())
    proofs = any(not policy.insecure_skip_email_proof for policy in config.registration_policy)
    if unbound and proofs:
        findings.warn(
            "registration proofs that name no entry are taken, as the original's clients bring them: whoever gets hold "
            "of one registers any key; set it to false once all clients are this project's"
        )
    return unbound


def check_skew(duration: Duration, findings: Findings) -> float:
    """Seconds that clocks of those who issue proofs may be off."""
    seconds = check_duration(duration, findings) or CLOCK_SKEW
    if seconds > MOST_CLOCK_SKEW:
        findings.mistake(f"{seconds:g} s is too much: an expired proof would be good for so long; {MOST_CLOCK_SKEW:g}")
    return seconds


def check_front_url(url: str, findings: Findings, logins: bool = False) -> str:
    """Where browsers reach the HTTPS front: ``https://host[:port]``, returned without a slash at its end.

    :param logins: whether people are to come back there from an OpenID provider.
    """
    if not url:
        if logins:
            findings.warn("missing: OpenID providers need to know where to send people back to; nobody can log in here")
        return ""
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        findings.mistake(f"{url!r} is not https://host or https://host:port")
    return url.rstrip("/")
