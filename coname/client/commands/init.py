"""``coname init``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.text import Text

from coname.client.console.report import Report
from coname.configuration.init import InitOptions, Layout, initialise
from coname.configuration.options import OidcOptions
from coname.core.vrf import RFC9381, VRF_2017
from coname.registration.oidc_policy import LONGEST_SECRET


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--realm", required=True, metavar="NAME", help="The realm's name, for good: it is in every proof.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="D",
    help="A domain whose addresses the realm is for; may be repeated. Default: the realm's name.",
)
@click.option("--replicas", default=1, show_default=True, metavar="N", help="How many replicas to make.")
@click.option("--verifiers", default=0, show_default=True, metavar="N", help="How many verifiers to make.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="H",
    help="A name or IP address that replicas are reached by; repeated, replica n is at the nth. "
    "Default: this machine only.",
)
@click.option(
    "--base-port",
    type=int,
    metavar="P",
    help="Use the ports from P up, 10 for each replica. Default: the protocol's usual ports.",
)
@click.option(
    "--vrf-suite",
    type=click.Choice([RFC9381.name, VRF_2017.name]),
    default=RFC9381.name,
    show_default=True,
    help="2017 is broken, and only for realms that the original's programs must read.",
)
@click.option(
    "--insecure-skip-email-proof", is_flag=True, help="Let anybody register any free address: for trying it out."
)
@click.option(
    "--oidc", "oidc_issuer", metavar="URL", help="Whoever logs in at this OpenID provider may register its address."
)
@click.option("--oidc-client", "oidc_client", default="", metavar="ID", help="What that provider calls the realm.")
@click.option(
    "--oidc-secret",
    "oidc_secret",
    type=click.File(),
    metavar="FILE",
    help="The secret that the realm shows it, if it wants one; - reads standard input.",
)
@click.option(
    "--front",
    default="",
    metavar="URL",
    help="Where browsers reach the HTTPS fronts through a balancer: https://HOST[:PORT]. Default: each replica's own.",
)
def init(
    folder: Path,
    realm: str,
    domains: tuple[str, ...],
    replicas: int,
    verifiers: int,
    hosts: tuple[str, ...],
    base_port: int | None,
    vrf_suite: str,
    insecure_skip_email_proof: bool,
    oidc_issuer: str | None,
    oidc_client: str,
    oidc_secret: TextIO | None,
    front: str,
) -> None:
    """Make the keys and configurations of a new realm in DIR, which must not be there yet, or be empty.

    Nothing is ever overwritten: DIR is made as a whole, or not at all.
    """
    wanted = InitOptions(
        realm=realm,
        domains=domains,
        replicas=replicas,
        verifiers=verifiers,
        hosts=hosts,
        base_port=base_port,
        vrf_suite=vrf_suite,
        insecure_skip_email_proof=insecure_skip_email_proof,
        oidc=oidc_options(oidc_issuer, oidc_client, oidc_secret),
        front=front,
    )
    with Report("init", as_json=False).errors():
        layout = initialise(folder, wanted)
    tell(layout, Console(highlight=False, soft_wrap=True))


def oidc_options(issuer: str | None, client: str, secret: TextIO | None) -> OidcOptions | None:
    """The OpenID provider that the options name, if they do.

    :raises click.UsageError: they say more of it than that.
    """
    if issuer is None:
        if client or secret:
            raise click.UsageError("--oidc-client and --oidc-secret are about a provider: --oidc URL names it")
        return None
    return OidcOptions(issuer, client, "" if secret is None else secret.read(LONGEST_SECRET).strip())


def tell(layout: Layout, console: Console) -> None:
    """Say what was made, what each file is for, what to know, and what to type next."""
    options = layout.options
    console.print(Text(f"Made the realm {options.realm} in {layout.folder}", style="bold green"))
    console.print(Text(f"for addresses at {', '.join(options.domains)}; VRF suite {options.vrf_suite}\n", style="dim"))
    for line in _files(layout):
        console.print(line)
    console.print()
    for note in layout.notes:
        console.print(Text(f"! {note}", style="yellow"))
    console.print(Text("\nNext:", style="bold"))
    for comment, command in _next_commands(layout):
        console.print(Text(f"  # {comment}", style="dim"))
        console.print(Text(f"  {shlex.join(command)}", style="cyan"))


def _files(layout: Layout) -> Iterator[Text]:
    """The files with their purposes, a line each; secrets are marked."""
    width = max(len(file.path) for file in layout.files)
    for file in layout.files:
        mark = ("secret  ", "bold red") if file.secret else ("        ", "")
        yield Text.assemble(f"  {file.path:<{width}}  ", mark, file.purpose)


def _next_commands(layout: Layout) -> Iterator[tuple[str, list[str]]]:
    """What to type now, each command with a line on it."""
    for what, program, files in (
        ("replica", "coname", layout.replicas),
        ("verifier", "coname-verifier", layout.verifiers),
    ):
        several = len(files) > 1
        others = f" (1 of {len(files)}; the others likewise, each in a folder of its own)" if several else ""
        for file in files[:1]:
            yield f"start the {what}{others}", ["twistd", "--nodaemon", program, "--config", str(file)]
    address = f"alice@{layout.options.domains[0]}"
    client = ["--config", str(layout.client)]
    if layout.options.insecure_skip_email_proof or layout.options.oidc is not None:
        yield "register an address with a key", ["coname", "register", address, "--key", "pgp=key.asc", *client]
    yield "look an address up, and verify the answer", ["coname", "lookup", address, *client]
