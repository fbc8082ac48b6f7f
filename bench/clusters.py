"""What several replicas cost and bring: updates beside one alone, the loss of a leader, copies, and catching up."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import figures
from bench.dataset import DATA, Dataset, copy_of, size_of
from bench.figures import Figure
from bench.load.jobs import Job
from bench.probing import Prober
from bench.replicas import Replicas, newest_epoch, replicas, wait_for
from bench.server import load
from coname.keyserver.copying import DatabaseCopies
from coname.service import open_store

if TYPE_CHECKING:
    from bench.measures import Plan

SIZE = 3
MIB = 1 << 20
_LOOKUPS_IN_FLIGHT = 30
_CONNECTIONS = 60
"""That share thousands of registrations: to open one for each takes longer than a server waits for its first request,
on a machine that is busy with all replicas."""

_DECIDED_SECONDS = 0.1
"""What is acknowledged within this time of a leader's death was decided before."""

_IN_FLIGHT = 10
"""So many are on their way when a leader is killed. When an epoch has just been ratified, nobody is."""

_CACHE_BYTES = 32 << 20


def cluster(plan: Plan) -> Iterator[Figure]:
    """All of it."""
    yield from _beside_one(plan)
    yield from _failovers(plan)
    yield from _catching_up(plan)
    for entries in plan.sizes:
        yield from _copies(plan.data(entries))


def _beside_one(plan: Plan) -> Iterator[Figure]:
    """Registrations and lookups at one replica alone, and at three, whose clients are spread over all."""
    rates: dict[str, list[float]] = {}
    for size in (1, SIZE):
        with replicas(size) as realm:
            places = list(range(1, size + 1))
            registrations = _registrations(realm, plan, places, 0)
            lookups = replace(registrations, kind="lookup", connections=_LOOKUPS_IN_FLIGHT, streams=1)
            for what, job in (("Registrations", registrations), ("Lookups", lookups)):
                figure = _spread(realm, what, job)
                rates.setdefault(what, []).append(figure.value)
                yield figure
    for what, (alone, together) in rates.items():
        aim = figures.CLUSTER_RATIO if what == "Registrations" else figures.NONE
        title = f"{what}, {SIZE} replicas: speed in relation to one alone"
        conditions = f"{os.cpu_count()} processors for all"
        yield Figure(title, 0, together / alone, "×", True, aim, conditions=conditions)


def _spread(realm: Replicas, what: str, job: Job) -> Figure:
    """`job` at all its replicas."""
    before = sum(server.cpu_seconds() for server in realm.servers.values())
    report = load(job)
    cpu = sum(server.cpu_seconds() for server in realm.servers.values()) - before
    if report.good != report.asked:
        raise RuntimeError(f"{what}: {report.asked - report.good} of {report.asked} failed: {report.failures}")
    size = len(realm.servers)
    where = "one replica alone" if size == 1 else f"{size} replicas"
    return Figure(
        f"{what}, {where}, {job.connections * job.streams:,} in flight",
        0, report.rate, "/s", True, figures.NONE, report.p50, report.p99,
        f"gRPC on {job.connections} connections, spread over all; at first an empty realm; one machine",
        {"verified": report.verified, "servers_cpu_us_each": cpu / report.asked * 1e6},
    )  # fmt: skip


def most(plan: Plan) -> int:
    """How many updates are in flight at a time."""
    return max(plan.updates) // _CONNECTIONS * _CONNECTIONS or max(plan.updates)


def _registrations(realm: Replicas, plan: Plan, at: list[int], first: int) -> Job:
    """Of people from the number `first` on, at these replicas."""
    port, *more_ports = (realm.servers[number].grpc_port for number in at)
    connections = min(_CONNECTIONS, most(plan))
    return Job(
        front="grpc",
        kind="register",
        port=port,
        client_config=str(realm.data[0].client_config),
        replica_config=str(realm.data[0].config),
        people=list(range(first, first + plan.updates[max(plan.updates)])),
        connections=connections,
        streams=most(plan) // connections,
        more_ports=more_ports,
    )


def _failovers(plan: Plan) -> Iterator[Figure]:
    """The leader is killed, again and again, while somebody registers fifty people a second at all replicas."""
    with replicas(SIZE) as realm, Prober(realm) as prober:
        heartbeat = realm.data[0].settings.raft_heartbeat
        new, in_flight = zip(*(_lose_leader(realm, prober) for _ in range(plan.failovers)), strict=True)
    for what, seconds in (("a new update is acknowledged", new), ("one in flight is acknowledged", in_flight)):
        conditions = f"median of {len(seconds)}, the longest {max(seconds):.2f} s; heartbeats of {heartbeat:g} s"
        yield Figure(
            f"Leader killed, until {what}", 0, median(seconds), "s", False, figures.FAILOVER_SECONDS,
            conditions=conditions, details={"all": seconds},
        )  # fmt: skip


def _lose_leader(realm: Replicas, prober: Prober) -> tuple[float, float]:
    """Seconds until a new update is acknowledged, and one that was on its way. The replica is started again."""
    before = prober.answered()
    wait_for(lambda: prober.answered() > before + 50)
    leader = realm.leader()
    wait_for(lambda: prober.in_flight() >= _IN_FLIGHT)
    lost = time.monotonic()
    realm.servers[leader].kill()
    new = _when(lambda: prober.first_begun_after(lost))
    in_flight = _when(lambda: prober.first_in_flight(lost, lost + _DECIDED_SECONDS))
    realm.start(leader)
    realm.wait_until_agreed(newest_epoch(realm.servers[realm.others(leader)[0]]))
    return new - lost, in_flight - lost


def _when(known: Callable[[], float | None]) -> float:
    """Wait until it is known when something was."""
    wait_for(lambda: known() is not None)
    return known() or 0.0


def _catching_up(plan: Plan) -> Iterator[Figure]:
    """A replica that was away while the others took registrations."""
    with replicas(SIZE) as realm:
        away = realm.others(realm.leader())[0]
        realm.servers[away].stop()
        there = realm.others(away)
        log = realm.data[there[0] - 1].database.with_name("database-log")
        before = size_of(log)
        count = len((job := _registrations(realm, plan, there, 0)).people)
        load(job)
        grown = size_of(log) - before
        target = newest_epoch(realm.servers[there[0]])
        begun = time.monotonic()
        server = realm.start(away)
        wait_for(lambda: newest_epoch(server) >= target)
        seconds = time.monotonic() - begun
        cpu = server.cpu_seconds()
    conditions = (
        f"{count:,} registrations, from the start of its process ({server.start_seconds:.1f} s) to the last epoch"
    )
    details = {"seconds": seconds, "start_seconds": server.start_seconds, "cpu_us_each": cpu / count * 1e6}
    yield Figure("Replica catching up", 0, count / seconds, "/s", True, conditions=conditions, details=details)
    yield Figure("Replica catching up: log", 0, grown / MIB / seconds, "MiB/s", True, conditions=conditions)


def _copies(data: Dataset) -> Iterator[Figure]:
    """A copy of the database for a replica that is too far behind: written, and made a database again."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=DATA))
    try:
        with copy_of(data) as original:
            store = open_store(original.settings)
            try:
                yield from _copy(original, DatabaseCopies(
                    store, original.settings.realm, original.settings.replica_policy, original.settings.tree_nonce,
                    _CACHE_BYTES, time.sleep,
                ), folder)  # fmt: skip
            finally:
                store.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(data: Dataset, copies: DatabaseCopies, folder: Path) -> Iterator[Figure]:
    path = folder / "copy"
    begun = time.monotonic()
    copies.write(path)
    written = time.monotonic()
    copies.build(path, folder / "database")
    built = time.monotonic()
    size = path.stat().st_size
    for what, seconds in (("written", written - begun), ("made a database", built - written)):
        conditions = (
            f"{data.entries / seconds:,.0f} entries a second; {size / MIB:,.0f} MiB; leaves others room to work"
        )
        details = {"seconds": seconds, "bytes": size, "entries_per_second": data.entries / seconds}
        yield Figure(
            f"Copy of the database, {what}", data.entries, size / MIB / seconds, "MiB/s", True,
            conditions=conditions, details=details,
        )  # fmt: skip
