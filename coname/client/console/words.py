"""What people read: step by step, with colour and alignment on a terminal, and as plain lines in a pipe.

Text from elsewhere (key names, user ids, sentences of servers) is printed without markup and control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from coname.client import openpgp
from coname.client.console.documents import rfc3339
from coname.client.results import Outcome, Result
from coname.client.transports.refusals import printable
from coname.client.vouching import span, vouchers
from coname.core.quorums import ids
from coname.errors import InvalidRequest

_HEADLINES = {
    Outcome.PRESENT: "{address}: proved present in epoch {epoch} of realm {realm}",
    Outcome.ABSENT: "{address}: proved absent, it has no entry in epoch {epoch} of realm {realm}",
    Outcome.REGISTERED: "{address}: registered, and proved present in epoch {epoch} of realm {realm}",
    Outcome.UPDATED: "{address}: updated, and proved to be in force in epoch {epoch} of realm {realm}",
    Outcome.UNCHANGED: "{address}: nothing left to do, this is in force in epoch {epoch} of realm {realm}",
}

_NO_SUCH_KEY = "{address}: proved to have no key {name} in epoch {epoch} of realm {realm}"

SHOWN_CHARACTERS = 60
"""Of a key that is text; the whole of it is what ``lookup --key`` prints."""

SHOWN_DIGITS = 16
"""Of a hash, on a terminal: enough to compare by eye. A pipe gets all of it, as does ``--json``."""

_HASH = re.compile(r"\b[0-9a-f]{64,}\b")


class _Console(Console):
    """A console that leaves it to the command what a broken pipe means."""

    def on_broken_pipe(self) -> None:
        """Rich would exit with status 1, which means "proved absent" here."""
        raise BrokenPipeError


class Words:
    """Prints to one stream.

    :param error: to standard error rather than standard output.
    """

    def __init__(self, error: bool = False) -> None:
        self._console = _Console(stderr=error, highlight=False)
        self._rich = self._console.is_terminal

    def line(self, text: str, style: str = "") -> None:
        """One line. Never wrapped by us: a path must be fit for copying."""
        self._console.print(Text(printable_lines(text), style=style), soft_wrap=True)

    def gap(self) -> None:
        """An empty line between parts, where somebody looks at them."""
        if self._rich:
            self._console.print()

    def headline(self, result: Result, only: str | None = None) -> None:
        """What came of it.

        :param only: the one key that was asked for.
        """
        missing = only is not None and result.present and only not in result.keys
        text = (_NO_SUCH_KEY if missing else _HEADLINES[result.outcome]).format(
            address=result.address, epoch=result.epoch, realm=result.realm.RealmName, name=only
        )
        self.line(text, "bold yellow" if missing or not result.present else "bold green")

    def steps(self, steps: Iterable[tuple[str, str]]) -> None:
        """What was checked, and held."""
        tick = "✓" if self._rich else "ok"
        self._rows([(tick, name, self._abbreviated(sentence)) for name, sentence in steps], "green")

    def _abbreviated(self, text: str) -> str:
        """`text` with its hashes in full, or with their beginnings where somebody looks at them."""
        return _HASH.sub(lambda found: f"{found[0][:SHOWN_DIGITS]}…", text) if self._rich else text

    def keys(self, result: Result, only: str | None = None) -> None:
        """The keys, with what can be said of them in a line.

        :param only: the one key that was asked for.
        """
        keys = sorted((name, value) for name, value in result.keys.items() if only in (None, name))
        self._rows([(name, f"{len(value)} bytes", describe_key(name, value)) for name, value in keys], "bold")

    def entry(self, result: Result) -> None:
        """The entry, and when its epoch was closed."""
        closed = rfc3339(result.verified.head.issue_time)
        if result.entry is not None:
            owners = ids(result.entry.update_policy.public_keys)
            self.line(f"entry version {result.entry.version}, changed by signing key {owners or 'none'}", "dim")
        ago = span(result.checked_at - result.verified.head.issue_time)
        self.line(f"epoch {result.epoch} was closed at {closed}, {ago} ago", "dim")

    def vouchers(self, result: Result) -> None:
        """Who vouches for the epoch, and since when."""
        self.line("vouched for by", "dim")
        rows = []
        for each in vouchers(result):
            signed = (
                "has not signed" if each.signed_at is None else f"signed {span(result.checked_at - each.signed_at)} ago"
            )
            rows.append((f"  {each.name or 'signer'}", str(each.signer), signed))
        self._rows(rows, "bold")

    def _rows(self, rows: Sequence[tuple[str, str, str]], style: str) -> None:
        """Three columns; on a terminal the last one is wrapped within itself."""
        if not rows:
            return
        if self._rich:
            table = Table.grid(padding=(0, 2))
            for first, second, third in rows:
                table.add_row(Text(printable_lines(first), style), Text(second), Text(printable_lines(third)))
            self._console.print(table)
            return
        width, next_width = (max(len(row[column]) for row in rows) for column in (0, 1))
        for first, second, third in rows:
            self.line(f"{first:<{width}}  {second:<{next_width}}  {third}".rstrip())


def printable_lines(text: str) -> str:
    """`text` without anything that could move a cursor, line by line."""
    return "\n".join("".join(each if each.isprintable() else "?" for each in line) for line in text.split("\n"))


def describe_key(name: str, value: bytes) -> str:
    """A key in a line: what it is if that is known, its beginning if it is text, its own bytes otherwise."""
    if name == openpgp.KEY_NAME:
        try:
            found = openpgp.certificate(value)
        except InvalidRequest as error:
            return f"not an OpenPGP certificate that can be used ({printable(str(error))})"
        return " ".join(["OpenPGP certificate", found.fingerprint, *map(printable, found.user_ids)])
    return _first_line(value) or _shortened(value.hex())


def _first_line(value: bytes) -> str:
    """The beginning of a text; nothing if it is not one."""
    try:
        lines = value.decode().strip().split("\n")
    except UnicodeDecodeError:
        return ""
    if not all(line.isprintable() for line in lines):
        return ""
    return lines[0] if lines == [_shortened(lines[0])] else f"{lines[0][:SHOWN_CHARACTERS]}…"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
