"""What the load generator is asked to do: a file of JSON; the answer is a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Job:
    """Some requests to one front.

    :ivar front: "https" or "grpc".
    :ivar kind: "lookup", "update", or "register".
    :ivar port: on the loopback interface.
    :ivar client_config: the client's configuration file.
    :ivar replica_config: the replica's, for the VRF secret: the generator needs indices without asking for them.
    :ivar people: whom to ask for or to update, by number, in order; who comes again gets the next version.
    :ivar warm_up: how many of the first requests are not counted.
    :ivar version: of the first entry that updates make for somebody.
    :ivar connections: how many.
    :ivar streams: requests under way on each connection; 1 for HTTPS.
    :ivar sample: how many answers are verified.
    :ivar more_ports: of further replicas: each connection is to the next in turn.
    """

    front: str
    kind: str
    port: int
    client_config: str
    replica_config: str
    people: list[int]
    warm_up: int = 0
    version: int = 0
    connections: int = 32
    streams: int = 1
    sample: int = 50
    more_ports: list[int] = field(default_factory=list)

    def json(self) -> str:
        """For `job_from`."""
        return json.dumps(asdict(self))


def job_from(text: str) -> Job:
    """What `Job.json` made."""
    return Job(**json.loads(text))


@dataclass(frozen=True)
class Report:
    """What came of a job.

    :ivar asked: how many requests were counted. :ivar good: how many of them were answered well.
    :ivar seconds: from the first to the last of them.
    :ivar p50: half of the answers took at most so many seconds. :ivar p99: 99 of 100 did.
    :ivar verified: how many answers were checked in full, and found right.
    :ivar cpu: seconds of processor time that the generator took.
    :ivar failures: what some of the bad answers said.
    """

    asked: int
    good: int
    seconds: float
    p50: float
    p99: float
    verified: int
    cpu: float
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds
