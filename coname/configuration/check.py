"""A replica's configuration, checked as a whole: every mistake at once, before anything is opened.

Only files that the configuration names are read, and only once; the settings that come out hold their content. What
an original's configuration does not have (a VRF suite, limits, a manhole) means what the original did, except that a
time of 0 that would make a replica spin is replaced, and warned about.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from coname.configuration import defaults, listen, tls_config
from coname.configuration.certificate_fronts import asking, authorities, demanding
from coname.configuration.check_etcd import check_etcd
from coname.configuration.check_keyserver import check_keyserver
from coname.configuration.check_raft import check_raft
from coname.configuration.check_realm import check_duration
from coname.configuration.check_registration import check_front_url
from coname.configuration.findings import Findings
from coname.configuration.keys import read_signing_key
from coname.configuration.settings import Listener, ManholeSettings, ReplicaSettings
from coname.configuration.tls_config import Use
from coname.core.signatures import SigningKey
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

# The fronts: what the fields of each are called, and who speaks TLS there.
_FRONTS = {
    "public": Use.GRPC_SERVER,
    "verifier": Use.GRPC_SERVER,
    "hkp": Use.SERVER,
    "httpfront": Use.SERVER,
    "raft": Use.PEER,
}


def check_replica(
    message: pb.ReplicaConfig, path: Path, now: datetime, findings: Findings, *, replicated: bool = False
) -> ReplicaSettings:
    """The settings that `message`, read from `path`, amounts to.

    :param now: the time that certificates are warned about by.
    :param findings: what reading the file has found; its mistakes count too.
    :param replicated: check what a lone replica needs to have others beside it, too.
    :raises Misconfigured: with every mistake in it.
    """
    folder, config = path.parent, message.keyserver_config
    shared = check_keyserver(config, folder, findings.at("keyserver_config"))
    signing_key = _signing_key(message, folder, findings)
    replicated = replicated or _is_replicated(message, folder)
    kinds = {name: use for name, use in _FRONTS.items() if replicated or name != "raft"}
    fronts = dict.fromkeys(_FRONTS) | {
        name: _front(message, name, use, folder, now, findings) for name, use in kinds.items()
    }
    issuers = authorities(config.registration_policy)
    fronts["httpfront"] = asking(fronts["httpfront"], issuers)
    fronts["client_cert"] = demanding(
        message.client_cert_addr, fronts["public"], issuers, findings.at("client_cert_addr")
    )
    manhole = _manhole(message, folder, findings)
    _check_listeners(fronts, manhole, findings)
    if not message.leveldb_path:
        findings.at("leveldb_path").mistake("missing: the database's folder, made at the first start")
    limits = _limits(message, findings.at("limits"))
    etcd = None
    if message.HasField("etcd"):
        etcd = check_etcd(message.etcd, config.realm, folder, limits.request_bytes, findings.at("etcd"))
    client_timeout = check_duration(message.client_timeout, findings.at("client_timeout"))
    httpfront_url = check_front_url(message.httpfront_url, findings.at("httpfront_url"), _has_logins(message))
    raft_heartbeat = _raft_heartbeat(message, findings.at("raft_heartbeat"))
    _known_replicas(message, findings.at("known_replicas"))
    findings.raise_mistakes()
    policy, verification_policy = shared.replica_policy, shared.verification_policy
    if signing_key is None or shared.vrf_secret is None or policy is None or verification_policy is None:
        raise Misconfigured([f"{path}: incomplete"])  # never comes: each that is None noted a mistake
    return ReplicaSettings(
        path=path,
        message=message,
        realm=config.realm,
        domains=tuple(config.domains),
        replica_id=message.replica_id,
        suite=config.vrf_suite,
        vrf_secret=shared.vrf_secret,
        signing_key=signing_key,
        tree_nonce=config.tree_nonce,
        replica_policy=policy,
        verification_policy=verification_policy,
        verifiers=shared.verifiers,
        unbound_proofs=shared.unbound_proofs,
        proof_clock_skew=shared.proof_clock_skew,
        httpfront_url=httpfront_url,
        limits=limits,
        min_epoch_interval=shared.intervals.least,
        max_epoch_interval=shared.intervals.greatest,
        proposal_retry_interval=shared.intervals.retry,
        client_timeout=client_timeout,
        lagging_verifier_scan=message.lagging_verifier_scan,
        data_folder=folder / message.leveldb_path,
        **fronts,
        raft_heartbeat=raft_heartbeat,
        manhole=manhole,
        etcd=etcd,
        warnings=tuple(findings.warnings),
    )


def _signing_key(message: pb.ReplicaConfig, folder: Path, findings: Findings) -> SigningKey | None:
    """This replica's key, which must be the one that the realm knows it by."""
    key = None
    at_key = findings.at("signing_key_id")
    if message.signing_key_id:
        key = read_signing_key(folder / message.signing_key_id, at_key)
    else:
        at_key.mistake("missing: the path of this replica's .ed25519secret file")
    if not message.replica_id:
        findings.at("replica_id").mistake("missing: this replica's id")
        return key
    replicas = message.keyserver_config.initial_replicas
    at_replicas = findings.at("keyserver_config").at("initial_replicas")
    mine = [replica for replica in replicas if replica.id == message.replica_id]
    if not mine and not message.joining and not at_replicas.spoilt:
        known = ", ".join(str(replica.id) for replica in replicas) or "none"
        findings.at("replica_id").mistake(f"{message.replica_id} is not in {at_replicas.path}, which has {known}")
    elif mine and key is not None and key.public not in [public.ed25519 for public in mine[0].public_keys]:
        at_key.mistake("the public half of this key is not among this replica's public_keys in initial_replicas")
    return key


def _front(
    message: pb.ReplicaConfig, name: str, use: Use, folder: Path, now: datetime, findings: Findings
) -> Listener | None:
    """Where the front `name` listens, and its TLS."""
    text: str = getattr(message, f"{name}_addr")
    tls: pb.TLSConfig = getattr(message, f"{name}_tls")
    at_address, at_tls = findings.at(f"{name}_addr"), findings.at(f"{name}_tls")
    if not text:
        if name == "raft":
            at_address.mistake("missing: where this replica listens for the others")
        return None
    address = listen.check(text, at_address)
    if name == "verifier" and tls.client_auth != pb.REQUIRE_AND_VERIFY_CLIENT_CERT:
        at_tls.at("client_auth").mistake("verifiers are known by certificate: REQUIRE_AND_VERIFY_CLIENT_CERT")
    before = len(findings.mistakes)
    identity = tls_config.load(tls, folder, use, now, at_tls)
    if name == "raft" and not message.HasField("etcd") and len(findings.mistakes) == before:
        check_raft(identity, message.replica_id, at_tls)
    return Listener(address, identity) if address else None


def _is_replicated(message: pb.ReplicaConfig, folder: Path) -> bool:
    """Whether there are other replicas, or may be: a lone one's log is its own until its realm was moved to Raft."""
    if message.joining or len(message.keyserver_config.initial_replicas) > 1:
        return True
    return bool(message.leveldb_path) and (folder / f"{message.leveldb_path}-log").exists()


def _known_replicas(message: pb.ReplicaConfig, findings: Findings) -> None:
    """Whom a joining replica asks."""
    for number, replica in enumerate(message.known_replicas):
        place = findings.at(number)
        if not replica.id:
            place.at("id").mistake("missing: the replica's id")
        listen.check(replica.raft_addr, place.at("raft_addr"))
    somebody = any(replica.raft_addr for replica in message.keyserver_config.initial_replicas)
    if message.joining and not message.known_replicas and not somebody:
        findings.mistake("missing: nothing says where a replica is that this one could join")
    if message.joining and message.HasField("etcd"):
        findings.mistake("joining: no replica can be added to a realm whose log is in etcd while it runs")


def _has_logins(message: pb.ReplicaConfig) -> bool:
    """Whether the HTTPS front is there, and leads people to OpenID providers."""
    policies = message.keyserver_config.registration_policy
    return bool(message.httpfront_addr) and any(policy.HasField("email_proof_by_oidc") for policy in policies)


def _raft_heartbeat(message: pb.ReplicaConfig, findings: Findings) -> float:
    """Seconds; the default where nothing is said, or the replica is alone."""
    seconds = check_duration(message.raft_heartbeat, findings) or defaults.RAFT_HEARTBEAT
    least, most = defaults.RAFT_HEARTBEATS
    if len(message.keyserver_config.initial_replicas) > 1 and not least <= seconds <= most:
        findings.mistake(f"{seconds:g} s is out of range: {least:g} to {most:g}")
    return seconds


def _manhole(message: pb.ReplicaConfig, folder: Path, findings: Findings) -> ManholeSettings | None:
    if not message.HasField("manhole"):
        return None
    # Imported here, since the SSH library takes a third of a second that clients need not wait.
    from coname.configuration.check_manhole import check_manhole

    return check_manhole(message.manhole, folder, findings.at("manhole"))


def _check_listeners(fronts: dict[str, Listener | None], manhole: ManholeSettings | None, findings: Findings) -> None:
    """No two share a port, and there is one for clients."""
    places = [(findings.at(f"{name}_addr"), front.address) for name, front in fronts.items() if front]
    if manhole:
        places.append((findings.at("manhole").at("addr"), manhole.address))
    listen.check_no_overlap(places)
    if not fronts["public"] and not fronts["httpfront"]:
        findings.at("public_addr").warn("not set, nor is httpfront_addr: no client can reach this replica")


def _limits(message: pb.ReplicaConfig, findings: Findings) -> pb.Limits:
    """The limits, none of which is 0."""
    limits = defaults.with_defaults(message.limits)
    least = largest_update(limits)
    if limits.request_bytes < least:
        findings.at("request_bytes").mistake(
            f"{limits.request_bytes} is too little: the largest update that the other limits allow has {least} in JSON"
        )
    return limits


def largest_update(limits: pb.Limits) -> int:
    """Bytes that an update may have in JSON by the other limits, without a registration proof."""
    in_base64 = sum((size + 2) // 3 * 4 for size in (limits.entry_bytes, limits.profile_bytes))
    return (
        in_base64
        + 2 * limits.policy_keys * 128  # a signature, by old and new keys: an id of 20 digits, 88 characters of base64
        + limits.quorum_size * 64  # a part of the lookup's quorum: an id, or the names of a subexpression's fields
        + limits.user_id_bytes
        + 512  # the names of all other fields
    )
