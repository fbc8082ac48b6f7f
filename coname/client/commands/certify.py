"""``coname certify``."""

from __future__ import annotations

from pathlib import Path

import click

from coname.client.console.report import Report
from coname.client.console.words import Words
from coname.configuration import certificates
from coname.configuration.certifying import certify as issue


@click.command()
@click.argument(
    "configs",
    metavar="CONFIG...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--realm-dir",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The realm's folder: ca/ in it is the authority, made if it is not there.",
)
def certify(configs: tuple[Path, ...], folder: Path) -> None:
    """Give replicas certificates by which they know each other: for the configurations of the older keyserver.

    CONFIG... are the configurations of all replicas. In each, raft_tls changes, and nothing else; the old files are
    kept. A new key lies beside each.
    """
    with Report("certify", as_json=False).errors():
        done = issue(folder, configs, certificates.utc_now())
        words = Words()
        if done.made:
            words.line(f"Made an authority: {done.authority.parent}. Keep it where no replica runs.", "bold green")
        for config, key in zip(configs, done.keys, strict=True):
            words.line(f"{config} has a new certificate for replication, with the key {key.name} beside it")
        for backup in done.backups:
            words.line(f"kept the old file: {backup}", "dim")
        words.line("Take each, with its key, to its machine, and start all replicas anew together.")
