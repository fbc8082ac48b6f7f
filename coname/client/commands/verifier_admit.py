"""``coname verifier admit``: on the provider's side."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from coname.client.console.exits import UsageMistake
from coname.client.console.report import Report
from coname.client.console.words import Words
from coname.configuration import acceptance, admission, admission_changes, certificates, enrolment
from coname.configuration.admission_changes import Change
from coname.configuration.keys import create


@click.command()
@click.argument("request", metavar="REQUEST", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--realm-dir",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder that `coname init` made, with the authority in it.",
)
@click.option("--name", default="", help="What clients are to call it, like 'Example University'.")
@click.option(
    "--keyserver",
    default="",
    metavar="HOST:PORT",
    help="Where it is to connect to. Default: as the request says, or else to replica 1.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the answer there. Default: to standard output, and all words to standard error.",
)
@click.option("--apply", "apply_", is_flag=True, help="Change DIR's files as shown; the old ones are kept.")
def admit(request: Path, folder: Path, name: str, keyserver: str, out: Path | None, apply_: bool) -> None:
    """Answer the request in the file REQUEST of somebody who wants to verify the realm in DIR.

    Checks that whoever made it holds both keys, issues a certificate, and shows what to add to the configurations.
    """
    with Report("verifier", as_json=False, quiet=out is None).errors():
        if out is not None and out.exists():
            raise UsageMistake(f"{out}: there is something already, and nothing is ever overwritten")
        now = certificates.utc_now()
        asked = enrolment.read_request(request)
        realm = admission.read_realm(folder, now)
        config = admission.admit(realm, asked, now, keyserver)
        wanted = admission_changes.changes(realm, asked, name)
        backups = admission_changes.apply(wanted) if apply_ else []
        reply = acceptance.write_reply(config)
        if out is not None:
            create(out, reply, secret=False)
        words = Words(error=out is None)
        words.line(f"Admitted verifier {asked.verifier:x} (id {asked.verifier}) to {asked.realm}", "bold green")
        words.line("Is it the id that its operator told you? The request alone does not show who made it.", "yellow")
        authority = certificates.fingerprint(realm.authority.certificate)
        words.line(f"Tell it, on the same way, the fingerprint of your authority: {authority}")
        if not config.require_transcripts:
            words.line("It will be asked whether it is to sign without transcripts: this realm has none.")
        _tell_changes(words, wanted, applied=apply_)
        for backup in backups:
            words.line(f"kept the old file: {backup}", "dim")
        _tell_next(words, out, bool(wanted), realm.ours)
    if out is None:
        sys.stdout.buffer.write(reply)
        sys.stdout.flush()


def _tell_changes(words: Words, wanted: list[Change], applied: bool) -> None:
    if not wanted:
        words.line("Nothing is to be changed in the realm's files.")
    for change in wanted:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in change.place).removeprefix(".")
        if change.value is None:
            words.line(
                f"In {change.path}, add its id and public key to {place} by hand: this policy is not one that "
                "`coname init` makes, and which quorum it is to be is yours to decide.",
                "yellow",
            )
        elif applied:
            words.line(f"changed {change.path}: {place}")
        else:
            words.line(f"In {change.path}, let {place} be:")
            words.line(json.dumps(change.value, indent=2, ensure_ascii=False), "cyan")


def _tell_next(words: Words, out: Path | None, changed: bool, ours: bool) -> None:
    words.line("Next:")
    steps = [f"Send {out or 'the answer'} to the verifier's operator; there is no secret in it."]
    if changed and ours:
        steps.insert(
            0, "Give every replica its new config.json, and restart it: it then takes this signature, and HKP wants it."
        )
    if changed:
        steps.append("When the verifier signs, give everybody the new client/config.json: clients then ask for it.")
    for number, step in enumerate(steps, 1):
        words.line(f"  {number}. {step}")
