"""``coname cluster convert``: the log of a lone replica becomes one of Raft's, which others can join."""

from __future__ import annotations

from pathlib import Path

import click

from coname.client.console.report import Report
from coname.client.console.words import Words
from coname.operating.options import config_option


@click.command()
@config_option
def convert(config: Path) -> None:
    """Move the realm of the replica in FILE, which must be stopped, to Raft.

    It is as it was until the last step, which happens as a whole: a crash leaves the old log or the new one. Nothing
    else changes: it goes on alone, and clients and verifiers notice nothing, until another replica is added.
    """
    from coname.operating.conversion import convert as move

    with Report("cluster convert", as_json=False).errors():
        converted = move(config)
        words = Words()
        words.line(f"The log is Raft's now, and begins after entry {converted.index}.", "bold green")
        words.line("Next:")
        words.line("  1. Start the replica again.")
        words.line("  2. Make others with `coname cluster prepare`, and let them join with `coname cluster add`.")
        if converted.loopback:
            words.line(
                f"Other machines cannot reach it yet: its raft_addr in initial_replicas is {converted.loopback}. To "
                "change that, see the page about changing replicas.",
                "yellow",
            )
