"""``coname register``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NoReturn

import click

from coname.client import openpgp
from coname.client.console import options
from coname.client.console.browser import show
from coname.client.console.exits import Exit
from coname.client.console.report import Report
from coname.client.console.session import ask, find_target, identity_store
from coname.client.console.words import Words
from coname.client.login import Login
from coname.client.mailing import Mailing, MailNeeded
from coname.client.proving import Prove
from coname.messages.client_pb2 import EmailProof

MOST_BYTES = 64 * 1024
"""The largest mail that a server looks at."""


@click.command()
@click.argument("address")
@options.keys(required=True)
@options.identity
@click.option("--no-browser", is_flag=True, help="Only say where to log in, and open no browser.")
@click.option("--dkim", is_flag=True, help="Prove the address by a mail, and say which one to send.")
@click.option(
    "--mail",
    "received",
    type=click.File("rb"),
    help="That mail, complete, as it was received: a file, or - for standard input.",
)
@options.network
@options.common
@click.pass_context
def register(
    ctx: click.Context,
    address: str,
    named_keys: tuple[options.NamedKey, ...],
    identity_path: Path | None,
    no_browser: bool,
    dkim: bool,
    received: BinaryIO | None,
    network: options.Network,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Register ADDRESS, publishing its first keys.

    The signing key, which alone can change the entry later, is made here and stored before anything is sent; the file
    is shown. Given again after a failure, the command carries on where it was.

    Where the realm asks for a login, a browser opens for it, and the command waits and goes on by itself. With --dkim,
    it prints a mail to send from ADDRESS instead; given again with --mail, it takes that mail as it was received, whose
    signature by the mail server proves the address.
    """
    report = Report("register", as_json)
    keys = options.by_name(named_keys)
    with report.errors():
        target = find_target(config_path, address)
        note_certificates(report, target.address, named_keys)
        with identity_store(target, identity_path, report.identity) as store:
            proof: EmailProof | Prove = Login(target.folder, lambda where: show(where, not no_browser))
            if received is not None:
                proof = EmailProof(dkim_proof=received.read(MOST_BYTES + 1))
            elif dkim:
                proof = Mailing(target.folder)
            try:
                result = ask(ctx, target, network, lambda client: client.register(address, keys, store, proof))
            except MailNeeded as needed:
                tell_mail(report, needed.mail)
        report.result(result)


def tell_mail(report: Report, mail: str) -> NoReturn:
    """Say what to send. Nothing is registered yet."""

    def tell(words: Words) -> None:
        words.line("Send this mail, word for word:")
        words.gap()
        for line in mail.splitlines():
            words.line(line)
        words.gap()
        words.line("Save it as it arrives, with all its headers, and give the same command again with --mail FILE.")

    report.finish({"mail": mail}, tell, Exit.ABSENT)


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
