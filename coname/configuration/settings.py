"""What a configuration amounts to once it is read and checked: values that need no further question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from coname.configuration.listen import Address
    from coname.configuration.tls import TlsIdentity
    from coname.core.signatures import SigningKey
    from coname.messages.client_pb2 import AuthorizationPolicy
    from coname.messages.config_pb2 import Limits, ReplicaConfig, VerifierConfig, VRFSuite


@dataclass(frozen=True)
class Listener:
    """A front that is to be started: where, and with which TLS."""

    address: Address
    tls: TlsIdentity


@dataclass(frozen=True)
class ManholeSettings:
    """The console over SSH.

    :ivar host_key: the file of the server's own SSH key. :ivar authorized_keys: the file of those who may log in.
    """

    address: Address
    host_key: Path
    authorized_keys: Path


@dataclass(frozen=True)
class EtcdSettings:
    """Where the log is kept, if in etcd.

    :ivar endpoints: ``host:port`` of each member. :ivar prefix: what all keys begin with.
    :ivar authority: who issues the members' certificates, PEM; None: no TLS.
    :ivar certificate: this client's chain, PEM; None: it shows none. :ivar key: of that, PEM.
    :ivar compacted_by_others: whether the history of etcd's keyspace is nobody's business here.
    :ivar accepted_cluster: a cluster id that may differ from the one remembered; 0: none.
    :ivar begin_after: the applied index of this database, after which a new log may begin; 0: none may.
    """

    endpoints: tuple[str, ...]
    prefix: str
    authority: bytes | None
    certificate: bytes | None
    key: bytes | None = field(repr=False)
    username: str
    password: str = field(repr=False)
    compacted_by_others: bool
    accepted_cluster: int
    begin_after: int


@dataclass(frozen=True)
class ReplicaSettings:
    """One replica's configuration, checked, with its keys loaded.

    :ivar path: the configuration file. :ivar message: what it says, as it stands.
    :ivar suite: the VRF suite, a value of the enum VRFSuite.
    :ivar replica_policy: when an epoch is ratified: by a majority of replicas (protocol section 7).
    :ivar verification_policy: under which clients accept an answer, as far as this replica knows.
    :ivar verifiers: the public keys of each verifier by its id; empty: whoever's certificate verifies is one.
    :ivar domains: whose addresses may be registered, canonical; empty: any.
    :ivar unbound_proofs: whether a registration proof is taken that names no entry.
    :ivar proof_clock_skew: seconds that clocks of those who issue proofs may be off.
    :ivar client_cert: a further gRPC front, which demands a certificate that proves an address.
    :ivar httpfront_url: where browsers reach the HTTPS front, without a slash at its end; empty: not known.
    :ivar limits: with the defaults filled in.
    :ivar min_epoch_interval: seconds, as are the other intervals.
    :ivar client_timeout: how long an update may wait for its ratification; 0: without limit.
    :ivar lagging_verifier_scan: how many epochs back a quorum is looked for; 0: without limit.
    :ivar data_folder: where the database lies; it need not be there yet.
    :ivar public: gRPC for clients; a front that is None is not started. :ivar verifier: gRPC for verifiers.
    :ivar httpfront: HTTPS. :ivar hkp: HKP. :ivar raft: between replicas; None for a lone one.
    :ivar raft_heartbeat: seconds between two signs of life of the replicas' leader.
    :ivar etcd: where the log is kept; None: by the replicas themselves.
    :ivar warnings: "path: what to look at", to be logged at start.
    """

    path: Path
    message: ReplicaConfig
    realm: str
    domains: tuple[str, ...]
    replica_id: int
    suite: VRFSuite
    vrf_secret: bytes = field(repr=False)
    signing_key: SigningKey = field(repr=False)
    tree_nonce: bytes
    replica_policy: AuthorizationPolicy = field(repr=False)
    verification_policy: AuthorizationPolicy = field(repr=False)
    verifiers: Mapping[int, Sequence[bytes]] = field(repr=False)
    unbound_proofs: bool
    proof_clock_skew: float
    httpfront_url: str
    limits: Limits
    min_epoch_interval: float
    max_epoch_interval: float
    proposal_retry_interval: float
    client_timeout: float
    lagging_verifier_scan: int
    data_folder: Path
    public: Listener | None
    verifier: Listener | None
    httpfront: Listener | None
    hkp: Listener | None
    raft: Listener | None
    client_cert: Listener | None
    raft_heartbeat: float
    manhole: ManholeSettings | None
    etcd: EtcdSettings | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class VerifierSettings:
    """One verifier's configuration, checked, with its keys loaded.

    :ivar path: the configuration file. :ivar message: what it says, as it stands.
    :ivar verifier_id: what its signatures are filed under, and its certificate speaks for.
    :ivar keyserver: where to connect to. :ivar tls: as whom, and who may answer.
    :ivar keyserver_policy: when an epoch is ratified, in this verifier's eyes.
    :ivar require_transcripts: epochs whose updates the replicas have not signed for are not signed.
    :ivar clock_tolerance: seconds that an epoch may be ahead of this verifier's clock.
    :ivar sign_within: seconds after which an epoch is only checked, unless it is the newest.
    :ivar data_folder: where the database lies; it need not be there yet. :ivar evidence_folder: likewise.
    :ivar metrics: where numbers are shown over HTTP; None: nowhere.
    :ivar warnings: "path: what to look at", to be logged at start.
    """

    path: Path
    message: VerifierConfig
    realm: str
    verifier_id: int
    signing_key: SigningKey = field(repr=False)
    tls: TlsIdentity
    keyserver: Address
    keyserver_policy: AuthorizationPolicy = field(repr=False)
    tree_nonce: bytes
    require_transcripts: bool
    clock_tolerance: float
    sign_within: float
    data_folder: Path
    evidence_folder: Path
    metrics: Address | None
    warnings: tuple[str, ...]
