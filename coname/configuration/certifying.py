"""Certificates by which replicas know each other, for configurations whose own do not say it: those of the original.

Each replica gets a new key and a certificate for ``replica <id in hex>``, of the realm's authority, which is made if
there is none. Only ``raft_tls`` changes; what clients and verifiers see stays as it was. The file that was stays beside
the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.json_format import MessageToDict

from coname.configuration import admission, certificates, documents, listen
from coname.configuration.authority import Authority, key_pem, replica_name
from coname.configuration.findings import Findings
from coname.configuration.keys import create
from coname.configuration.kinds import REPLICA, check_kind
from coname.configuration.options import LOCAL_HOSTS
from coname.configuration.parse import fill
from coname.configuration.replacing import replace_files
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

KEY_NAME = "raft-key"


@dataclass(frozen=True)
class Certified:
    """What was done.

    :ivar authority: the authority's file, and :ivar made: whether it is new.
    :ivar keys: the new keys' files, in the order of the configurations. :ivar backups: the old configurations.
    """

    authority: Path
    made: bool
    keys: tuple[Path, ...]
    backups: tuple[Path, ...]


@dataclass(frozen=True)
class _Replica:
    """A configuration that is to change."""

    path: Path
    document: dict[str, Any]
    message: pb.ReplicaConfig

    @property
    def hosts(self) -> list[str]:
        """Where it is reached by the others, as far as that is said."""
        id = self.message.replica_id
        known = [one.raft_addr for one in self.message.keyserver_config.initial_replicas if one.id == id]
        return list(dict.fromkeys([*(listen.parse(address).host for address in known if address), *LOCAL_HOSTS]))


def certify(realm_folder: Path, configs: Sequence[Path], now: datetime) -> Certified:
    """Let the replicas of `configs` know each other.

    :param realm_folder: where ``ca/`` is, or is to be made.
    :raises Misconfigured: an argument or a file is wrong; nothing was changed.
    """
    findings = Findings()
    replicas = [_read(path, findings) for path in configs]
    _check(replicas, findings)
    authority = realm_folder / "ca" / "ca.pem"
    made = not authority.exists()
    issuer = None if made else admission.read_authority(realm_folder, now, findings)
    findings.raise_mistakes()
    if issuer is None:
        issuer = _make(realm_folder, replicas[0].message.keyserver_config.realm, now)
    contents, keys = {}, []
    for replica in replicas:
        credential = issuer.issue(replica_name(replica.message.replica_id), replica.hosts, now)
        key = _free(replica.path.parent)
        create(key, key_pem(credential.key), secret=True)
        keys.append(key)
        contents[replica.path] = _changed(replica.document, _tls(credential.chain[0], issuer, key))
    return Certified(authority, made, tuple(keys), tuple(replace_files(contents)))


def _read(path: Path, findings: Findings) -> _Replica:
    message = pb.ReplicaConfig()
    document = documents.read(path)
    check_kind(document, REPLICA, path)
    fill(message, document, findings)
    if path.suffix == ".toml":
        findings.mistake(f"{path}: only JSON can be changed here")
    if not message.replica_id:
        findings.mistake(f"{path}: replica_id is missing: whose configuration is it?")
    return _Replica(path, document, message)


def _check(replicas: Sequence[_Replica], findings: Findings) -> None:
    if not replicas:
        findings.mistake("no configuration is named; those of all replicas are expected, together")
    if len({replica.message.replica_id for replica in replicas}) < len(replicas):
        findings.mistake("two of the configurations are of the same replica")
    if len({replica.message.keyserver_config.realm for replica in replicas}) > 1:
        findings.mistake("the configurations are of different realms")
    there = {replica.message.replica_id for replica in replicas}
    missing = [
        f"{one.id:016x}"
        for replica in replicas[:1]
        for one in replica.message.keyserver_config.initial_replicas
        if one.id not in there
    ]
    if missing:
        findings.mistake(f"the configurations of replica {', '.join(missing)} are missing: all change together")


def _make(realm_folder: Path, realm: str, now: datetime) -> Authority:
    """A new authority, in ``ca/``."""
    issuer = Authority.create(realm, now)
    folder = realm_folder / "ca"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(folder / "ca-key.pem", key_pem(issuer.key), secret=True)
        create(folder / "ca.pem", certificates.pem([issuer.certificate]), secret=False)
    except OSError as error:
        raise Misconfigured([f"{folder}: no authority could be made: {error.strerror}"]) from error
    return issuer


def _free(folder: Path) -> Path:
    """A name for a key that is not taken."""
    names = (f"{KEY_NAME}.pem", *(f"{KEY_NAME}-{number}.pem" for number in range(2, 1000)))
    return next(folder / name for name in names if not (folder / name).exists())


def _tls(certificate: Any, issuer: Authority, key: Path) -> dict[str, Any]:
    der, authority = (one.public_bytes(Encoding.DER) for one in (certificate, issuer.certificate))
    tls = pb.TLSConfig(
        certificates=[pb.CertificateAndKeyID(certificate=[der], key_id=key.name)],
        root_cas=[authority],
        client_auth=pb.REQUIRE_AND_VERIFY_CLIENT_CERT,
        client_cas=[authority],
    )
    return MessageToDict(tls, preserving_proto_field_name=True)


def _changed(document: dict[str, Any], tls: dict[str, Any]) -> bytes:
    """`document` with another raft_tls, at the place where it was."""
    name = "raftTls" if "raftTls" in document else "raft_tls"
    return documents.to_json(document | {name: tls})
