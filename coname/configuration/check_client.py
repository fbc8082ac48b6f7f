"""A client's configuration: the realms it knows, and under which signatures it believes them.

No key file is opened here: an answer is verified without any. `client_tls` loads a realm's TLS when it is connected to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.configuration import certificates, listen
from coname.configuration.check_realm import check_domains, check_duration, check_policy
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
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
            owner = owners.setdefault(domain, place.path)
            if owner != place.path:
                place.at("domains").at(position).mistake(f"{domain!r} belongs to {owner} already")


def _check_realm(realm: pb.RealmConfig, findings: Findings) -> None:
    if not realm.RealmName:
        findings.at("RealmName").mistake("missing: the name that every epoch head of this realm carries")
    if not realm.domains:
        findings.at("domains").mistake("empty: the domains whose addresses this realm is asked for")
    check_domains(realm.domains, findings.at("domains"))
    _check_addresses(realm, findings)
    if realm.vrf_suite not in pb.VRFSuite.values():
        findings.at("vrf_suite").mistake(f"{realm.vrf_suite} is none of {', '.join(pb.VRFSuite.keys())}")
    if len(realm.VRFPublic) != VRF_PUBLIC_BYTES:
        findings.at("VRFPublic").mistake(f"{len(realm.VRFPublic)} bytes; a VRF's public key has {VRF_PUBLIC_BYTES}")
    check_policy(realm.verification_policy, findings.at("verification_policy"))
    if not check_duration(realm.epoch_time_to_live, findings.at("epoch_time_to_live")):
        findings.at("epoch_time_to_live").mistake("0: every answer would be out of date when it comes")
    certificates.parse(realm.client_tls.root_cas, findings.at("client_tls").at("root_cas"))


def _check_addresses(realm: pb.RealmConfig, findings: Findings) -> None:
    """Where the realm's servers are; a configuration that only verifies stored proofs need not say."""
    if realm.addr:
        listen.check(realm.addr, findings.at("addr"))
    if realm.URL and not realm.URL.startswith("https://"):
        findings.at("URL").mistake(f"{realm.URL!r} does not start with https://")
