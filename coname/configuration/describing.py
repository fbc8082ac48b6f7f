"""Who a replica is, as a file for `coname cluster add`, that `coname cluster prepare` makes. It holds no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from coname.configuration import documents, listen
from coname.configuration.findings import Findings
from coname.configuration.parse import fill
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION_FORMAT = "coname replica 1"
DESCRIPTION_FILE = "replica.json"


def describe(realm: str, replica: pb.Replica) -> bytes:
    """Who a replica is, as a file. No secret."""
    described = MessageToDict(replica, preserving_proto_field_name=True)
    return documents.to_json({"format": DESCRIPTION_FORMAT, "realm": realm, "replica": described})


def read_description(path: Path) -> tuple[str, pb.Replica]:
    """The realm and the replica that the file `path` describes; it may also be the configuration of one of the realm's
    first replicas, which joins anew.

    :raises Misconfigured: it is no description, or not a whole one.
    """
    document = documents.read(path)
    if "keyserver_config" in document:
        return _first_replica(path, document)
    if document.get("format") != DESCRIPTION_FORMAT:
        raise Misconfigured(
            [f"{path}: this describes no replica; the replica.json that `coname cluster prepare` made is wanted"]
        )
    findings, replica = Findings(str(path)), pb.Replica()
    fill(replica, document.get("replica"), findings.at("replica"))
    if not replica.id or not replica.public_keys or not replica.raft_addr:
        findings.at("replica").mistake("id, public_keys and raft_addr are expected")
    else:
        listen.check(replica.raft_addr, findings.at("replica").at("raft_addr"))
    findings.raise_mistakes()
    return str(document.get("realm") or ""), replica


def _first_replica(path: Path, document: dict[str, Any]) -> tuple[str, pb.Replica]:
    findings, config = Findings(), pb.ReplicaConfig()
    fill(config, document, findings)
    findings.raise_mistakes()
    for replica in config.keyserver_config.initial_replicas:
        if replica.id == config.replica_id:
            return config.keyserver_config.realm, replica
    raise Misconfigured([f"{path}: not one of its initial_replicas; the file {DESCRIPTION_FILE} beside it is expected"])
