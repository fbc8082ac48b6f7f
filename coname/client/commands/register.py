"""``coname register``."""

from __future__ import annotations

from pathlib import Path

import click

from coname.client import openpgp
from coname.client.console import options
from coname.client.console.browser import show
from coname.client.console.report import Report
from coname.client.console.session import ask, find_target, identity_store
from coname.client.login import Login


@click.command()
@click.argument("address")
@options.keys(required=True)
@options.identity
@click.option("--no-browser", is_flag=True, help="Only say where to log in, and open no browser.")
@options.network
@options.common
@click.pass_context
def register(
    ctx: click.Context,
    address: str,
    named_keys: tuple[options.NamedKey, ...],
    identity_path: Path | None,
    no_browser: bool,
    network: options.Network,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Register ADDRESS, publishing its first keys.

    The signing key, which alone can change the entry later, is made here and stored before anything is sent; the file
    is shown. Given again after a failure, the command carries on where it was.

    Where the realm asks for a login, a browser opens for it, and the command waits and goes on by itself.
    """
    report = Report("register", as_json)
    keys = options.by_name(named_keys)
    with report.errors():
        target = find_target(config_path, address)
        note_certificates(report, target.address, named_keys)
        with identity_store(target, identity_path, report.identity) as store:
            login = Login(target.folder, lambda where: show(where, not no_browser))
            result = ask(ctx, target, network, lambda client: client.register(address, keys, store, login))
        report.result(result)


def note_certificates(report: Report, address: str, named_keys: tuple[options.NamedKey, ...]) -> None:
    """Say which certificates are published, and when one does not seem to be the address's."""
    for key in named_keys:
        if key.certificate is None:
            continue
        report.note(f"{openpgp.KEY_NAME}: OpenPGP certificate {key.certificate.fingerprint}")
        if not key.certificate.names(address):
            report.note(
                f"no user id of this certificate names {address}: mail programs may not take it for that address"
            )
