"""Checks of what replicas' and clients' configurations have in common: domains, times, keys and policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.addresses import canonical_domain
from coname.core.domains import canonical_pattern
from coname.core.quorums import satisfied, signers
from coname.core.signatures import PUBLIC_KEY_SIZE
from coname.core.times import to_seconds
from coname.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coname.configuration.findings import Findings
    from coname.messages.client_pb2 import AuthorizationPolicy, Duration, PublicKey


def check_domains(domains: Iterable[str], findings: Findings, wildcards: bool = False) -> None:
    """Each of `domains` is in canonical form, and stands once.

    :param wildcards: whether ``*.`` and a domain stands for all below it.
    """
    seen: dict[str, int] = {}
    for number, domain in enumerate(domains):
        place = findings.at(number)
        try:
            canonical = canonical_pattern(domain) if wildcards else canonical_domain(domain)
        except InvalidRequest as error:
            place.mistake(str(error))
            continue
        if canonical != domain:
            place.mistake(f"{domain!r} is not in canonical form; write {canonical!r}")
        if canonical in seen:
            place.mistake(f"{domain!r} stands at {findings.path}[{seen[canonical]}] already")
        seen.setdefault(canonical, number)


def check_duration(duration: Duration, findings: Findings) -> float:
    """The seconds of `duration`, which may be absent but not negative; 0 with the mistake noted."""
    try:
        seconds = to_seconds(duration)
    except ValueError as error:
        findings.mistake(str(error))
        return 0.0
    if seconds < 0:
        findings.mistake(f"{seconds} s is negative")
        return 0.0
    return seconds


def check_public_key(key: PublicKey, findings: Findings) -> bool:
    """Whether `key` is an Ed25519 key of the right length."""
    if key.WhichOneof("pubkey_type") is None:
        findings.mistake('no key; {"ed25519": base64 of 32 bytes} is expected')
    elif len(key.ed25519) != PUBLIC_KEY_SIZE:
        findings.at("ed25519").mistake(f"{len(key.ed25519)} bytes; an Ed25519 public key has {PUBLIC_KEY_SIZE}")
    else:
        return True
    return False


def check_policy(policy: AuthorizationPolicy, findings: Findings) -> None:
    """`policy` asks for something, and its own keys can give it."""
    for key_id, key in sorted(policy.public_keys.items()):
        check_public_key(key, findings.at("public_keys").at_key(str(key_id)))
    place = findings.at("quorum")
    if policy.WhichOneof("policy_type") is None:
        place.mistake("missing; without a quorum nothing ever satisfies this policy")
        return
    unknown = sorted(signers(policy.quorum) - set(policy.public_keys))
    if unknown:
        place.mistake(f"names {', '.join(map(str, unknown))}, of which public_keys has no key")
    if satisfied(policy.quorum, ()):
        place.mistake("satisfied without any signature; whoever breaks in could show anything")
    elif not satisfied(policy.quorum, policy.public_keys):
        place.mistake("not satisfied by all of its keys together; the threshold is too high")
