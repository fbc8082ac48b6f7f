"""``coname update``."""

from __future__ import annotations

from pathlib import Path

import click

from coname.client.commands.register import note_certificates
from coname.client.console import options
from coname.client.console.exits import UsageMistake
from coname.client.console.report import Report
from coname.client.console.session import ask, find_target, identity_store
from coname.client.planning import Change


@click.command()
@click.argument("address")
@options.keys(required=False)
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Withdraw that key. May be repeated.")
@click.option("--rotate", is_flag=True, help="Replace the signing key by a new one.")
@options.identity
@options.network
@options.common
@click.pass_context
def update(
    ctx: click.Context,
    address: str,
    named_keys: tuple[options.NamedKey, ...],
    removed: tuple[str, ...],
    rotate: bool,
    identity_path: Path | None,
    network: options.Network,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Change the keys of ADDRESS; those not named stay.

    Given again after a failure, the command carries on where it was; without --key, --remove and --rotate it does only
    that.
    """
    report = Report("update", as_json)
    change = Change(options.by_name(named_keys), removed, rotate)
    both = sorted(set(change.publish) & set(removed))
    if both:
        raise click.UsageError(f"{both[0]} is both in --key and in --remove")
    with report.errors():
        target = find_target(config_path, address)
        note_certificates(report, target.address, named_keys)
        with identity_store(target, identity_path, report.identity) as store:
            if not store.path.exists():
                raise UsageMistake(f"no identity at {store.path}: register makes one, --identity names another")
            result = ask(ctx, target, network, lambda client: client.update(address, change, store))
        report.result(result)
