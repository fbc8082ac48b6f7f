"""Printing a cluster: a table, and what comes next."""

from __future__ import annotations

from coname.client.console.words import Words
from coname.keyserver.cluster_words import COLUMNS, remarks, rows
from coname.messages.cluster_pb2 import ClusterStatus


def show(words: Words, status: ClusterStatus) -> None:
    """The table, and a line about whatever is going on."""
    words.line(f"{status.realm}: epoch {status.epoch}, as replica {status.answered_by:016x} sees it", "bold")
    table = [COLUMNS, *rows(status)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    for number, row in enumerate(table):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        words.line(cells.rstrip(), "dim" if number == 0 else "bold" if row[-1] else "")
    for remark in remarks(status):
        words.line(remark, "yellow")
