"""Checks of KeyserverConfig, which is the same on all replicas of a realm: who is in it, and how it works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from coname.configuration import defaults, listen
from coname.configuration.check_realm import check_domains, check_duration, check_policy, check_public_key
from coname.configuration.check_registration import check_binding, check_registration, check_skew
from coname.configuration.check_verifiers import check_verifiers
from coname.configuration.findings import Findings
from coname.configuration.keys import read_vrf_secret
from coname.core import vrf
from coname.core.hashes import key_id
from coname.core.quorums import replica_policy
from coname.core.rollover import followed
from coname.errors import Misconfigured, ProofInvalid
from coname.messages import config_pb2 as pb
from coname.messages.client_pb2 import AuthorizationPolicy


class Intervals(NamedTuple):
    """Seconds: the least and the greatest between epochs, and until a delimiter is proposed again."""

    least: float
    greatest: float
    retry: float


@dataclass(frozen=True)
class Shared:
    """What all replicas have in common, loaded. A part that is None had a mistake."""

    vrf_secret: bytes | None = field(repr=False)
    intervals: Intervals
    replica_policy: AuthorizationPolicy | None
    verification_policy: AuthorizationPolicy | None
    verifiers: Mapping[int, Sequence[bytes]]
    unbound_proofs: bool
    proof_clock_skew: float


def check_keyserver(config: pb.KeyserverConfig, folder: Path, findings: Findings) -> Shared:
    """Load what `config` names, relative to `folder`; mistakes go to `findings`."""
    if not config.realm:
        findings.at("realm").mistake("missing: the realm's name, which every epoch head carries")
    check_domains(config.domains, findings.at("domains"), wildcards=True)
    check_registration(config.registration_policy, folder, findings.at("registration_policy"))
    policy = _replicas(config, findings)
    return Shared(
        vrf_secret=_vrf_secret(config, folder, findings),
        intervals=_intervals(config, findings),
        replica_policy=policy,
        verification_policy=_verification_policy(config, policy, findings.at("verification_policy")),
        verifiers=check_verifiers(config, policy, findings),
        unbound_proofs=check_binding(config, findings.at("unbound_proofs")),
        proof_clock_skew=check_skew(config.proof_clock_skew, findings.at("proof_clock_skew")),
    )


def _vrf_secret(config: pb.KeyserverConfig, folder: Path, findings: Findings) -> bytes | None:
    """The VRF's secret, which must be one of the suite."""
    suite: int = config.vrf_suite
    place = findings.at("vrf_suite")
    if suite not in pb.VRFSuite.values():
        place.mistake(f"{suite} is none of {', '.join(pb.VRFSuite.keys())}")
        return None
    if suite == pb.VRF_2017:
        place.warn("the suite of 2017 is broken: this provider could prove several entries for one address")
    if not config.vrf_key_id:
        findings.at("vrf_key_id").mistake("missing: the path of the VRF's secret, a .vrfsecret file")
        return None
    return read_vrf_secret(folder / config.vrf_key_id, vrf.suite(suite), findings.at("vrf_key_id"))


def _intervals(config: pb.KeyserverConfig, findings: Findings) -> Intervals:
    at_least, at_greatest, at_retry = (
        findings.at(f"{name}_interval") for name in ("min_epoch", "max_epoch", "proposal_retry")
    )
    least = check_duration(config.min_epoch_interval, at_least)
    greatest = check_duration(config.max_epoch_interval, at_greatest)
    retry = check_duration(config.proposal_retry_interval, at_retry)
    if not greatest:
        greatest = max(defaults.MAX_EPOCH_INTERVAL, least)
        at_greatest.warn(f"0 would close epochs without a pause; {greatest:g} s is used")
    if not retry:
        retry = defaults.PROPOSAL_RETRY_INTERVAL
        at_retry.warn(f"0 would propose without a pause; {retry:g} s is used")
    if least > greatest:
        at_least.mistake(f"{least:g} s is more than max_epoch_interval, {greatest:g} s")
    return Intervals(least, greatest, retry)


def _replicas(config: pb.KeyserverConfig, findings: Findings) -> AuthorizationPolicy | None:
    """The policy that the realm's replicas ratify by."""
    before = len(findings.mistakes)
    for number, replica in enumerate(config.initial_replicas):
        place = findings.at("initial_replicas").at(number)
        _check_replica(replica, place)
        if not replica.raft_addr and len(config.initial_replicas) > 1:
            place.at("raft_addr").mistake("missing: where the other replicas reach this one")
    if len(findings.mistakes) > before:
        return None
    try:
        return replica_policy(config.initial_replicas)
    except Misconfigured as error:
        for line in error.mistakes:  # "path below this one: what is wrong"
            path, _, text = line.partition(": ")
            findings.at(path).mistake(text)
        return None


def _check_replica(replica: pb.Replica, findings: Findings) -> None:
    if not replica.id:
        findings.at("id").mistake("missing: the id that the replica's signatures are filed under")
    at_keys = findings.at("public_keys")
    sound = [check_public_key(key, at_keys.at(number)) for number, key in enumerate(replica.public_keys)]
    if replica.id and sound and sound[0]:
        conventional = key_id(replica.public_keys[0].SerializeToString())
        if conventional != replica.id:
            findings.at("id").warn(f"by convention the id of the first public key, {conventional}")
    if replica.raft_addr:
        listen.check(replica.raft_addr, findings.at("raft_addr"))


def _verification_policy(
    config: pb.KeyserverConfig, fallback: AuthorizationPolicy | None, findings: Findings
) -> AuthorizationPolicy | None:
    """What clients ask for; the replicas' own policy if nothing is said."""
    if not config.HasField("verification_policy"):
        return fallback
    check_policy(config.verification_policy, findings)
    if fallback is not None:
        try:
            followed(config.verification_policy, fallback, fallback)
        except ProofInvalid as error:
            findings.warn(f"{error}: when replicas come and go, neither HKP nor clients with this policy can follow")
    return config.verification_policy
