"""``coname cluster status``."""

from __future__ import annotations

from pathlib import Path

import click

from coname.client.console.exits import Exit
from coname.client.console.report import Report
from coname.operating.options import config_option, json_option


@click.command()
@config_option
@json_option
def status(config: Path, as_json: bool) -> None:
    """Show the replicas of the realm, as the leader sees them.

    Where the leader cannot be reached from here, another replica answers, which does not know who is behind.
    """
    from coname.operating.asking import Cluster, run, settings_of
    from coname.operating.showing import show
    from coname.operating.words import document

    report = Report("cluster status", as_json)
    with report.errors():
        settings = settings_of(config)
        found = run(lambda reactor: Cluster(settings, reactor).status())
        report.finish(document(found), lambda words: show(words, found), Exit.DONE)
