"""The figures as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import __version__ as protobuf_version
from rich.console import Console
from rich.table import Table

from bench.figures import Figure
from coname import __version__

_WIDTH = 180  # in files and pipes, which have none of their own
RESULTS = Path(__file__).parent / "results"


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table."""
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(title="coname on this machine", caption=_CAPTION, caption_justify="left")
    for name in ("what", "entries", "measured", "p50", "p99", "original", "aim", "conditions"):
        table.add_column(name, justify="left" if name in ("what", "conditions") else "right", overflow="fold")
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)


_CAPTION = (
    "original: the Go keyserver's figures as given for a 2-core machine with the load generator on it; not measured "
    "here. Green: as good or better; red: not."
)


def _cells(figure: Figure) -> list[str]:
    reference = figure.reference
    return [
        figure.what,
        f"{figure.entries:,}" if figure.entries else "",
        f"[bold]{_number(figure.value)} {figure.unit}[/bold]",
        _milliseconds(figure.p50),
        _milliseconds(figure.p99),
        _compared(reference.original, figure.reaches(reference.original)),
        _compared(reference.aim, figure.reaches(reference.aim)),
        figure.conditions,
    ]


def _compared(wanted: float | None, reached: bool | None) -> str:
    return "" if wanted is None else f"[{'green' if reached else 'red'}]{_number(wanted)}[/]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{_number(seconds * 1000)} ms"


def document(figures: Sequence[Figure], load_before: float) -> dict[str, Any]:
    """The figures with what they depend on.

    :param load_before: the machine's load average before anything was measured.
    """
    return {
        "coname": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processors": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "grpcio": grpc.__version__,
            "protobuf": protobuf_version,
            "load_before": load_before,
        },
        "figures": [figure.document() for figure in figures],
    }


def store(content: dict[str, Any], path: Path | None) -> Path:
    """Write the JSON to `path`, or to a new file in ``bench/results``."""
    if path is None:
        path = RESULTS / f"{content['time'].replace(':', '')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
