"""A replica's configuration, checked as a whole: every mistake at once, before anything is opened.

Only files that the configuration names are read, and only once; the settings that come out hold their content. What
an original's configuration does not have (a VRF suite, limits, a manhole) means what the original did, except that a
time of 0 that would make a replica spin is replaced, and warned about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.configuration import defaults, listen, tls_config
from coname.configuration.check_realm import check_domains, check_duration, check_policy, check_public_key
from coname.configuration.keys import read_signing_key, read_vrf_secret
from coname.configuration.settings import Listener, ManholeSettings, ReplicaSettings
from coname.configuration.tls_config import Use
from coname.core import vrf
from coname.core.hashes import key_id
from coname.core.quorums import replica_policy
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from coname.configuration.findings import Findings
    from coname.core.signatures import SigningKey
    from coname.messages.client_pb2 import AuthorizationPolicy

# The fronts: what the fields of each are called, and who speaks TLS there.
_FRONTS = {
    "public": Use.GRPC_SERVER,
    "verifier": Use.GRPC_SERVER,
    "hkp": Use.SERVER,
    "httpfront": Use.SERVER,
    "raft": Use.PEER,
}


def check_replica(message: pb.ReplicaConfig, path: Path, now: datetime, findings: Findings) -> ReplicaSettings:
    """The settings that `message`, read from `path`, amounts to.

    :param now: the time that certificates are warned about by.
    :param findings: what reading the file has found; its mistakes count too.
    :raises Misconfigured: with every mistake in it.
    """
    return _ReplicaCheck(message, path, now, findings).settings()


class _ReplicaCheck:
    """One run over one message. Each method checks a part, notes mistakes, and returns what it loaded."""

    def __init__(self, message: pb.ReplicaConfig, path: Path, now: datetime, findings: Findings) -> None:
        self.message, self.path, self.now, self.findings = message, path, now, findings
        self.shared = message.keyserver_config
        self.at_shared = findings.at("keyserver_config")
        self.folder = path.parent

    def settings(self) -> ReplicaSettings:
        """Everything, in the order of the file."""
        self.identity()
        suite_secret = self.vrf_secret()
        intervals = self.intervals()
        policy = self.replicas()
        verification_policy = self.verification_policy(policy)
        self.registration()
        signing_key = self.signing_key()
        fronts = self.fronts()
        manhole = self.manhole()
        listen.check_no_overlap(self.listeners(fronts, manhole))
        limits = self.limits()
        data_folder = self.data_folder()
        client_timeout = check_duration(self.message.client_timeout, self.findings.at("client_timeout"))
        self.findings.raise_mistakes()
        if suite_secret is None or signing_key is None or policy is None or verification_policy is None:
            raise Misconfigured([f"{self.path}: incomplete"])  # unreachable: each of them noted a mistake
        return ReplicaSettings(
            path=self.path,
            message=self.message,
            realm=self.shared.realm,
            domains=tuple(self.shared.domains),
            replica_id=self.message.replica_id,
            suite=self.shared.vrf_suite,
            vrf_secret=suite_secret,
            signing_key=signing_key,
            tree_nonce=self.shared.tree_nonce,
            replica_policy=policy,
            verification_policy=verification_policy,
            limits=limits,
            min_epoch_interval=intervals[0],
            max_epoch_interval=intervals[1],
            proposal_retry_interval=intervals[2],
            client_timeout=client_timeout,
            lagging_verifier_scan=self.message.lagging_verifier_scan,
            data_folder=data_folder,
            **fronts,
            manhole=manhole,
            warnings=tuple(self.findings.warnings),
        )

    def identity(self) -> None:
        """The realm and its domains."""
        if not self.shared.realm:
            self.at_shared.at("realm").mistake("missing: the realm's name, which every epoch head carries")
        check_domains(self.shared.domains, self.at_shared.at("domains"))

    def vrf_secret(self) -> bytes | None:
        """The VRF suite and its secret."""
        suite: int = self.shared.vrf_suite
        place = self.at_shared.at("vrf_suite")
        if suite not in pb.VRFSuite.values():
            place.mistake(f"{suite} is none of {', '.join(pb.VRFSuite.keys())}")
            return None
        if suite == pb.VRF_2017:
            place.warn("the suite of 2017 is broken: this provider could prove several entries for one address")
        place = self.at_shared.at("vrf_key_id")
        if not self.shared.vrf_key_id:
            place.mistake("missing: the path of the VRF's secret, a .vrfsecret file")
            return None
        return read_vrf_secret(self.folder / self.shared.vrf_key_id, vrf.suite(suite), place)

    def intervals(self) -> tuple[float, float, float]:
        """The least and the greatest time between epochs, and the time until a delimiter is proposed again."""
        names = ("min_epoch_interval", "max_epoch_interval", "proposal_retry_interval")
        least, greatest, retry = (check_duration(getattr(self.shared, name), self.at_shared.at(name)) for name in names)
        if not greatest:
            greatest = max(defaults.MAX_EPOCH_INTERVAL, least)
            self.at_shared.at(names[1]).warn(f"0 would close epochs without a pause; {greatest:g} s is used")
        if not retry:
            retry = defaults.PROPOSAL_RETRY_INTERVAL
            self.at_shared.at(names[2]).warn(f"0 would propose without a pause; {retry:g} s is used")
        if least > greatest:
            self.at_shared.at(names[0]).mistake(f"{least:g} s is more than max_epoch_interval, {greatest:g} s")
        return least, greatest, retry

    def replicas(self) -> AuthorizationPolicy | None:
        """The realm's replicas, and the policy that they ratify by."""
        place = self.at_shared.at("initial_replicas")
        before = len(self.findings.mistakes)
        for number, replica in enumerate(self.shared.initial_replicas):
            self.replica(replica, place.at(number))
        if len(self.findings.mistakes) > before:
            return None
        try:
            return replica_policy(self.shared.initial_replicas)
        except Misconfigured as error:
            for mistake in error.mistakes:
                self.shared_mistake(mistake)
            return None

    def shared_mistake(self, line: str) -> None:
        """A mistake as core names them: "path below keyserver_config: what is wrong"."""
        below, _, text = line.partition(": ")
        self.at_shared.at(below).mistake(text)

    def replica(self, replica: pb.Replica, findings: Findings) -> None:
        """One of the realm's replicas."""
        if not replica.id:
            findings.at("id").mistake("missing: the id that the replica's signatures are filed under")
        sound = [
            check_public_key(key, findings.at("public_keys").at(number))
            for number, key in enumerate(replica.public_keys)
        ]
        if sound and sound[0] and replica.id:
            conventional = key_id(replica.public_keys[0].SerializeToString())
            if conventional != replica.id:
                findings.at("id").warn(f"by convention the id of the first public key, {conventional}")
        if replica.raft_addr:
            listen.check(replica.raft_addr, findings.at("raft_addr"))
        elif len(self.shared.initial_replicas) > 1:
            findings.at("raft_addr").mistake("missing: where the other replicas reach this one")

    def verification_policy(self, fallback: AuthorizationPolicy | None) -> AuthorizationPolicy | None:
        """What clients ask for; the replicas' own policy if nothing is said."""
        if not self.shared.HasField("verification_policy"):
            return fallback
        check_policy(self.shared.verification_policy, self.at_shared.at("verification_policy"))
        return self.shared.verification_policy

    def registration(self) -> None:
        """Who may register."""
        place = self.at_shared.at("registration_policy")
        if not self.shared.registration_policy:
            place.warn("empty: nobody can register an address")
        for number, policy in enumerate(self.shared.registration_policy):
            if policy.WhichOneof("policy_type") is None:
                place.at(number).mistake("empty; one kind of proof is expected")
            elif policy.insecure_skip_email_proof:
                place.at(number).warn("insecure: anybody can register any address that is still free")

    def signing_key(self) -> SigningKey | None:
        """This replica's key, which must be the one that the realm knows it by."""
        for name, what in (
            ("replica_id", "this replica's id"),
            ("signing_key_id", "the path of its .ed25519secret file"),
        ):
            if not getattr(self.message, name):
                self.findings.at(name).mistake(f"missing: {what}")
        key = None
        if self.message.signing_key_id:
            key = read_signing_key(self.folder / self.message.signing_key_id, self.findings.at("signing_key_id"))
        if self.message.replica_id:
            self.member(key)
        return key

    def member(self, key: SigningKey | None) -> None:
        """This replica is one of the realm's, and has the key that it is known by."""
        mine = [replica for replica in self.shared.initial_replicas if replica.id == self.message.replica_id]
        if not mine:
            known = ", ".join(str(replica.id) for replica in self.shared.initial_replicas) or "none"
            self.findings.at("replica_id").mistake(
                f"{self.message.replica_id} is not in keyserver_config.initial_replicas, which has {known}"
            )
        elif key is not None and key.public not in [public.ed25519 for public in mine[0].public_keys]:
            self.findings.at("signing_key_id").mistake(
                "the public half of this key is not among this replica's public_keys in initial_replicas"
            )

    def fronts(self) -> dict[str, Listener | None]:
        """Each front's address and TLS; None for one that is not to be started."""
        found = {name: self.front(name, use) for name, use in _FRONTS.items()}
        if not any(getattr(self.message, f"{name}_addr") for name in ("public", "httpfront")):
            self.findings.at("public_addr").warn("nor httpfront_addr is set: no client can reach this replica")
        return found

    def front(self, name: str, use: Use) -> Listener | None:
        """The front `name`; replication is one only where there is another replica."""
        text, tls = getattr(self.message, f"{name}_addr"), getattr(self.message, f"{name}_tls")
        if name == "raft" and len(self.shared.initial_replicas) < 2:
            return None
        at_address, at_tls = self.findings.at(f"{name}_addr"), self.findings.at(f"{name}_tls")
        if not text:
            if name == "raft":
                at_address.mistake("missing: where this replica listens for the others")
            return None
        address = listen.check(text, at_address)
        if name == "verifier" and tls.client_auth != pb.REQUIRE_AND_VERIFY_CLIENT_CERT:
            at_tls.at("client_auth").mistake("verifiers are known by certificate: REQUIRE_AND_VERIFY_CLIENT_CERT")
        identity = tls_config.load(tls, self.folder, use, self.now, at_tls)
        return Listener(address, identity) if address else None

    def manhole(self) -> ManholeSettings | None:
        """The console over SSH, if configured."""
        if not self.message.HasField("manhole"):
            return None
        # Imported here, since the SSH library takes a third of a second that clients need not wait.
        from coname.configuration.check_manhole import check_manhole

        return check_manhole(self.message.manhole, self.folder, self.findings.at("manhole"))

    def listeners(
        self, fronts: dict[str, Listener | None], manhole: ManholeSettings | None
    ) -> list[tuple[Findings, listen.Address]]:
        """All addresses that are to be listened on, with their places in the file."""
        found = [(self.findings.at(f"{name}_addr"), front.address) for name, front in fronts.items() if front]
        return found + ([(self.findings.at("manhole").at("addr"), manhole.address)] if manhole else [])

    def limits(self) -> pb.Limits:
        """The limits, none of which can be 0."""
        limits = defaults.with_defaults(self.message.limits)
        if limits.request_bytes < limits.entry_bytes + limits.profile_bytes:
            self.findings.at("limits").at("request_bytes").mistake(
                f"{limits.request_bytes} is too little for an entry of {limits.entry_bytes} bytes and a profile of "
                f"{limits.profile_bytes}"
            )
        return limits

    def data_folder(self) -> Path:
        """Where the database lies."""
        if not self.message.leveldb_path:
            self.findings.at("leveldb_path").mistake("missing: the database's folder, made at the first start")
        return self.folder / self.message.leveldb_path
