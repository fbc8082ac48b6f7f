"""``coname cluster prepare``: on the machine that has the authority's key."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from coname.client.console.report import Report
from coname.client.console.words import Words
from coname.configuration import certificates
from coname.configuration.listen import MAX_PORT
from coname.configuration.options import PORTS
from coname.configuration.preparing import NewReplica, Prepared
from coname.errors import ConameError
from coname.messages import config_pb2 as pb


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "model",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The configuration of a replica that there is, with the realm's VRF secret beside it.",
)
@click.option("--host", required=True, metavar="H", help="The name or IP address that the new replica is reached by.")
@click.option(
    "--base-port",
    type=click.IntRange(1, MAX_PORT - len(PORTS) + 1),
    metavar="P",
    help="Use the ports from P up. Default: those of the model.",
)
@click.option(
    "--realm-dir",
    "realm_folder",
    metavar="REALM",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where ca/ is. Default: beside the folder of the model.",
)
@click.option("--offline", is_flag=True, help="Do not ask the realm who its replicas are now: take it from the model.")
def prepare(
    folder: Path, model: Path, host: str, base_port: int | None, realm_folder: Path | None, offline: bool
) -> None:
    """Make the folder DIR of a new replica, which must not be there yet: keys, certificates, configuration.

    The realm goes on as it is until `coname cluster add`.
    """
    from coname.configuration.preparing import prepare as make

    with Report("cluster prepare", as_json=False).errors():
        words = Words()
        known = () if offline else _known(model, words)
        wanted = NewReplica(model, realm_folder or model.absolute().parent.parent, host, base_port, known)
        prepared = make(folder, wanted, certificates.utc_now())
        _tell(words, folder, prepared, model)


def _known(model: Path, words: Words) -> Sequence[pb.Replica]:
    """Who the replicas are now; nobody if that cannot be asked."""
    from coname.operating.asking import Cluster, run, settings_of

    try:
        settings = settings_of(model)
        status = run(lambda reactor: Cluster(settings, reactor).status())
    except ConameError as error:
        words.line(f"Not asked who the replicas are now: {error}", "yellow")
        words.line("The new one will ask those that the model knows.", "yellow")
        return ()
    return [member.replica for member in status.members]


def _tell(words: Words, folder: Path, prepared: Prepared, model: Path) -> None:
    words.line(
        f"Made replica {prepared.replica.id:016x} in {folder}, reached at {prepared.replica.raft_addr}", "bold green"
    )
    width = max(len(file.path) for file in prepared.files)
    for file in prepared.files:
        words.line(f"  {file.path:<{width}}  {'secret  ' if file.secret else '        '}{file.purpose}")
    words.line("Next:")
    words.line(f"  1. Take {folder} to its machine, and nothing else; there, run it:")
    words.line(f"       {shlex.join(['twistd', 'coname', '--config', str(prepared.config)])}", "cyan")
    words.line("  2. Let it join:")
    command = ["coname", "cluster", "add", str(prepared.description), "--config", str(model)]
    words.line(f"       {shlex.join(command)}", "cyan")
