"""From the configuration's providers to what `coname.oidc` works with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coname.core.times import to_seconds
from coname.oidc.metadata import discovery_url
from coname.oidc.provider_settings import ProviderSettings

if TYPE_CHECKING:
    from coname.messages.config_pb2 import OIDCConfig

VALIDITY = 900.0
"""Seconds for which an ID token is good from its making, where the configuration does not say: from the login to the
registration people take one or two minutes."""

SCOPE = ("openid", "email")
"""What has to be asked for, so that a login proves an address."""

LONGEST_SECRET = 4096
"""Bytes of the file with a client's secret."""


def provider_settings(config: OIDCConfig, folder: Path) -> ProviderSettings:
    """How the realm is registered with one provider. `config` was checked before.

    :param folder: in which the file with the secret is looked for.
    :raises OSError: it cannot be read. :raises ValueError: it holds no secret.
    """
    return ProviderSettings(
        domains=tuple(config.allowed_domains),
        discovery_url=config.discovery_url or discovery_url(config.issuer),
        issuer=config.issuer,
        client_id=config.clientID,
        client_secret=read_secret(folder / config.client_secret_id) if config.client_secret_id else "",
        validity=to_seconds(config.validity) or VALIDITY,
        scope=wanted_scope(config.scope),
        name=config.name,
    )


def wanted_scope(configured: str) -> str:
    """The scope to ask for: what is configured, and what is needed."""
    words = configured.split()
    return " ".join([*(word for word in SCOPE if word not in words), *words])


def read_secret(path: Path) -> str:
    """A client's secret: one line of text.

    :raises OSError: the file cannot be read. :raises ValueError: it holds no secret.
    """
    with path.open("rb") as file:
        data = file.read(LONGEST_SECRET + 1)
    secret = data.decode().strip()
    if len(data) > LONGEST_SECRET or not secret or not secret.isprintable():
        raise ValueError("one line of text is expected")
    return secret
