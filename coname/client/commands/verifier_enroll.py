"""``coname verifier enroll`` and ``coname verifier accept``: on the verifier's side."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from coname.client.console.exits import UsageMistake
from coname.client.console.report import Report
from coname.client.console.words import Words
from coname.configuration import acceptance, certificates, enrolment
from coname.configuration.findings import Findings
from coname.core.quorums import describe, ids

_METRICS = "Show numbers for Prometheus there, over HTTP. Default: nowhere."
_YES = "Do not ask, whatever the answer says."
_NEW_AUTHORITY = "Accept another authority than DIR/config.json has."


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--realm", metavar="NAME", help="The realm to verify, by the name that its clients know.")
@click.option("--keyserver", default="", metavar="HOST:PORT", help="Where to connect to. Default: the provider says.")
@click.option(
    "--accept",
    "reply",
    metavar="REPLY",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The provider's answer is here: as `coname verifier accept DIR REPLY`.",
)
@click.option("--metrics", default="", metavar="HOST:PORT", help=f"With --accept. {_METRICS}")
@click.option("--new-authority", is_flag=True, help=f"With --accept. {_NEW_AUTHORITY}")
@click.option("--yes", is_flag=True, help=f"With --accept. {_YES}")
def enroll(
    folder: Path, realm: str | None, keyserver: str, reply: Path | None, metrics: str, new_authority: bool, yes: bool
) -> None:
    """Make a verifier's keys in DIR, and a request to be sent to the realm's provider.

    DIR must not be there yet, or be empty. The keys never leave it; the request holds no secret.
    """
    with Report("verifier", as_json=False).errors():
        if reply is not None:
            if realm or keyserver:
                raise click.UsageError(
                    "--accept goes without --realm and --keyserver: they are in DIR and in the reply"
                )
            _accept(folder, reply, metrics, new_authority, yes)
            return
        if realm is None:
            raise click.UsageError("--realm is missing: the name of the realm to verify")
        files = enrolment.enroll(folder, realm, keyserver)
        request = enrolment.read_request(folder / enrolment.REQUEST_FILE)
    words = Words()
    words.line(f"Made the keys of verifier {request.verifier:x} in {folder}", "bold green")
    width = max(len(file.path) for file in files)
    for file in files:
        words.line(f"  {file.path:<{width}}  {'secret  ' if file.secret else '        '}{file.purpose}")
    words.line(
        f"Next: send {folder / enrolment.REQUEST_FILE} to the provider of {realm}, and tell it this verifier's id"
    )
    words.line("on a way that nobody in between can change. With its answer:")
    words.line(f"  {shlex.join(['coname', 'verifier', 'accept', str(folder), 'REPLY'])}", "cyan")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("reply", metavar="REPLY", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--metrics", default="", metavar="HOST:PORT", help=_METRICS)
@click.option("--new-authority", is_flag=True, help=_NEW_AUTHORITY)
@click.option("--yes", is_flag=True, help=_YES)
def accept(folder: Path, reply: Path, metrics: str, new_authority: bool, yes: bool) -> None:
    """Check the provider's answer, the file REPLY, against the keys in DIR, and write DIR/config.json.

    What it makes less strict than usual, or other than was asked for, is shown, and asked about.

    If that is there already, only its certificate is replaced; the old file is kept.
    """
    with Report("verifier", as_json=False).errors():
        _accept(folder, reply, metrics, new_authority, yes)


def _accept(folder: Path, reply: Path, metrics: str, new_authority: bool, yes: bool) -> None:
    def confirm(differences: Sequence[str]) -> None:
        words = Words()
        words.line("The answer does not show who made it, and says what should be looked at:", "bold yellow")
        for difference in differences:
            words.line(f"  {difference}", "yellow")
        if not yes and not click.confirm("Is all of this meant?"):
            raise UsageMistake("not accepted: nothing was written")

    now = certificates.utc_now()
    tell_accepted(acceptance.accept(folder, reply, now, metrics, new_authority=new_authority, confirm=confirm))


def tell_accepted(accepted: acceptance.Accepted) -> None:
    """Say what the configuration is now, what to compare, and what to type next."""
    words, config = Words(), accepted.config
    (certificate,) = certificates.parse(config.tls.certificates[0].certificate[:1], Findings())
    replaced = "the certificate and the authority" if accepted.old_authorities else "the certificate"
    words.line(
        f"Replaced {replaced} in {accepted.path}" if accepted.renewed else f"Wrote {accepted.path}", "bold green"
    )
    for fingerprint in accepted.old_authorities:
        words.line(f"No more believed: the authority {fingerprint}.", "yellow")
    if accepted.old_authorities or not accepted.renewed:
        words.line(
            "Who the keyserver is, is said by the authority with this SHA-256 fingerprint. Compare it with what the"
        )
        words.line("provider reads to you, by telephone or in person:")
        for fingerprint in acceptance.fingerprints(config.tls.root_cas):
            words.line(f"  {fingerprint}")
    words.line(f"It follows {config.keyserver_addr}, for the realm {config.realm}.")
    words.line(f"Its certificate is valid until {certificate.not_valid_after_utc:%Y-%m-%d}.")
    if not accepted.renewed:
        policy = config.initial_keyserver_auth
        words.line(f"It holds an epoch for ratified if signed by {describe(policy.quorum)}. Compare these ids with the")
        words.line(f"configuration that the realm's clients have: {ids(policy.public_keys)}")
    command = ["twistd", "--nodaemon", "--pidfile=", "coname-verifier", "--config", str(accepted.path)]
    words.line("Next: restart it" if accepted.renewed else "Next: run it")
    words.line(f"  {shlex.join(command)}", "cyan")
