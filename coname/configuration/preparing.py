"""A new replica's folder for a realm that there is: its keys, its certificates, and a configuration like another's.

    DIR/config.json       as that of the replica it is modelled on, with its own id, addresses and certificates
    DIR/replica.json      who it is, for `coname cluster add`: no secret
    DIR/…                 its keys, as `coname init` makes them, and the VRF's secret, which all replicas share
    DIR/…                 the files that registration policies name (`coname.configuration.policy_files`)

It is made where the authority's key is, and taken to its machine like the folders that `coname init` makes. What all
replicas have in common is copied as it stands: `initial_replicas` stay those of the beginning, whoever they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict

from coname.configuration import admission, authority, blueprint, documents, folder, listen, policy_files, reaching
from coname.configuration.console_files import console_files
from coname.configuration.describing import DESCRIPTION_FILE, describe
from coname.configuration.findings import Findings
from coname.configuration.folder import NewFile
from coname.configuration.kinds import REPLICA, check_kind
from coname.configuration.listen import Address
from coname.configuration.options import LOCAL_HOSTS, PORTS
from coname.configuration.parse import fill
from coname.core.signatures import SigningKey, public_key_message
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from coname.configuration.tls import Credential

CONFIG_FILE = "config.json"

_FRONTS = ("public", "verifier", "hkp", "httpfront", "raft")
_WITHOUT_TLS_OF_ITS_OWN = "client_cert"


@dataclass(frozen=True)
class NewReplica:
    """What is asked for.

    :ivar model: the configuration file of a replica that there is. :ivar realm_folder: where ``ca/`` is.
    :ivar host: how everybody reaches the new one.
    :ivar base_port: its ports are this one and the next five, or six where there is a front for client certificates;
        None: those of the model.
    :ivar known: whom it is to ask to be let in; empty: those that the model knows.
    """

    model: Path
    realm_folder: Path
    host: str
    base_port: int | None = None
    known: Sequence[pb.Replica] = field(default_factory=tuple)

    def port(self, front: str, there: int) -> int:
        """The port of `front`, which is `there` at the model."""
        return there if self.base_port is None else self.base_port + [*PORTS, _WITHOUT_TLS_OF_ITS_OWN].index(front)


@dataclass(frozen=True)
class Prepared:
    """What was made. :ivar files: without contents."""

    replica: pb.Replica
    config: Path
    description: Path
    files: tuple[NewFile, ...]


def prepare(target: Path, wanted: NewReplica, now: datetime) -> Prepared:
    """Make the folder `target`, whole or not at all.

    :raises Misconfigured: an argument or a file is wrong, or there is something at `target`; nothing was made.
    """
    folder.check_free(target)
    findings = Findings()
    message = pb.ReplicaConfig()
    document = documents.read(wanted.model)
    check_kind(document, REPLICA, wanted.model)
    fill(message, document, findings)
    issuer = admission.read_authority(wanted.realm_folder, now, findings)
    own_secret = _read_secret(wanted.model.parent / message.keyserver_config.vrf_key_id, findings)
    if message.HasField("etcd"):
        findings.mistake(
            f"{wanted.model}: the log is in etcd; see the page about etcd for how a replica is added there"
        )
    findings.raise_mistakes()
    if issuer is None:
        raise Misconfigured([f"{wanted.realm_folder}: incomplete"])  # never comes: a mistake was noted
    key = SigningKey.generate()
    credential = issuer.issue(authority.replica_name(key.key_id), list(dict.fromkeys([wanted.host, *LOCAL_HOSTS])), now)
    replica, config = _configure(message, wanted, key, credential)
    files = [
        NewFile(DESCRIPTION_FILE, describe(config.keyserver_config.realm, replica), "for `coname cluster add`"),
        NewFile(blueprint.SIGNING_KEY_FILE, key.secret, "signs epoch heads", secret=True),
        NewFile(blueprint.VRF_FILE, own_secret, "gives users their indices: the realm's", secret=True),
        NewFile(blueprint.TLS_KEY_FILE, authority.key_pem(credential.key), "its key for TLS", secret=True),
        *(_console_files(wanted.model, message) if config.HasField("manhole") else ()),
    ]
    taken = {CONFIG_FILE, blueprint.DATABASE, *(file.path for file in files)}
    policies = config.keyserver_config.registration_policy
    files += policy_files.carried(policies, wanted.model.parent, taken, findings)
    findings.raise_mistakes()
    content = documents.to_json(MessageToDict(config, preserving_proto_field_name=True))
    files.insert(0, NewFile(CONFIG_FILE, content, "the replica's configuration"))
    folder.write(target, files)
    made = tuple(NewFile(file.path, b"", file.purpose, file.secret) for file in files)
    return Prepared(replica, target / CONFIG_FILE, target / DESCRIPTION_FILE, made)


def _configure(
    model: pb.ReplicaConfig, wanted: NewReplica, key: SigningKey, credential: Credential
) -> tuple[pb.Replica, pb.ReplicaConfig]:
    """Who the new replica is, and its configuration."""
    config = pb.ReplicaConfig()
    config.CopyFrom(model)
    config.replica_id = key.key_id
    config.signing_key_id = blueprint.SIGNING_KEY_FILE
    config.keyserver_config.vrf_key_id = blueprint.VRF_FILE
    config.leveldb_path = blueprint.DATABASE
    config.joining = True
    findings = Findings()
    listens = wanted.host if Address(wanted.host, 0).is_loopback else ""
    for front in (*_FRONTS, _WITHOUT_TLS_OF_ITS_OWN):
        _configure_address(config, front, listens, wanted, findings)
    for front in _FRONTS:
        _certify(config, front, credential)
    config.httpfront_url = _front_url(model, wanted, config)
    if config.HasField("manhole"):
        there = listen.parse(config.manhole.addr).port
        config.manhole.addr = str(Address("127.0.0.1", wanted.port("manhole", there)))
        config.manhole.host_key_id = blueprint.HOST_KEY_FILE
        config.manhole.authorized_keys = blueprint.AUTHORIZED_KEYS_FILE
    known = wanted.known or model.known_replicas or model.keyserver_config.initial_replicas
    del config.known_replicas[:]
    config.known_replicas.extend(known)
    reached = str(Address(wanted.host, listen.parse(config.raft_addr).port)) if config.raft_addr else ""
    if reached in [one.raft_addr for one in known]:
        findings.mistake(f"--host, --base-port: {reached} is another replica's; give this one a port of its own")
    findings.raise_mistakes()
    public = public_key_message(key.public)
    return pb.Replica(id=key.key_id, public_keys=[public], raft_addr=reached), config


def _configure_address(
    config: pb.ReplicaConfig, front: str, listens: str, wanted: NewReplica, findings: Findings
) -> None:
    text: str = getattr(config, f"{front}_addr")
    if not text:
        if front == "raft":
            findings.at(str(wanted.model)).at("raft_addr").mistake("missing: where replicas listen for each other")
        return
    address = listen.check(text, findings.at(f"{front}_addr"))
    if address is not None:
        setattr(config, f"{front}_addr", str(Address(listens, wanted.port(front, address.port))))


def _certify(config: pb.ReplicaConfig, front: str, credential: Credential) -> None:
    if getattr(config, f"{front}_addr"):
        tls: pb.TLSConfig = getattr(config, f"{front}_tls")
        del tls.certificates[:]
        tls.certificates.append(blueprint.certificates_of(credential))


def _front_url(model: pb.ReplicaConfig, wanted: NewReplica, config: pb.ReplicaConfig) -> str:
    """Where browsers reach its HTTPS front: at its own host, unless the model's is reached by another name than its
    own, which is that of a balancer before all of them."""
    try:
        own = reaching.of_config(wanted.model, model).urls
    except Misconfigured:  # it does not tell by which name it is reached, and then its front's is no part of it
        own = ()
    if model.httpfront_url.rstrip("/") not in own:
        return model.httpfront_url
    return f"https://{Address(wanted.host, listen.parse(config.httpfront_addr).port)}"


def _console_files(model: Path, message: pb.ReplicaConfig) -> Sequence[NewFile]:
    try:
        authorized = (model.parent / message.manhole.authorized_keys).read_bytes()
    except OSError:
        authorized = b""
    return console_files(authorized)


def _read_secret(path: Path, findings: Findings) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        findings.mistake(f"{path}: {error.strerror}; the realm's VRF secret is expected beside the configuration")
        return b""
