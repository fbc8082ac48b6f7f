"""``coname cluster add``, ``promote`` and ``remove``: proposed to any replica, and then watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from coname.client.console.exits import Exit, UsageMistake
from coname.client.console.report import Report
from coname.errors import TimedOut, Unavailable, Unreachable
from coname.keyserver.cluster_words import member_of, progress
from coname.messages.cluster_pb2 import ClusterStatus
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import LEARNER, VOTER
from coname.operating.options import config_option, json_option, replica_id, wait_option
from coname.operating.words import document

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""How long a change is tried for while there is no leader, or another change is under way."""


@click.command()
@click.argument("description", metavar="DESCRIPTION", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--learner", is_flag=True, help="It shall answer lookups, and never sign or vote.")
@wait_option
@config_option
@json_option
def add(description: Path, learner: bool, no_wait: bool, config: Path, as_json: bool) -> None:
    """Let the new replica join that DESCRIPTION describes: the replica.json that `coname cluster prepare` made. For one
    that joins anew, and was among the first, it is its config.json.

    It gets the log, or a copy of the database; once it has caught up, the next epoch's head announces that it signs,
    and from the one after that on it does. Start it before or after. Interrupted, all of it goes on.
    """
    from coname.configuration.describing import read_description

    def change(status: ClusterStatus) -> tuple[int, ReplicaChange]:
        if realm != status.realm:
            raise UsageMistake(f"{description} is for the realm {realm!r}; this is {status.realm!r}")
        return replica.id, ReplicaChange(add=replica, learner=learner)

    report = Report("cluster add", as_json)
    with report.errors():
        realm, replica = read_description(description)
        _change(report, config, change, _learns if learner else _signs, no_wait)


@click.command()
@click.argument("replica", metavar="ID")
@wait_option
@config_option
@json_option
def promote(replica: str, no_wait: bool, config: Path, as_json: bool) -> None:
    """Let the learner ID sign and vote."""

    def change(status: ClusterStatus) -> tuple[int, ReplicaChange]:
        wanted = replica_id(replica, status)
        return wanted, ReplicaChange(promote=wanted)

    report = Report("cluster promote", as_json)
    with report.errors():
        _change(report, config, change, _signs, no_wait)


@click.command()
@click.argument("replica", metavar="ID")
@wait_option
@config_option
@json_option
def remove(replica: str, no_wait: bool, config: Path, as_json: bool) -> None:
    """Let the replica ID take part no more; if it leads, another leads first.

    ID is as `coname cluster status` shows it, or the beginning of it. Stop its process afterwards: it says that it was
    removed, and takes no updates.
    """

    def change(status: ClusterStatus) -> tuple[int, ReplicaChange]:
        wanted = replica_id(replica, status)
        return wanted, ReplicaChange(remove=wanted)

    report = Report("cluster remove", as_json)
    with report.errors():
        _change(report, config, change, _is_gone, no_wait)


def _learns(status: ClusterStatus, replica: int) -> bool:
    member = member_of(status, replica)
    if member is None or member.role != LEARNER:
        return False
    return member.in_log and member.connected and member.behind <= 0


def _signs(status: ClusterStatus, replica: int) -> bool:
    member = member_of(status, replica)
    return member is not None and member.role == VOTER and member.votes


def _is_gone(status: ClusterStatus, replica: int) -> bool:
    return member_of(status, replica) is None


Done = Callable[[ClusterStatus, int], bool]
MakeChange = Callable[[ClusterStatus], tuple[int, ReplicaChange]]


def _change(report: Report, config: Path, make: MakeChange, done: Done, no_wait: bool) -> None:
    from coname.operating.asking import Cluster, run, settings_of
    from coname.operating.showing import show

    settings = settings_of(config)

    async def work(reactor: Any) -> ClusterStatus:
        cluster = Cluster(settings, reactor)
        replica, change = make(await cluster.status())
        status = await _patiently(report, cluster, reactor, lambda: cluster.change(change))
        told = ""
        while not no_wait and not done(status, replica):
            words = progress(status, replica)
            if words != told:
                told = words
                report.note(f"{replica:016x} {words}")
            await cluster.pause(LOOK_SECONDS)
            status = await _patiently(report, cluster, reactor, cluster.status)
        report.note(f"{replica:016x} {progress(status, replica)}")
        return status

    found = run(work)
    report.finish(document(found), lambda words: show(words, found), Exit.DONE)


async def _patiently(
    report: Report, cluster: Any, clock: Any, ask: Callable[[], Awaitable[ClusterStatus]]
) -> ClusterStatus:
    """What `ask` gives, tried again while nobody can answer; the last error after `PATIENCE_SECONDS`."""
    end = clock.seconds() + PATIENCE_SECONDS
    while True:
        try:
            return await ask()
        except (Unreachable, Unavailable, TimedOut) as error:
            if clock.seconds() >= end:
                raise
            report.note(f"not yet: {error}")
        await cluster.pause(AGAIN_SECONDS)
