"""The reference has what the code has: no field, code, path or table is missing, and none is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname import errors
from coname.client import planning
from coname.client.console import documents, exits, verdicts
from coname.client.transports import refusals
from coname.configuration import defaults
from coname.core import evidence
from coname.following import tally
from coname.keyserver import tables
from coname.messages import config_pb2
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.protocols import metrics, openapi
from tests.docs.pages import DOCS, rows, section

REFERENCE = DOCS / "reference"


def code(cell: str) -> str:
    """The text of a cell that is `code`."""
    return cell.strip("`")


def messages(*roots: Any) -> dict[str, Any]:
    """The descriptors of the messages in `roots`, and of those within them, by name."""
    found: dict[str, Any] = {}
    waiting = [root.DESCRIPTOR for root in roots]
    while waiting:
        message = waiting.pop()
        if message.name in found:
            continue
        if not message.GetOptions().map_entry:
            found[message.name] = message
        waiting.extend(field.message_type for field in message.fields if field.message_type is not None)
    return found


def kinds(base: type[errors.ConameError]) -> Iterator[type[errors.ConameError]]:
    """`base`, and all errors derived from it that `coname.errors` declares."""
    yield base
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from kinds(kind)


class Configuration(SynchronousTestCase):
    page = REFERENCE / "configuration.md"

    def documented(self, message: str) -> list[str]:
        return [code(row[0]) for row in rows(section(self.page, message))]

    def test_has_every_field_of_every_message_and_no_other(self) -> None:
        read = messages(config_pb2.ReplicaConfig, config_pb2.Config, config_pb2.VerifierConfig)
        declared = {name: [field.name for field in message.fields] for name, message in read.items()}
        self.assertEqual({name: self.documented(name) for name in declared}, declared)

    def test_has_the_defaults_of_the_limits(self) -> None:
        limits = defaults.with_defaults(config_pb2.Limits())
        shown = {code(row[0]): int(row[1].split()[0]) for row in rows(section(self.page, "Limits"))}
        self.assertEqual(shown, {field.name: getattr(limits, field.name) for field in limits.DESCRIPTOR.fields})


class Errors(SynchronousTestCase):
    page = REFERENCE / "errors.md"

    def test_has_every_code_with_its_statuses(self) -> None:
        declared = {
            (kind.code, str(kind.http_status), kind.grpc_status)
            for kind in kinds(errors.ConameError)
            if kind is not errors.Unreachable  # which is the client's own
        }
        shown = {(code(row[0]), row[1], code(row[2])) for row in rows(section(self.page, "What a server answers"))}
        self.assertEqual(shown, declared)

    def test_has_the_codes_that_only_http_has(self) -> None:
        text = "\n".join(path.read_text() for path in (DOCS.parent / "coname" / "protocols").glob("*.py"))
        sent = set(re.findall(r"(?:HttpError|refuse|error_response)\(\s*(\d{3}), \"(\w+)\"", text))
        known = {(str(kind.http_status), kind.code) for kind in kinds(errors.ConameError)}
        shown = {(row[1], code(row[0])) for row in rows(section(self.page, "Of HTTP only"))}
        self.assertEqual(sent - known - shown, set())

    def test_has_the_client_s_codes_with_their_exit_statuses(self) -> None:
        own = [exits.UsageMistake, refusals.ServerFailed, planning.AlreadyRegistered, planning.NotOwner]
        local = [errors.Misconfigured, errors.Corrupt, errors.ProofInvalid, errors.Unreachable]
        declared = {(kind.code, str(int(exits.status_of(made(kind))))) for kind in [*own, *local]}
        shown = {(code(row[0]), row[1]) for row in rows(section(self.page, "Of the client only"))}
        self.assertEqual(shown, declared)


def made(kind: type[errors.ConameError]) -> errors.ConameError:
    """An error of that kind."""
    if issubclass(kind, errors.Misconfigured):
        return kind(["why"])
    return kind("step", "why") if issubclass(kind, errors.ProofInvalid) else kind("why")


class Commands(SynchronousTestCase):
    def test_has_every_exit_status(self) -> None:
        shown = {int(row[0]) for row in rows(section(REFERENCE / "commands.md", "Exit statuses"))}
        self.assertEqual(shown, {int(status) for status in exits.Exit})

    def test_has_every_field_of_the_json(self) -> None:
        declared = set(re.findall(r"``(\w+)``:", documents.__doc__ or ""))
        fields = {code(row[0]) for row in rows((REFERENCE / "json.md").read_text())}
        self.assertEqual(declared - fields, {"code", "message", "step"} & declared)


class Evidence(SynchronousTestCase):
    page = REFERENCE / "evidence.md"

    def test_has_every_rule(self) -> None:
        shown = [code(row[0]) for row in rows(section(self.page, "How it is judged"))]
        self.assertEqual(sorted(shown), sorted(evidence.RULES))

    def test_has_every_field_of_the_file(self) -> None:
        shown = [code(row[0]) for row in rows(section(self.page, "The file"))]
        self.assertEqual(shown, [field.name for field in EvidenceBundle.DESCRIPTOR.fields])

    def test_has_every_field_of_the_verdict(self) -> None:
        declared = set(re.findall(r"``(\w+)``:", verdicts.__doc__ or ""))
        shown = {code(row[0]) for row in rows(section(self.page, "The verdict in JSON"))}
        self.assertEqual(declared - shown, set())


class Http(SynchronousTestCase):
    def test_has_every_path_and_method(self) -> None:
        paths = openapi.document()["paths"]
        declared = {f"`{method.upper()} {path}`" for path, methods in paths.items() for method in methods}
        text = (REFERENCE / "http.md").read_text()
        headings = {found for line in re.findall(r"^## (.+)$", text, re.MULTILINE) for found in line.split(", ")}
        self.assertEqual(declared - headings, {"`HEAD /status`", "`HEAD /lb`"})

    def test_names_every_status_of_the_calls(self) -> None:
        for path in ("/lookup", "/update"):
            responses = openapi.document()["paths"][path]["post"]["responses"]
            text = section(REFERENCE / "http.md", f"`POST {path}`")
            if path == "/update":
                text += section(REFERENCE / "http.md", "`POST /lookup`")
            self.assertEqual([status for status in responses if status not in text], [], path)


class Metrics(SynchronousTestCase):
    def test_has_every_metric_with_its_kind(self) -> None:
        families = metrics.TallyCollector(tally.Tally()).collect()
        declared = {(one.name + "_total" * (one.type == "counter"), one.type) for one in families}
        shown = {(code(row[0]), row[1]) for row in rows((REFERENCE / "metrics.md").read_text())}
        self.assertEqual(shown, declared)


class Database(SynchronousTestCase):
    def test_has_every_table(self) -> None:
        declared = re.findall(r"^``(\w)``", tables.__doc__ or "", re.MULTILINE)
        shown = [code(row[0]) for row in rows((REFERENCE / "database.md").read_text()) if len(row[0]) == 3]
        self.assertEqual(sorted(set(shown) & set(declared)), sorted(declared))
