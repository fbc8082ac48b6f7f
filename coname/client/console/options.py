"""The options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from coname.client import openpgp
from coname.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])

MAX_KEY_BYTES = 1024 * 1024
"""The largest file that is read as a key. Servers take far less; this only keeps a slip from filling the memory."""


@dataclass(frozen=True)
class NamedKey:
    """What ``--key NAME=FILE`` names, read and checked.

    :ivar certificate: what the file holds, under the name ``pgp``.
    """

    name: str
    value: bytes
    certificate: openpgp.Certificate | None = None


class NamedKeyType(click.ParamType[NamedKey]):
    """NAME=FILE; under the name ``pgp`` the file must be an OpenPGP certificate, which is stored without armour."""

    name = "NAME=FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> NamedKey:
        """Read the file. Whatever is wrong is a mistake in usage."""
        if isinstance(value, NamedKey):
            return value
        name, equals, file_name = str(value).partition("=")
        if not (name and equals and file_name):
            self.fail(f"{value!r} is not NAME=FILE, as in pgp=alice.asc", param, ctx)
        data = click.File("rb").convert(file_name, param, ctx).read(MAX_KEY_BYTES + 1)
        if not data:
            self.fail(f"{file_name} is empty", param, ctx)
        if len(data) > MAX_KEY_BYTES:
            self.fail(f"{file_name} is larger than {MAX_KEY_BYTES} bytes", param, ctx)
        if name != openpgp.KEY_NAME:
            return NamedKey(name, data)
        try:
            found = openpgp.certificate(data)
        except InvalidRequest as error:
            self.fail(f"{file_name}: {error}", param, ctx)
        return NamedKey(name, found.binary, found)


def common(command: F) -> F:
    """``--config`` and ``--json``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of words.")(command)
    return click.option(
        "--config",
        "config_path",
        envvar="CONAME_CONFIG",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The realms to know, as JSON or TOML. Also from CONAME_CONFIG; else ~/.config/coname/config.json.",
    )(command)


@dataclass(frozen=True)
class Network:
    """How a command asks.

    :ivar https: at the realm's URL, even if it has a gRPC address.
    :ivar timeout: seconds to wait for an answer; None for the defaults.
    :ivar state_folder: where epoch heads are remembered; None for the default.
    """

    https: bool
    timeout: float | None
    state_folder: Path | None


def state(command: F) -> F:
    """``--state``."""
    return click.option(
        "--state",
        "state_folder",
        envvar="CONAME_STATE",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where epoch heads are remembered. Also from CONAME_STATE; else ~/.local/state/coname.",
    )(command)


def network(command: Callable[..., None]) -> Callable[..., None]:
    """What commands have that ask a server, ``--https``, ``--timeout`` and ``--state``: one argument, `network`."""

    @wraps(command)
    def bundling(*args: Any, https: bool, timeout: float | None, state_folder: Path | None, **kwargs: Any) -> None:
        command(*args, network=Network(https, timeout, state_folder), **kwargs)

    decorated = click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="How long to wait for an answer. [default: 15 for a lookup, 45 for an update]",
    )(state(bundling))
    return click.option(
        "--https", is_flag=True, help="Ask over HTTPS, at the realm's URL, even if it has a gRPC addr."
    )(decorated)


def identity(command: F) -> F:
    """``--identity``."""
    return click.option(
        "--identity",
        "identity_path",
        envvar="CONAME_IDENTITY",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The file with the address's signing keys. Also from CONAME_IDENTITY; else in ~/.local/share/coname.",
    )(command)


def keys(required: bool) -> Callable[[F], F]:
    """``--key NAME=FILE``, any number of times."""
    return click.option(
        "--key",
        "named_keys",
        type=NamedKeyType(),
        multiple=True,
        required=required,
        metavar="NAME=FILE",
        help="Publish the content of FILE under NAME; pgp=FILE takes an OpenPGP certificate. May be repeated.",
    )


def by_name(named_keys: tuple[NamedKey, ...]) -> dict[str, bytes]:
    """The keys as a profile has them.

    :raises click.UsageError: a name stands twice.
    """
    names = [key.name for key in named_keys]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"--key {twice[0]} is given twice")
    return {key.name: key.value for key in named_keys}
