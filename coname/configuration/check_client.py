"""A client's configuration: the realms it knows, and under which signatures it believes them.

No key file is opened here: an answer is verified without any. `client_tls` loads a realm's TLS when it is connected to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.configuration import certificates, listen
from coname.configuration.check_realm import check_domains, check_duration, check_policy
from coname.core.domains import WILDCARD, overlap
from coname.core.rollover import exchanged
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from coname.configuration.findings import Findings

VRF_PUBLIC_BYTES = 32


def check_client(message: pb.Config, findings: Findings) -> None:
    """Note every mistake in `message`."""
    if not message.realms:
        findings.at("realms").mistake("empty: a client knows at least one realm")
    owners: dict[str, str] = {}
    for number, realm in enumerate(message.realms):
        place = findings.at("realms").at(number)
        _check_realm(realm, place)
        for position, domain in enumerate(realm.domains):
            owner = _owner(domain, owners)
            if owner not in (None, place.path):
                place.at("domains").at(position).mistake(f"{domain!r} belongs to {owner} already")
            owners.setdefault(domain, place.path)


def _owner(domain: str, owners: Mapping[str, str]) -> str | None:
    """Which realm has `domain`, or a part of what it stands for, already."""
    if domain in owners:
        return owners[domain]
    wildcards = owners if domain.startswith(WILDCARD) else [each for each in owners if each.startswith(WILDCARD)]
    return next((owners[each] for each in wildcards if overlap(domain, each)), None)


def _check_realm(realm: pb.RealmConfig, findings: Findings) -> None:
    if not realm.RealmName:
        findings.at("RealmName").mistake("missing: the name that every epoch head of this realm carries")
    if not realm.domains:
        findings.at("domains").mistake("empty: the domains whose addresses this realm is asked for")
    check_domains(realm.domains, findings.at("domains"), wildcards=True)
    _check_addresses(realm, findings)
    if realm.vrf_suite not in pb.VRFSuite.values():
        findings.at("vrf_suite").mistake(f"{realm.vrf_suite} is none of {', '.join(pb.VRFSuite.keys())}")
    if len(realm.VRFPublic) != VRF_PUBLIC_BYTES:
        findings.at("VRFPublic").mistake(f"{len(realm.VRFPublic)} bytes; a VRF's public key has {VRF_PUBLIC_BYTES}")
    before = len(findings.mistakes)
    check_policy(realm.verification_policy, findings.at("verification_policy"))
    _check_replicas(realm, findings, sound=len(findings.mistakes) == before)
    if not check_duration(realm.epoch_time_to_live, findings.at("epoch_time_to_live")):
        findings.at("epoch_time_to_live").mistake("0: every answer would be out of date when it comes")
    certificates.parse(realm.client_tls.root_cas, findings.at("client_tls").at("root_cas"))


def _check_addresses(realm: pb.RealmConfig, findings: Findings) -> None:
    """Where the realm's servers are; a configuration that only verifies stored proofs need not say."""
    places: set[str] = set()
    for place, address in _several(findings, "addr", realm.addr, "addrs", realm.addrs):
        listen.check(address, place)
        _check_once(address, places, place)
    for place, url in _several(findings, "URL", realm.URL, "URLs", realm.URLs):
        if not url.startswith("https://"):
            place.mistake(f"{url!r} does not start with https://")
        _check_once(url, places, place)


def _several(
    findings: Findings, first: str, one: str, name: str, others: Iterable[str]
) -> Iterator[tuple[Findings, str]]:
    """The server that may be in the field `first`, and the further ones in the list `name`."""
    if one:
        yield findings.at(first), one
    for number, each in enumerate(others):
        yield findings.at(name).at(number), each


def _check_once(server: str, known: set[str], findings: Findings) -> None:
    if server in known:
        findings.mistake(f"{server!r} stands in this realm already")
    known.add(server)


def _check_replicas(realm: pb.RealmConfig, findings: Findings, sound: bool) -> None:
    """The replicas' policy, which is followed when it changes, is a part of what is asked for, if that is `sound`."""
    since = findings.at("keyserver_auth_since")
    if not realm.HasField("keyserver_auth"):
        if realm.keyserver_auth_since:
            since.mistake("there is no keyserver_auth that could hold since then")
        return
    place, before = findings.at("keyserver_auth"), len(findings.mistakes)
    check_policy(realm.keyserver_auth, place)
    if not sound or len(findings.mistakes) > before:
        return
    try:
        exchanged(realm, realm.keyserver_auth, Epoch(realm.keyserver_auth_since))
    except ProofInvalid as error:
        place.mistake(f"is no part of verification_policy: {error}")
