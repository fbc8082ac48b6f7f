"""``coname lookup``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from coname.client.console import options
from coname.client.console.exits import Exit
from coname.client.console.report import Report
from coname.client.console.session import ask, find_target
from coname.client.results import Result


class EpochType(click.ParamType[int]):
    """An epoch's number."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A number from 1 to what fits 64 bits."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and 0 < int(text) < 2**64):
            self.fail(f"{text!r} is no epoch: they are numbered 1, 2, 3, …", param, ctx)
        return int(text)


@click.command()
@click.argument("address")
@click.option("--key", "key_name", metavar="NAME", help="Print only that key, as its raw bytes; words to stderr.")
@click.option("--epoch", type=EpochType(), default=None, help="As of that epoch, not the latest.")
@options.network
@options.common
@click.pass_context
def lookup(
    ctx: click.Context,
    address: str,
    key_name: str | None,
    epoch: int | None,
    network: options.Network,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Look up the keys of ADDRESS, and verify them.

    Exit status: 0 found, 1 proved absent, 2 usage, 3 the proof does not verify, 4 not reachable, 5 refused.
    """
    raw = key_name is not None and not as_json
    report = Report("lookup", as_json, quiet=raw)
    with report.errors():
        target = find_target(config_path, address)
        result = ask(ctx, target, network, lambda client: client.lookup(address, epoch or 0))
        if key_name is None:
            report.result(result)
        _one_key(report, result, key_name, raw)


def _one_key(report: Report, result: Result, name: str, raw: bool) -> None:
    """Only the key `name`. The whole profile is proved, hence also that it holds no such key."""
    found = name in result.keys
    if found and raw:
        stream = sys.stdout.buffer
        stream.write(result.keys[name])
        stream.flush()
    report.result(result, only=name, status=Exit.DONE if found else Exit.ABSENT)
