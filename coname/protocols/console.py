"""What an operator has at hand in the manhole: a handful of helpers that print tables and explain themselves.

A helper never blocks and never raises at the operator: it prints, at the width of their terminal, what was found or
what went wrong. What takes a while prints again when it is done. Everything goes through `IAdministration`, which a
replica implements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from inspect import getdoc, signature
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console as Screen
from rich.table import Column, Table

from coname.configuration.describing import read_description
from coname.core.addresses import canonical
from coname.errors import ConameError, InvalidRequest
from coname.keyserver.cluster_words import COLUMNS, remarks, rows
from coname.messages.client_pb2 import Entry, Profile
from coname.messages.replication_pb2 import ReplicaChange

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from coname.interfaces import IAdministration
    from coname.keyserver.answers import Answer

MOST_EPOCHS = 1000
"""Rows that `epochs` prints at most: it works in the reactor, and a terminal keeps no more."""


class Console:
    """The helpers of one session.

    :ivar helpers: by name, as the operator calls them.
    """

    def __init__(self, administration: IAdministration, write: Callable[[str], None], width: Callable[[], int]) -> None:
        """
        :param administration: what the helpers show and do.
        :param write: shows text on the operator's terminal.
        :param width: the terminal's width now, in characters.
        """
        self._administration = administration
        self._write = write
        self._width = width
        own: list[Any] = [
            self.status,
            self.epochs,
            self.verifiers,
            self.cluster,
            self.cluster_add,
            self.cluster_remove,
            self.lookup,
            self.rotation,
            self.propose_epoch,
            self.help,
        ]
        self.helpers: dict[str, Callable[..., None]] = {helper.__name__: self._guarded(helper) for helper in own}

    def status(self) -> None:
        """Show how this replica is doing."""
        self._table(("", ""), self._administration.status().items())

    def epochs(self, count: int = 10) -> None:
        """Show the newest epochs, newest first.

        count: how many, at most 1000.
        """
        rows = self._administration.epochs(max(0, min(count, MOST_EPOCHS)))
        if rows:
            self._table(list(rows[0]), [row.values() for row in rows])
        else:
            self._say("no epoch has been closed yet")

    def verifiers(self) -> None:
        """Show the verifiers, which of them are connected, and how far each is behind."""
        rows = self._administration.verifiers()
        if rows:
            self._table(list(rows[0]), [row.values() for row in rows])
        else:
            self._say("no verifier is configured, is connected or has signed anything")

    def cluster(self) -> None:
        """Show the replicas of the realm, and what is going on with them."""
        status = self._administration.cluster()
        self._table(COLUMNS, rows(status))
        for remark in remarks(status):
            self._say(remark)

    def cluster_add(self, description: str, learner: bool = False) -> None:
        """Let a new replica join: cluster_add("/path/of/its/replica.json"), which coname cluster prepare made.

        learner: it shall answer lookups, and never sign or vote.
        """
        realm, replica = read_description(Path(description))
        if realm != self._administration.cluster().realm:
            raise InvalidRequest(f"this is for the realm {realm!r}")
        self._change(ReplicaChange(add=replica, learner=learner), replica.id)

    def cluster_remove(self, replica: str) -> None:
        """Let a replica take part no more: cluster_remove("20d9a3e8…"), its id as cluster() shows it."""
        ids = [member.replica.id for member in self._administration.cluster().members]
        found = [one for one in ids if replica and f"{one:016x}".startswith(replica.lower())]
        if len(found) != 1:
            raise InvalidRequest(f"{replica!r} is the id of {len(found) or 'no'} replicas")
        self._change(ReplicaChange(remove=found[0]), found[0])

    def _change(self, change: ReplicaChange, replica: int) -> None:
        self._say("proposed")
        told = f"replica {replica:016x}: the change has begun; cluster() shows how it goes on"
        self._administration.changeReplicas(change).addCallbacks(lambda _: self._say(told), self._failed)

    def lookup(self, address: str) -> None:
        """Show what is registered for an address: lookup("alice@example.com")."""
        self._table(("", ""), describe(self._administration.lookup(canonical(address))))

    def rotation(self, wanted: bool) -> None:
        """Take this replica out of rotation, rotation(False), or back in, rotation(True).

        Out of rotation it goes on answering; only /status and /lb say 404, so that load balancers look elsewhere.
        """
        self._administration.setRotation(bool(wanted))
        self._say(f"this replica is {'in' if wanted else 'out of'} rotation")

    def propose_epoch(self) -> None:
        """Close the current epoch now, not when its time has come. Prints its number when it is ratified."""
        self._say("proposed; the epoch's number follows")
        self._administration.proposeEpoch().addCallbacks(self._ratified, self._failed)

    def help(self, what: object = None) -> None:
        """Explain a helper, help(epochs), or list them all, help()."""
        if what is None:
            rows = [(usage(helper), _summary(helper)) for helper in self.helpers.values()]
            self._table(("helper", "what it does"), rows)
        elif callable(what):
            self._say(f"{usage(what)}\n\n{getdoc(what) or 'There is no explanation.'}")
        else:
            self._say(getdoc(what) or "There is no explanation.")

    def _guarded(self, helper: Callable[..., None]) -> Callable[..., None]:
        """`helper`, which says what went wrong rather than raise it."""

        @wraps(helper)
        def guarded(*arguments: Any, **named: Any) -> None:
            try:
                helper(*arguments, **named)
            except ConameError as error:
                self._say(f"{error.code}: {printable(str(error))}")

        return guarded

    def _ratified(self, epoch: int) -> None:
        self._say(f"epoch {epoch} is ratified")

    def _failed(self, failure: Failure) -> None:
        code = failure.value.code if isinstance(failure.value, ConameError) else type(failure.value).__name__
        self._say(f"{code}: {printable(failure.getErrorMessage())}")

    def _table(self, headings: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
        self._write(tabulated(headings, rows, self._width()))

    def _say(self, text: str) -> None:
        self._write(text + "\n")


def tabulated(headings: Sequence[str], rows: Iterable[Iterable[object]], width: int) -> str:
    """A table as plain text, its lines no longer than `width`.

    :param headings: of the columns; all empty for a table without them.
    """
    columns = [Column(heading, overflow="fold") for heading in headings]
    table = Table(*columns, show_header=any(headings), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_shown(value) for value in row))
    text = StringIO()
    Screen(file=text, width=max(width, 20), color_system=None, markup=False, emoji=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def describe(answer: Answer) -> Iterable[tuple[str, object]]:
    """The facts of a lookup's answer, to be shown to an operator."""
    yield "address", answer.user_id
    yield "epoch", answer.epoch
    if answer.entry is None:
        yield "entry", "none: the address is not registered"
        return
    entry = Entry.FromString(answer.entry)
    yield "index", entry.index
    yield "version", entry.version
    yield "owner's keys", ", ".join(f"{key_id:x}" for key_id in sorted(entry.update_policy.public_keys))
    for name, value in sorted(Profile.FromString(answer.profile or b"").keys.items()):
        yield f"key {name}", f"{len(value)} bytes"


def usage(helper: Callable[..., object]) -> str:
    """How to call `helper`: its name and parameters."""
    names = ", ".join(str(parameter.replace(annotation=parameter.empty)) for parameter in _parameters(helper))
    return f"{getattr(helper, '__name__', 'it')}({names})"


def _parameters(helper: Callable[..., object]) -> Iterable[Any]:
    try:
        return signature(helper).parameters.values()
    except (ValueError, TypeError):  # some built-in functions have none to show
        return ()


def _summary(helper: object) -> str:
    return (getdoc(helper) or "").partition("\n")[0]


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else printable(str(value))


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal could take for a command."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
