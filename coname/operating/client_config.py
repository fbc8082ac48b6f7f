"""``coname cluster client-config``: a client's configuration, after changes of the replicas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coname.client import places
from coname.client.console import options
from coname.client.console.exits import Exit, UsageMistake
from coname.client.console.report import Report
from coname.client.console.running import Connect, Way
from coname.client.console.session import environment_of
from coname.client.records import FolderRecords
from coname.configuration import client_changes, listen
from coname.configuration.reaching import Reached, reached
from coname.errors import Unreachable
from coname.messages.config_pb2 import RealmConfig
from coname.operating.options import json_option, one_of

if TYPE_CHECKING:
    from coname.client.renewing import Renewed

ELSEWHERE = "If the servers are elsewhere now, say where: --replica, --address or --url"
"""What to do where none of those in the file can be reached."""

file_type = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("client-config")
@click.argument("path", metavar="CLIENT_CONFIG", type=file_type)
@click.option(
    "--replica",
    "replicas",
    multiple=True,
    metavar="FILE",
    type=file_type,
    help="A replica's config.json: its fronts are to be among the servers. May be repeated; name all of them.",
)
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="HOST:PORT",
    help="Where a public gRPC is, in the place of all that are there (addr, addrs). May be repeated.",
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="URL",
    help="Where an HTTPS front is, in the place of all that are there (URL, URLs). May be repeated.",
)
@click.option("--name", "names", multiple=True, metavar="ID=NAME", help="What clients are to call a replica.")
@click.option("--realm", "realm_name", default="", metavar="NAME", help="Which realm, if there are several.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long to wait for each server. [default: 15]",
)
@options.state
@click.option("--dry-run", is_flag=True, help="Write nothing, but show the fields as they would be.")
@json_option
@click.pass_context
def client_config(
    ctx: click.Context,
    path: Path,
    replicas: tuple[Path, ...],
    addresses: tuple[str, ...],
    urls: tuple[str, ...],
    names: tuple[str, ...],
    realm_name: str,
    timeout: float | None,
    state_folder: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring the configuration of clients in the file CLIENT_CONFIG up to date, for those who begin with it.

    The replicas that sign now are found as every client finds them: from those in the file, by signatures, without
    trusting a server. Where servers are, no signature says; it stays as it is, unless --replica, --address or --url
    tell. Every server that is to be in the file is asked. It is written in one step, and the old one is kept.

    Exit status: 0 done, or nothing to do, 2 usage, 3 an answer does not verify, 4 no server reached.
    """
    from coname.client.renewing import renewed
    from coname.operating.client_config_words import document, show

    report = Report("cluster client-config", as_json)
    with report.errors():
        file = client_changes.read(path)
        if not dry_run:
            client_changes.check_writable(file.path)
        position = file.position(realm_name)
        named = [_id_and_name(each) for each in names]
        before = file.config.realms[position]
        known = _of_realm(before, [reached(each) for each in replicas])
        placed = _placed(
            before,
            addresses or [each for one in known for each in one.addresses],
            urls or [each for one in known for each in one.urls],
        )
        environment = environment_of(ctx)
        kept = FolderRecords(state_folder or places.state_folder())

        async def ask(connect: Connect) -> Renewed:
            return await renewed(placed, connect, kept, environment.now)

        try:
            found = environment.run(Way(True, path.absolute().parent, timeout, either=True), ask)
        except Unreachable as error:
            raise error if placed != before else Unreachable(f"{error}. {ELSEWHERE}") from error
        after = _named(found.realm, named)
        backup = None if dry_run else client_changes.write(file, position, after)
        content = document(file, position, found, after, backup)
        report.finish(content, lambda words: show(words, content, found, before, known), Exit.DONE)


def _of_realm(realm: RealmConfig, known: Sequence[Reached]) -> Sequence[Reached]:
    for each in known:
        if each.realm != realm.RealmName:
            raise UsageMistake(f"{each.path} is of the realm {each.realm!r}, not of {realm.RealmName!r}")
    return known


def _placed(realm: RealmConfig, addresses: Sequence[str], urls: Sequence[str]) -> RealmConfig:
    """`realm` with other servers; those of a kind that is not given stay."""
    found = RealmConfig()
    found.CopyFrom(realm)
    addresses, urls = list(dict.fromkeys(addresses)), list(dict.fromkeys(urls))
    for address in addresses:
        try:
            listen.parse(address)
        except ValueError as error:
            raise UsageMistake(f"--address: {error}") from error
    for url in urls:
        if not url.startswith("https://"):
            raise UsageMistake(f"--url: {url!r} does not start with https://")
    if addresses:
        found.addr, found.addrs[:] = addresses[0], addresses[1:]
    if urls:
        found.URL, found.URLs[:] = urls[0], urls[1:]
    return found


def _id_and_name(text: str) -> tuple[str, str]:
    replica, _, name = text.partition("=")
    if not (replica and name):
        raise UsageMistake(f"--name: {text!r} is not ID=NAME")
    return replica, name


def _named(realm: RealmConfig, names: Sequence[tuple[str, str]]) -> RealmConfig:
    """`realm` with what its replicas are to be called."""
    found = RealmConfig()
    found.CopyFrom(realm)
    for text, name in names:
        found.signer_names[one_of(sorted(realm.keyserver_auth.public_keys), text, "replica that signs")] = name
    return found
