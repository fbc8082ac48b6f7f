"""What several of the commands have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from coname.client.console.exits import UsageMistake
from coname.messages.cluster_pb2 import ClusterStatus

config_option = click.option(
    "--config",
    "config",
    default="config.json",
    show_default=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration of a replica that takes part: whom to ask, and as whom.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
wait_option = click.option("--no-wait", is_flag=True, help="Do not wait until it is done: it goes on by itself.")


def replica_id(text: str, status: ClusterStatus) -> int:
    """The replica that the operator means: its id as `coname cluster status` shows it, the beginning of it, or decimal.

    :raises UsageMistake: it is none, or of several.
    """
    return one_of([member.replica.id for member in status.members], text, "replica")


def one_of(ids: Sequence[int], text: str, what: str) -> int:
    """The one of `ids` that is meant, as in `replica_id`; a whole id also without zeros at its beginning, as in logs.

    :param what: what they are the ids of.
    :raises UsageMistake: it is none, or of several.
    """
    exact = [one for one in ids if text.lower() in (f"{one:016x}", f"{one:x}", str(one))]
    found = exact or [one for one in ids if len(text) >= 4 and f"{one:016x}".startswith(text.lower())]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{one:016x}" for one in ids)
    wrong = "begins several ids" if found else f"is no {what}"
    raise UsageMistake(f"{text!r} {wrong}; there are {known}")
