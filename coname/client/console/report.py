"""How a command ends: its result or its error is told once, here, and the exit status goes with it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from coname.client.console.advice import advice
from coname.client.console.documents import (
    SCHEMA,
    error_document,
    identity_document,
    result_document,
    warnings,
)
from coname.client.console.exits import Exit, UsageMistake, status_of
from coname.client.console.words import Words
from coname.client.identity import Identity
from coname.client.results import Result
from coname.client.signers import in_lines
from coname.errors import ConameError, Misconfigured, ProofInvalid


class Report:
    """The one voice of a command.

    :param command: its name.
    :param as_json: one JSON object on standard output, and nothing else.
    :param quiet: words go to standard error, because standard output is for bytes.
    :param stored: it is about a stored proof; no server is asked.
    """

    def __init__(self, command: str, as_json: bool, quiet: bool = False, stored: bool = False) -> None:
        self._command = command
        self._stored = stored
        self._json = as_json
        self._words = Words(error=quiet)
        self._identity: dict[str, Any] | None = None
        self._pending = False

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Everything that goes wrong within is told, and ends the command."""
        try:
            yield
            sys.stdout.flush()
        except ConameError as error:
            self.fail(error)
        except BrokenPipeError:
            raise click.exceptions.Exit(Exit.BROKEN_PIPE) from None
        except OSError as error:
            self.fail(UsageMistake(f"{error.filename or 'a file'}: {error.strerror or error}"))

    def note(self, text: str) -> None:
        """Something on the way; words only."""
        if not self._json:
            self._words.line(text, "dim")

    def identity(self, identity: Identity, path: object, stored: bool) -> None:
        """Where the signing keys are; told at once, so that it is known whatever happens next.

        :param stored: it has just been stored there, rather than read.
        """
        known = [] if self._identity is None else self._identity["key_ids"]
        self._identity, self._pending = identity_document(identity, path), identity.pending is not None
        signing_key = self._identity["key_ids"][-1]
        if signing_key in known:
            return
        if stored:
            self.note(f"made signing key {signing_key}, which is in {path}: keep a copy of that file")
        else:
            self.note(f"signing key {signing_key}, from {path}")

    def result(self, result: Result, only: str | None = None, status: Exit | None = None) -> NoReturn:
        """Tell a verified answer and exit.

        :param only: the one key that was asked for.
        :param status: where the outcome does not say it all.
        """
        status = (Exit.DONE if result.present else Exit.ABSENT) if status is None else status
        if self._json:
            self._document(result_document(result, only), status)
        else:
            self._tell(result, only)
        raise click.exceptions.Exit(status)

    def finish(self, document: dict[str, Any], tell: Callable[[Words], None], status: Exit) -> NoReturn:
        """Tell anything else, and exit.

        :param document: its fields; the words are left to `tell`.
        """
        if self._json:
            self._document(document, status)
        else:
            tell(self._words)
        raise click.exceptions.Exit(status)

    def _tell(self, result: Result, only: str | None) -> None:
        if result.asked != result.address:
            self._words.line(f"{result.asked} was asked for in its canonical form, {result.address}", "yellow")
        self._words.headline(result, only)
        self._words.steps(result.steps)
        self._words.gap()
        self._words.keys(result, only)
        self._words.entry(result)
        self._words.vouchers(result)
        for note in result.notes:
            self._words.line(f"note: {note}", "dim")
        for warning in warnings(result):
            self._words.line(f"warning: {warning}", "bold red")

    def fail(self, error: ConameError) -> NoReturn:
        """Tell what went wrong and exit."""
        status = status_of(error)
        if self._json:
            self._document({"error": error_document(error)}, status)
        else:
            self._complain(error)
        raise click.exceptions.Exit(status)

    def _complain(self, error: ConameError) -> None:
        words = Words(error=True)
        mistakes = error.mistakes if isinstance(error, Misconfigured) else [in_lines(str(error))]
        what = f"not verified ({error.step})" if isinstance(error, ProofInvalid) else "error"
        for mistake in mistakes:
            words.line(f"{what}: {mistake}", "bold red")
        what_to_do = advice(error, self._stored, self._pending)
        if what_to_do:
            words.line(what_to_do)

    def _document(self, content: dict[str, Any], status: Exit) -> None:
        head = {"schema": SCHEMA, "command": self._command, "exit_status": int(status)}
        identity = {} if self._identity is None else {"identity": self._identity}
        click.echo(_escaped(json.dumps(head | content | identity, indent=2, ensure_ascii=False)))


def _escaped(document: str) -> str:
    """A JSON document without anything that could move a cursor or turn text around, which JSON allows as it is."""
    return _NOT_ASCII.sub(lambda found: found[0] if found[0].isprintable() else _escape(found[0]), document)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


_NOT_ASCII = re.compile(r"[^\x00-\x7e]")  # of the rest, json.dumps leaves only its own newlines as they are
