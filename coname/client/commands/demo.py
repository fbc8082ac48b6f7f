"""``coname demo``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from coname.client.console.exits import Exit
from coname.client.demonstration import MOST_REPLICAS, Demonstration
from coname.errors import ConameError


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("coname-demo"),
    show_default=True,
    help="Where the realm, its keys and its log are kept.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, MOST_REPLICAS),
    default=1,
    show_default=True,
    metavar="N",
    help="How many replicas a new realm has. With three, kill one, and see the others go on.",
)
@click.option("--once", is_flag=True, help="Exit when everything was shown, instead of staying up.")
def demo(folder: Path, replicas: int, once: bool) -> None:
    """See it all: start a keyserver here, register an address, look it up.

    Makes a realm in a folder, starts its keyserver through twistd, registers an address with a real OpenPGP key, looks
    it up and verifies the proof, and stays up until Ctrl-C. A second run goes on with the same folder.

    Exit status: 0 all was well, 4 something was not.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):  # stop the keyserver then, too
        signal.signal(ending, signal.default_int_handler)
    try:
        Demonstration(folder, Console(highlight=False), replicas).run(once)
    except ConameError as error:
        click.echo(f"coname demo: {error}", err=True)
        sys.exit(Exit.UNREACHABLE)
