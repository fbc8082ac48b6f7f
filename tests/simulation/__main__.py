"""Runs seeds: ``python -m tests.simulation COUNT [--first SEED]`` any number of them on all cores, until one fails;
``python -m tests.simulation SEED --trace`` one, printing everything that happens.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.simulation.runner import run_many, trace


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("number", type=int, help="how many seeds; with --trace: which")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--trace", action="store_true", help="run one, and print everything that happens")
    options = parser.parse_args()
    if options.trace:
        return trace(options.number)
    return run_many(range(options.first, options.first + options.number), options.processes)


if __name__ == "__main__":
    sys.exit(main())
