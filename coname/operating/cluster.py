"""``coname cluster``: the replicas of a realm, and how they come and go."""

from __future__ import annotations

import click

from coname.client.console.lazy_group import LazyGroup

COMMANDS = {
    "status": ("coname.operating.status:status", "Show the replicas: who leads, who is there, who is behind."),
    "prepare": ("coname.operating.prepare:prepare", "Make the folder of a new replica."),
    "add": ("coname.operating.changes:add", "Let a new replica join, and wait until it signs."),
    "promote": ("coname.operating.changes:promote", "Let a learner sign."),
    "remove": ("coname.operating.changes:remove", "Let a replica take part no more."),
    "client-config": (
        "coname.operating.client_config:client_config",
        "Bring a client's configuration up to date after changes of the replicas.",
    ),
    "convert": ("coname.operating.convert:convert", "Move a realm of one replica to Raft, so that it can have more."),
}
"""Each command: where it is, and what the overview says of it; in the order in which somebody meets them."""


@click.group(cls=LazyGroup, lazy=COMMANDS)
def cluster() -> None:
    """The replicas of a realm, while it serves: see them, add one, remove one.

    Any replica that runs is asked, by the certificate in one's configuration (raft_tls).

    \b
    To add a replica:
      1. coname cluster prepare, where the authority's key is
      2. take the folder to its machine; twistd coname
      3. coname cluster add, with the new folder's replica.json
      4. coname cluster client-config, for those who begin later
    """
