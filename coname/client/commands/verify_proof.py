"""``coname verify-proof``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from coname.client import places
from coname.client.console import options
from coname.client.console.report import Report
from coname.client.console.session import environment_of, find_target
from coname.client.judging import judged
from coname.client.lineage import Lineage, lead_on
from coname.client.proof_files import MAX_PROOF_BYTES, Stored, parse_proof
from coname.client.records import FolderRecords
from coname.client.state import PinnedState
from coname.errors import ProofInvalid
from coname.messages.config_pb2 import RealmConfig


class TimeType(click.ParamType[float]):
    """RFC 3339, or seconds since 1970 with or without a fraction."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds since 1970."""
        if isinstance(value, float):
            return value
        try:
            seconds = float(value)
            datetime.fromtimestamp(seconds, UTC)  # refuses infinities, and years that no calendar has
        except (ValueError, OverflowError, OSError):
            return self._calendar(str(value), param, ctx)
        return seconds

    def _calendar(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            self.fail(f"{value!r} is neither RFC 3339 (2030-01-31T12:00:00Z) nor seconds since 1970", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} names no time zone; end it with Z for UTC", param, ctx)
        return moment.timestamp()


@click.command("verify-proof")
@click.argument("address")
@click.argument("file", type=click.File("rb"))
@click.option("--at", "moment", type=TimeType(), help="As of that time (RFC 3339 or Unix seconds), not now.")
@options.state
@options.common
@click.pass_context
def verify_proof(
    ctx: click.Context,
    address: str,
    file: BinaryIO,
    moment: float | None,
    state_folder: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Verify a stored answer to a lookup of ADDRESS: FILE in JSON or binary, - for standard input.

    What `coname lookup ADDRESS --json` prints is one.

    Nothing is asked of a server, and remembered epoch heads play no part. Where the realm's replicas have changed, the
    changes are those that are remembered and those in FILE: each proves itself. Exit status: 0 it proves the address
    present, 1 it proves it absent, 2 usage, 3 it proves nothing.
    """
    report = Report("verify-proof", as_json, stored=True)
    with report.errors():
        target = find_target(config_path, address)
        data = file.read(MAX_PROOF_BYTES + 1)
        if len(data) > MAX_PROOF_BYTES:
            raise ProofInvalid("form", f"the file is larger than {MAX_PROOF_BYTES} bytes: no proof is")
        stored = parse_proof(data)
        now = environment_of(ctx).now() if moment is None else moment
        lineage = _lineage(target.realm, stored, state_folder or places.state_folder())
        result = judged(target.realm, lineage, address, target.address, stored.proof, now)
        if lineage is not None:
            lineage.check_head(result.verified.head)
        report.result(result)


def _lineage(realm: RealmConfig, stored: Stored, folder: Path) -> Lineage | None:
    """Who ratified the realm's epochs, by the configuration, the memory, and what came with the proof.

    :raises ProofInvalid: what came with it is not to be followed.
    """
    if not realm.HasField("keyserver_auth"):
        return None
    memory = PinnedState(FolderRecords(folder))
    lineage = memory.known_policy(realm).lineage
    if not lineage.knows(realm.keyserver_auth):
        raise memory.policy_disagreement(realm)
    *_, found = lineage, *lead_on(lineage, realm, stored.changes.changes)
    return found
