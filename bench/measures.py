"""What is measured. Each measurement is a function of a `Plan` that gives figures; `MEASURES` names them all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import catching_up, clusters, figures
from bench.dataset import Dataset, compact, copy_of, dataset, size_of
from bench.figures import Figure, Reference
from bench.fill import EPOCH_SIZE, fill
from bench.load.jobs import Job, Report
from bench.people import PROFILE_BYTES, Person
from bench.server import Server, load, serving
from coname.core.vrf import suite
from coname.messages.config_pb2 import RFC9381

IN_FLIGHT = 32
"""Lookups under way at a time: HTTPS on as many connections, gRPC on a quarter as many."""

GRPC_STREAMS = 4
GRPC_UPDATE_CONNECTIONS = 50
"""Connections that thousands of updates share over gRPC. Over HTTPS, each has its own."""

_NAMES = {"https": "HTTPS", "grpc": "gRPC"}
_OTHER_CONNECTIONS = 100  # that the server may have besides; its own limit is lower than 5,000

_SEED = 1
_REPEATED_PEOPLE = 500


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    :ivar sizes: numbers of registered users, ascending.
    :ivar lookups: requests of each lookup measurement, at most.
    :ivar updates: by the number in flight, how many updates.
    :ivar epochs: how many epochs of one registration each.
    :ivar proofs: how many VRF proofs.
    :ivar starts: how often the server is started to take the time.
    :ivar failovers: how often a leader is killed.
    :ivar told: is told what is being done.
    """

    sizes: tuple[int, ...] = (10_000, 1_000_000)
    lookups: int = 30_000
    updates: dict[int, int] = field(default_factory=lambda: {1: 10, 100: 1000, 5000: 20_000})
    epochs: int = 2000
    proofs: int = 2000
    starts: int = 3
    failovers: int = 7
    told: Callable[[str], None] = print

    def data(self, entries: int) -> Dataset:
        """The data set of this size; making the larger ones takes minutes, the first time."""

        def told(done: int) -> None:
            if done % 50_000 == 0:
                self.told(f"making the data set of {entries:,}: {done:,} registered")

        return dataset(entries, told)


QUICK = Plan(
    sizes=(1000, 5000), lookups=3000, updates={1: 3, 100: 300, 1000: 3000}, epochs=200, proofs=200, starts=1,
    failovers=2,
)  # fmt: skip


def vrf(plan: Plan) -> Iterator[Figure]:
    """Proving and verifying indices, on one processor."""
    rfc9381 = suite(RFC9381)
    secret = rfc9381.generate()
    public = rfc9381.public_key(secret)
    people = [Person(number).user_id.encode() for number in range(plan.proofs)]
    begun = time.perf_counter()
    proofs = [rfc9381.prove(secret, person) for person in people]
    proved = time.perf_counter()
    for person, (index, proof) in zip(people, proofs, strict=True):
        rfc9381.verify(public, person, index, proof)
    verified = time.perf_counter()
    condition = "RFC 9381; the original's suite of 2017"
    for what, seconds, reference in (
        ("VRF: prove", proved - begun, figures.VRF_PROVE),
        ("VRF: verify", verified - proved, figures.VRF_VERIFY),
    ):
        yield Figure(what, 0, seconds / plan.proofs * 1e6, "µs", False, reference, conditions=condition)


def lookups(plan: Plan) -> Iterator[Figure]:
    """Lookups of registered users, asked once each and repeatedly, over both fronts, at all sizes."""
    rates: dict[tuple[str, int], float] = {}
    for entries in plan.sizes:
        for front in ("https", "grpc"):
            with copy_of(plan.data(entries)) as data, serving(data) as server:
                for figure in _lookups(plan, server, front):
                    yield figure
                    if "once" in figure.what:
                        rates[front, entries] = figure.value
                yield _memory(server, f"lookups over {_NAMES[front]}")
    smallest, largest = plan.sizes[0], plan.sizes[-1]
    for front, name in _NAMES.items():
        ratio = rates[front, largest] / rates[front, smallest]
        what = f"Lookups over {name}, asked once: speed in relation to {smallest:,} entries"
        yield Figure(what, largest, ratio, "×", True, figures.SIZE_RATIO)


def _lookups(plan: Plan, server: Server, front: str) -> Iterator[Figure]:
    server.settle()
    entries = server.data.entries
    people = random.Random(_SEED).sample(range(entries), min(entries, 2 * plan.lookups))
    # Up to a half of the requests, to other people, fill the tree's cache as it is in a server that has been running.
    warm_up = max(len(people) - plan.lookups, len(people) // 10)
    yield _lookup_figure(server, front, "asked once each", people, warm_up)
    again = (people[:_REPEATED_PEOPLE] * (plan.lookups // _REPEATED_PEOPLE + 2))[: plan.lookups + _REPEATED_PEOPLE]
    yield _lookup_figure(server, front, "repeated", again, _REPEATED_PEOPLE)


def _lookup_figure(server: Server, front: str, how: str, people: list[int], warm_up: int) -> Figure:
    https = front == "https"
    job = _job(
        server, front, "lookup", people, warm_up=warm_up,
        connections=IN_FLIGHT if https else IN_FLIGHT // GRPC_STREAMS, streams=1 if https else GRPC_STREAMS,
    )  # fmt: skip
    reference = figures.HTTPS_LOOKUPS if https else figures.GRPC_LOOKUPS
    conditions = f"{IN_FLIGHT} in flight on {job.connections} connections"
    return _rate(f"Lookups over {_NAMES[front]}, {how}", server, job, reference, conditions)


def updates(plan: Plan) -> Iterator[Figure]:
    """Updates from the request to the verified answer, by how many are under way at a time."""
    most = max(plan.updates)
    smallest = plan.sizes[0]
    wanted = [(smallest, "https", "update", in_flight) for in_flight in plan.updates]
    wanted += [(smallest, "grpc", "update", most), (smallest, "https", "register", most)]
    wanted += [(entries, "https", kind, most) for entries in plan.sizes[1:] for kind in ("update", "register")]
    for entries, front, kind, in_flight in wanted:
        with copy_of(plan.data(entries)) as data:
            data.configure({"limits": {"connections": in_flight + _OTHER_CONNECTIONS}})
            with serving(data) as server:
                yield _updates(server, front, kind, in_flight, plan.updates[in_flight])
                if (front, kind) == ("https", "register"):
                    yield _memory(server, f"registrations, {most:,} in flight")


def _updates(server: Server, front: str, kind: str, in_flight: int, count: int) -> Figure:
    entries = server.data.entries
    new = kind == "register"
    people = list(range(entries, entries + count)) if new else [number % entries for number in range(count)]
    connections = in_flight if front == "https" else min(GRPC_UPDATE_CONNECTIONS, in_flight)
    server.settle()
    job = _job(
        server, front, kind, people, version=0 if new else 1,
        connections=connections, streams=in_flight // connections,
    )  # fmt: skip
    what = f"{'New registrations' if new else 'Updates'} over {_NAMES[front]}, {in_flight:,} in flight"
    conditions = (
        f"{connections:,} connections, an epoch each {server.data.settings.min_epoch_interval:g} s, synced writes"
    )
    reference = figures.UPDATES if in_flight >= 1000 else figures.NONE
    return _rate(what, server, job, reference, conditions)


def disk(plan: Plan) -> Iterator[Figure]:
    """Bytes on disk for each registration, without the profile."""
    for entries in plan.sizes:
        with copy_of(plan.data(entries)) as data:
            as_it_lies = size_of(data.database)
            size = _compacted_size(data)
        details = {"as_it_lies": as_it_lies / entries - PROFILE_BYTES}
        yield _bytes_each(size, entries, entries, f"epochs of {EPOCH_SIZE:,} registrations", details)
    smallest = plan.sizes[0]
    with copy_of(plan.data(smallest)) as data:
        before = _compacted_size(data)
        fill(data.settings, range(smallest, smallest + plan.epochs), epoch_size=1)
        size = _compacted_size(data) - before
    yield _bytes_each(size, plan.epochs, smallest, "an epoch for each registration", {})


def _bytes_each(size: int, registrations: int, entries: int, batches: str, details: dict[str, float]) -> Figure:
    each = size / registrations - PROFILE_BYTES
    what = f"Disk for a registration, {batches}"
    conditions = f"profile of {PROFILE_BYTES} B not counted; compacted"
    return Figure(what, entries, each, "B", False, figures.DISK_BYTES, conditions=conditions, details=details)


def _compacted_size(data: Dataset) -> int:
    compact(data)
    return size_of(data.database)


def start(plan: Plan) -> Iterator[Figure]:
    """From the start of the process to its first answer, with the largest data set."""
    largest = plan.sizes[-1]
    seconds = []
    for _ in range(plan.starts):
        with copy_of(plan.data(largest)) as data, serving(data) as server:
            seconds.append(server.start_seconds)
    yield Figure("Start", largest, median(seconds), "s", False, figures.START_SECONDS, details={"all": seconds})


def _job(server: Server, front: str, kind: str, people: list[int], **more: Any) -> Job:
    return Job(
        front=front,
        kind=kind,
        port=server.https_port if front == "https" else server.grpc_port,
        client_config=str(server.data.client_config),
        replica_config=str(server.data.config),
        people=people,
        **more,
    )


def _rate(what: str, server: Server, job: Job, reference: Reference, conditions: str) -> Figure:
    cpu = server.cpu_seconds()
    report = load(job)
    cpu = server.cpu_seconds() - cpu
    _check(what, report)
    details = {
        "requests": report.asked,
        "verified": report.verified,
        "server_cpu_us_each": cpu / len(job.people) * 1e6,
        "generator_cpu_us_each": report.cpu / report.asked * 1e6,
    }
    return Figure(
        what, server.data.entries, report.rate, "/s", True, reference, report.p50, report.p99, conditions, details
    )


def _check(what: str, report: Report) -> None:
    if report.good != report.asked:
        raise RuntimeError(f"{what}: {report.asked - report.good} of {report.asked} failed: {report.failures}")


def _memory(server: Server, after: str) -> Figure:
    return figures.memory(f"Memory after {after}", server.data.entries, server.memory())


MEASURES: dict[str, Callable[[Plan], Iterator[Figure]]] = {
    "vrf": vrf,
    "lookups": lookups,
    "updates": updates,
    "disk": disk,
    "start": start,
    "verifier": catching_up.verifier,
    "cluster": clusters.cluster,
}
"""All measurements by name, in the order in which they are made."""
