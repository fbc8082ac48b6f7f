"""One seed aloud, or many on all cores."""

from __future__ import annotations

import multiprocessing
import sys
import time

from twisted.logger import globalLogBeginner

from tests.replication.raft.invariants import Violation
from tests.simulation.simulation import Simulation


def run_one(seed: int) -> str | None:
    """What is wrong with a seed; None: nothing."""
    try:
        Simulation(seed).run()
    except Violation as violation:
        return str(violation)
    return None


def _be_quiet() -> None:
    """Replicas log what they find, as they should: full disks. The simulation itself judges that."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)


def trace(seed: int) -> int:
    """Run one seed aloud."""
    simulation = Simulation(seed, tell=print)
    try:
        simulation.run()
    finally:
        print(f"trace hash {simulation.trace_hash}; {dict(simulation.happened)}")
    return 0


def run_many(seeds: range, processes: int) -> int:
    """Run all of them, or up to the first that fails."""
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes, _be_quiet) as pool:
        for done, failure in enumerate(pool.imap(run_one, seeds, chunksize=4), 1):
            if failure is not None:
                print(f"\n{failure}", file=sys.stderr)
                pool.terminate()
                return 1
            if done % 20 == 0 or done == len(seeds):
                took = time.monotonic() - began
                print(f"\r{done} of {len(seeds)} seeds hold, {took:.0f} s ", end="", flush=True)
    print(f"\n{len(seeds)} seeds from {seeds.start} hold")
    return 0
