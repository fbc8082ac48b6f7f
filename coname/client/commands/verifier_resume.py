"""``coname verifier resume``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from coname.client.console.report import Report
from coname.client.console.words import Words


@click.command()
@click.option(
    "--config",
    "config_path",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The verifier's configuration.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def resume(config_path: Path, yes: bool) -> None:
    """Let a verifier sign again that has stopped signing because of a violation.

    Shows what it was, and asks. The verifier must not be running. The evidence stays; what led to the violation is
    verified again, and stops the signing again if it is still there.

    A keyserver that has begun another history can never be followed with these keys: that takes a new verifier, with
    new ones.
    """
    from coname.config import load_verifier
    from coname.following.evidence_files import EvidenceFolder
    from coname.following.opening import open_replay
    from coname.storage.leveldb import LevelDBStore

    words = Words()
    with Report("verifier", as_json=False).errors():
        settings = load_verifier(config_path)
        store = LevelDBStore(settings.data_folder, create=False)
        try:
            replay = open_replay(store, settings, EvidenceFolder(settings.evidence_folder, lambda: 0.0).keep)
            found = replay.violation
            if found is None:
                words.line(f"Nothing to do: this verifier signs. Its newest verified epoch is {replay.verified}.")
                return
            noticed = f"{datetime.fromtimestamp(found.noticed_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
            words.line(f"At {noticed}, in epoch {found.epoch}, the keyserver broke the rule {found.rule}:", "bold red")
            words.line(f"  {found.account}")
            words.line(f"The evidence is in {settings.evidence_folder}. It stays there.")
            if not yes:
                click.confirm("Is it known why, and shall this verifier sign again?", abort=True)
            replay.resume()
        finally:
            store.close()
    words.line("This verifier signs again from its next start on.", "bold green")
