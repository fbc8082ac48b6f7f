"""What `coname cluster client-config` has done, for people and for programs; and what it cannot know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coname.configuration import client_changes
from coname.messages.config_pb2 import RealmConfig

if TYPE_CHECKING:
    from coname.client.console.words import Words
    from coname.client.renewing import Renewed
    from coname.configuration.client_changes import ClientFile
    from coname.configuration.reaching import Reached

UNKNOWN = (
    "whether each of the servers kept a later change from it, which would have to be signed as well",
    "whether clients elsewhere reach these servers as this machine does, and where other names and balancers lead",
)
"""What the command cannot know."""


def document(
    file: ClientFile, position: int, found: Renewed, after: RealmConfig, backup: Path | None
) -> dict[str, Any]:
    """For programs.

    :param after: what the realm at `position` is to be.
    """
    names = client_changes.differing(file.config.realms[position], after)
    return {
        "realm": after.RealmName,
        "file": str(file.path),
        "place": f"realms[{position}]",
        "changed": client_changes.values(after, names),
        "old_file": None if backup is None else str(backup),
        "changes_followed": found.followed,
        "keyserver_auth_since": str(after.keyserver_auth_since),
        "answered": {server: str(epoch) for server, epoch in found.answered.items()},
        "troubles": list(found.troubles),
    }


def show(words: Words, content: dict[str, Any], found: Renewed, before: RealmConfig, known: Sequence[Reached]) -> None:
    """For people.

    :param content: what `document` made. :param before: the realm as it was.
    :param known: the replicas whose configurations were named.
    """
    _headline(words, content)
    if found.followed:
        changes = "1 change" if found.followed == 1 else f"{found.followed} changes"
        words.line(f"followed by signatures: {changes} of the replicas, up to that of epoch {found.lineage.newest}")
    for what, replicas in (("signs no more", found.gone(before)), ("signs now", found.new(before))):
        for each in replicas:
            words.line(f"{what}: {each}")
    for server, epoch in found.answered.items():
        words.line(f"{server} answers for epoch {epoch}, and the answer verifies")
    for trouble in found.troubles:
        words.line(f"warning: {trouble}", "yellow")
    for one in known:
        if one.replica not in found.realm.keyserver_auth.public_keys:
            words.line(
                f"warning: replica {one.replica:016x} of {one.path} does not sign: it is a learner, was not added, "
                "or was removed",
                "yellow",
            )
    words.line("What no signature says, and this command does not know:")
    for sentence in UNKNOWN:
        words.line(f"  - {sentence}")


def _headline(words: Words, content: dict[str, Any]) -> None:
    names = ", ".join(content["changed"])
    if not names:
        words.line(f"Nothing to change: {content['file']} is up to date for realm {content['realm']}", "bold green")
    elif content["old_file"] is None:
        words.line(f"In {content['file']}, let {content['place']} have (null: nothing):")
        words.line(json.dumps(content["changed"], indent=2, ensure_ascii=False), "cyan")
    else:
        words.line(f"Renewed {content['file']} for realm {content['realm']}", "bold green")
        words.line(f"changed: {names}")
        words.line(f"kept the old file: {content['old_file']}", "dim")
