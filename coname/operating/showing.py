"""Printing a cluster: a table, and what comes next."""

from __future__ import annotations

from coname.client.console.words import Words
from coname.messages.cluster_pb2 import ClusterStatus
from coname.messages.stored_pb2 import ENTERING, JOINING, LEAVING, VOTER
from coname.operating.words import COLUMNS, progress, rows


def show(words: Words, status: ClusterStatus) -> None:
    """The table, and a line about whatever is going on."""
    words.line(f"{status.realm}: epoch {status.epoch}, as replica {status.answered_by:016x} sees it", "bold")
    table = [COLUMNS, *rows(status)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    for number, row in enumerate(table):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        words.line(cells.rstrip(), "dim" if number == 0 else "bold" if row[-1] else "")
    if status.standing:
        words.line(f"This replica does not take part: {status.standing}", "yellow")
    elif not status.leader:
        words.line("There is no leader at the moment: nothing is taken into the log.", "yellow")
    for member in status.members:
        if member.role in (JOINING, ENTERING, LEAVING):
            words.line(f"{member.replica.id:016x} {progress(status, member.replica.id)}", "yellow")
    voters = [member for member in status.members if member.role == VOTER]
    away = sum(member.known and not member.connected for member in voters)
    if away and 2 * (len(voters) - away - 1) <= len(voters):
        words.line("If one more of the voters is lost, nothing can be changed until one is back.", "yellow")
