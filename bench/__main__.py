"""``python -m bench [--quick] [--json FILE] [--entries N,…] [--only NAME]``"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench import table
from bench.measures import MEASURES, QUICK, Plan


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast the keyserver is on this machine.")
    parser.add_argument("--quick", action="store_true", help="small sizes: about a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the JSON goes (else into bench/results)")
    parser.add_argument("--entries", type=_sizes, metavar="N,…", help="numbers of registered users")
    parser.add_argument(
        "--only", action="append", choices=list(MEASURES), help="measure only this; may be given several times"
    )
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(size) for size in text.split(",")))


def main() -> None:
    """Measure, print and store."""
    asked = arguments()
    console = Console()
    load_before = os.getloadavg()[0]
    plan = replace(QUICK if asked.quick else Plan(), told=lambda text: console.print(text, style="dim"))
    if asked.entries:
        plan = replace(plan, sizes=asked.entries)
    figures = []
    for name in asked.only or MEASURES:
        for figure in MEASURES[name](plan):
            plan.told(f"{figure.what} ({figure.entries:,}): {figure.value:,.4g} {figure.unit}")
            figures.append(figure)
    table.show(figures, console)
    path = table.store(table.document(figures, load_before), asked.json)
    console.print(f"as JSON: {path}")


if __name__ == "__main__":
    main()
