"""Where clients reach a replica, as far as its own configuration tells.

A replica listens, as a rule, on every interface of its machine, and does not know what others call it. What there is to
go by, in this order: the host that it listens on, if it is one; the host by which the other replicas reach it, as
``replica.json`` beside its configuration has it, ``initial_replicas`` or ``known_replicas``. A name that only clients
use, or a balancer, no replica knows of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.configuration import documents, listen
from coname.configuration.describing import DESCRIPTION_FILE, read_description
from coname.configuration.findings import Findings
from coname.configuration.kinds import REPLICA, check_kind
from coname.configuration.listen import Address
from coname.configuration.parse import fill
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104
"""Hosts to listen on that are none to connect to."""


@dataclass(frozen=True)
class Reached:
    """A replica, as clients have it.

    :ivar addresses: of its public gRPC, host:port, none or one; :ivar urls: of its HTTPS front, likewise.
    """

    path: Path
    realm: str
    replica: int
    addresses: tuple[str, ...]
    urls: tuple[str, ...]


def reached(path: Path) -> Reached:
    """How clients reach the replica that the file `path` configures. No key file is opened.

    :raises Misconfigured: it is no replica's configuration, or does not tell.
    """
    findings, config = Findings(), pb.ReplicaConfig()
    document = documents.read(path)
    check_kind(document, REPLICA, path)
    fill(config, document, findings)
    if findings.mistakes:
        raise Misconfigured([f"{path}: not the configuration of a replica: {findings.mistakes[0]}"])
    found = of_config(path, config)
    if not (found.addresses or found.urls):
        raise Misconfigured([f"{path}: neither public_addr nor httpfront_addr: clients cannot reach this replica"])
    return found


def of_config(path: Path, config: pb.ReplicaConfig) -> Reached:
    """The same for a configuration that has been read already, from the file `path`.

    :raises Misconfigured: it does not tell.
    """
    public, front = (_found(path, config, name) for name in ("public", "httpfront"))
    return Reached(
        path,
        config.keyserver_config.realm,
        config.replica_id,
        () if public is None else (str(public),),
        () if front is None else (f"https://{front}",),
    )


def _found(path: Path, config: pb.ReplicaConfig, front: str) -> Address | None:
    text: str = getattr(config, f"{front}_addr")
    if not text:
        return None
    try:
        address = listen.parse(text)
    except ValueError as error:
        raise Misconfigured([f"{path}: {front}_addr: {error}"]) from error
    if address.host not in EVERYWHERE:
        return address
    return Address(_host(path, config, front), address.port)


def _host(path: Path, config: pb.ReplicaConfig, front: str) -> str:
    """By which the other replicas reach it."""
    beside = path.with_name(DESCRIPTION_FILE)
    described = [read_description(beside)[1]] if beside.exists() else []
    for replica in (*described, *config.keyserver_config.initial_replicas, *config.known_replicas):
        if replica.id == config.replica_id and replica.raft_addr:
            return listen.parse(replica.raft_addr).host
    option = "--address HOST:PORT" if front == "public" else "--url https://HOST:PORT"
    raise Misconfigured(
        [
            f"{path}: {front}_addr names no host, nor does {DESCRIPTION_FILE} beside it: say how clients reach this "
            f"replica, with {option}"
        ]
    )
