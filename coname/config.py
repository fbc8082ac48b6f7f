"""Configurations from files: JSON as the original's, or the same as TOML (protocol section 10).

Rules:

- a configuration is read and checked as a whole, before anything is opened, and all its mistakes are named at once;
- paths in it are relative to the file;
- nothing is ever asked of a server: what a client believes in stands in its file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from coname.configuration import certificates, documents, tls_config
from coname.configuration.check import check_replica
from coname.configuration.check_client import check_client
from coname.configuration.check_verifier import check_verifier
from coname.configuration.findings import Findings
from coname.configuration.kinds import CLIENT, REPLICA, VERIFIER, check_kind
from coname.configuration.parse import fill
from coname.configuration.settings import Listener, ManholeSettings, ReplicaSettings, VerifierSettings
from coname.configuration.tls import TlsIdentity
from coname.configuration.tls_config import Use
from coname.messages.config_pb2 import Config, RealmConfig, ReplicaConfig, VerifierConfig

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Listener",
    "ManholeSettings",
    "ReplicaSettings",
    "TlsIdentity",
    "VerifierSettings",
    "client_tls",
    "load_client",
    "load_replica",
    "load_verifier",
]


def load_replica(path: Path | str, now: datetime | None = None, *, replicated: bool = False) -> ReplicaSettings:
    """The replica that the file `path` configures, with its keys and certificates loaded.

    :param now: the time that certificates are warned about by; the present if None.
    :param replicated: with what others need to reach it, even if it is a lone one whose log is its own.
    :raises coname.errors.Misconfigured: with every mistake in the file and in the files that it names.
    """
    path = Path(path).absolute()
    findings, message = Findings(), ReplicaConfig()
    fill(message, _read(path, REPLICA), findings)
    return check_replica(message, path, now or certificates.utc_now(), findings, replicated=replicated)


def load_verifier(path: Path | str, now: datetime | None = None) -> VerifierSettings:
    """The verifier that the file `path` configures, with its keys and certificates loaded.

    :param now: as in `load_replica`.
    :raises coname.errors.Misconfigured: with every mistake in the file and in the files that it names.
    """
    path = Path(path).absolute()
    findings, message = Findings(), VerifierConfig()
    fill(message, _read(path, VERIFIER), findings)
    return check_verifier(message, path, now or certificates.utc_now(), findings)


def load_client(path: Path | str) -> Config:
    """The realms that the file `path` makes known to a client. No key file is opened.

    :raises coname.errors.Misconfigured: with every mistake in the file.
    """
    findings, message = Findings(), Config()
    fill(message, _read(Path(path), CLIENT), findings)
    check_client(message, findings)
    findings.raise_mistakes()
    return message


def _read(path: Path, kind: str) -> dict[str, Any]:
    document = documents.read(path)
    check_kind(document, kind, path)
    return document


def client_tls(realm: RealmConfig, folder: Path | str, now: datetime | None = None) -> TlsIdentity:
    """What a client presents to the servers of `realm`, and whom it trusts there.

    :param folder: the configuration file's, in which key files are looked for.
    :param now: as in `load_replica`; a client's certificate that has expired is no mistake, the server will say.
    :raises coname.errors.Misconfigured: with every mistake, as paths below ``client_tls``.
    """
    findings = Findings("client_tls")
    identity = tls_config.load(realm.client_tls, Path(folder), Use.CLIENT, now or certificates.utc_now(), findings)
    findings.raise_mistakes()
    return identity
