"""``python -m bench.load``: does the jobs that come on standard input, one a line, and prints a line for each."""

from __future__ import annotations

import gc
import json
import ssl
import sys
from dataclasses import asdict
from functools import partial

from bench.load import http1, http2
from bench.load.driver import Conversation, Driver, Outcome
from bench.load.jobs import Job, Report, job_from
from bench.load.requests import encoded, realm_of, verify


def work(job: Job) -> Report:
    """Do a job."""
    requests = encoded(job)
    addresses = [("127.0.0.1", port) for port in (job.port, *job.more_ports)]
    driver = Driver(addresses, _context(job), partial(_converse, job), job.connections)
    gc.collect()
    gc.freeze()
    gc.disable()
    if job.warm_up:
        driver.run(requests[: job.warm_up], 0)
    outcome = driver.run(requests[job.warm_up :], job.sample)
    gc.enable()
    driver.close()
    return _report(job, outcome)


def _converse(job: Job) -> Conversation:
    if job.front == "https":
        return http1.Http1()
    method = "Lookup" if job.kind == "lookup" else "Update"
    return http2.Http2(f"/proto.E2EKSPublic/{method}", job.streams)


def _context(job: Job) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for authority in realm_of(job).client_tls.root_cas:
        context.load_verify_locations(cadata=authority)
    context.set_alpn_protocols(http1.ALPN if job.front == "https" else http2.ALPN)
    return context


def _report(job: Job, outcome: Outcome) -> Report:
    latencies = sorted(outcome.latencies) or [0.0]
    return Report(
        asked=len(job.people) - job.warm_up,
        good=outcome.good,
        seconds=outcome.seconds,
        p50=latencies[len(latencies) // 2],
        p99=latencies[len(latencies) * 99 // 100],
        verified=verify(job, outcome.bodies),
        cpu=outcome.cpu,
        failures=[failure.decode(errors="replace") for failure in outcome.failures],
    )


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(asdict(work(job_from(line)))), flush=True)
