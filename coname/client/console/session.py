"""From a command's options to a client: what every command that asks a server does first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import click

from coname.client import places
from coname.client.client import Client
from coname.client.console.exits import UsageMistake
from coname.client.console.options import Network
from coname.client.console.running import Connect, Environment, Way
from coname.client.identity import Identity
from coname.client.identity_store import IdentityFile
from coname.client.records import FolderRecords
from coname.client.results import Result
from coname.client.state import PinnedState, realm_name
from coname.client.transports.connecting import grpc_addresses, https_urls
from coname.config import load_client
from coname.core.addresses import canonical
from coname.core.lookup import realm_for
from coname.errors import InvalidRequest, Misconfigured
from coname.messages.config_pb2 import Config, RealmConfig


@dataclass(frozen=True)
class Target:
    """An address, and the realm that answers for it.

    :ivar asked: as the command line has it.
    :ivar address: in canonical form.
    """

    config: Config
    folder: Path
    realm: RealmConfig
    asked: str
    address: str


def find_target(config_path: Path | None, asked: str) -> Target:
    """Read the configuration, and find the realm of the address `asked`.

    :raises UsageMistake: there is no configuration, no address, or no realm for it.
    :raises Misconfigured: the configuration is wrong.
    """
    path = _config_path(config_path)
    config = _load(path)
    try:
        address = canonical(asked)
    except InvalidRequest as error:
        raise UsageMistake(str(error)) from error
    try:
        return Target(config, path.absolute().parent, realm_for(config, address), asked, address)
    except InvalidRequest as error:
        known = sorted({domain for realm in config.realms for domain in realm.domains})
        raise UsageMistake(f"{error}: {path} has {', '.join(known)}") from error


def _load(path: Path) -> Config:
    """The configuration in the file `path`, which every mistake names.

    :raises Misconfigured: it is wrong.
    """
    try:
        return load_client(path)
    except Misconfigured as error:
        named = [each if each.startswith(str(path)) else f"{path}: {each}" for each in error.mistakes]
        raise Misconfigured(named) from error


def find_config(config_path: Path | None) -> Config:
    """Read the configuration.

    :raises UsageMistake: there is none, or it names no realm.
    :raises Misconfigured: it is wrong.
    """
    config = _load(_config_path(config_path))
    if not config.realms:
        raise UsageMistake("the configuration names no realm")
    return config


def _config_path(config_path: Path | None) -> Path:
    path = places.config_file() if config_path is None else config_path
    if config_path is None and not path.exists():
        raise UsageMistake(f"no configuration: give --config FILE, set CONAME_CONFIG, or put one at {path}")
    return path


def ask(ctx: click.Context, target: Target, network: Network, job: Callable[[Client], Awaitable[Result]]) -> Result:
    """What `job` comes to with a client for `target`, run to its end.

    :raises Misconfigured: the realm says neither where its gRPC is nor its HTTPS front.
    """
    environment = environment_of(ctx)
    state = PinnedState(FolderRecords(network.state_folder or places.state_folder()))

    async def run(connect: Connect) -> Result:
        client = Client(target.config, connect, state, environment.now)
        try:
            return await job(client)
        finally:
            await client.close()

    return environment.run(Way(_by_https(target.realm, network.https), target.folder, network.timeout), run)


def _by_https(realm: RealmConfig, wanted: bool) -> bool:
    """gRPC, as the original's client has it, unless HTTPS is wanted or is all there is."""
    addresses = grpc_addresses(realm)
    if not addresses and not https_urls(realm):
        raise Misconfigured([f"realm {realm.RealmName} has neither addr nor URL: where is its server?"])
    return wanted or not addresses


def environment_of(ctx: click.Context) -> Environment:
    """The world that the command runs in."""
    return ctx.obj if isinstance(ctx.obj, Environment) else Environment()


Tell = Callable[[Identity, Path, bool], None]
"""Is told of an identity, of its file, and whether it has just been stored there (rather than read)."""


def identity_store(target: Target, path: Path | None, tell: Tell) -> TellingIdentityFile:
    """The file with the signing keys of `target`.

    :param tell: is called whenever the identity was read or is safely stored.
    """
    found = places.identity_file(realm_name(target.realm), target.address) if path is None else path
    return TellingIdentityFile(found, tell)


class TellingIdentityFile(IdentityFile):
    """An identity file that tells what is in it."""

    def __init__(self, path: Path, tell: Tell) -> None:
        super().__init__(path)
        self._tell = tell

    def load(self) -> Identity | None:
        """See `IIdentityStore`."""
        identity = super().load()
        if identity is not None:
            self._tell(identity, self.path, False)
        return identity

    def save(self, identity: Identity) -> None:
        """See `IIdentityStore`."""
        super().save(identity)
        self._tell(identity, self.path, True)
