"""The files that registration policies name, for another replica's folder: a replica without them would not start.

Who names a file by a path relative to the configuration has it where the configuration is, so it goes along with that.
An absolute path is a place that every machine has for it, which whoever runs them sees to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coname.configuration.folder import NewFile
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from google.protobuf.message import Message

    from coname.configuration.findings import Findings


def carried(
    policies: Iterable[pb.RegistrationPolicy], beside: Path, taken: Collection[str], findings: Findings
) -> list[NewFile]:
    """Copies of the files that `policies` name relative to `beside`; from now on the policies name the copies.

    :param taken: names that they cannot have.
    """
    copies: dict[str, NewFile] = {}
    for policy in policies:
        for place, field, purpose, secret in _named(policy):
            name: str = getattr(place, field)
            if not name or Path(name).is_absolute():
                continue
            if name not in copies:
                free = _free(Path(name).name, {*taken, *(copy.path for copy in copies.values())})
                copies[name] = NewFile(free, _read(beside / name, purpose, findings), purpose, secret)
            setattr(place, field, copies[name].path)
    return list(copies.values())


def _named(policy: pb.RegistrationPolicy) -> Iterator[tuple[Message, str, str, bool]]:
    """Who names a file: the message, its field, what the file is, whether it is secret."""
    for provider in policy.email_proof_by_oidc.oidc_config:
        yield provider, "client_secret_id", "the realm's secret at the OpenID provider", True
    saml = policy.email_proof_by_saml
    for pair in saml.service_provider_tls.certificates:
        yield pair, "key_id", "signs requests to the identity provider", True
    yield saml, "idp_metadata_file", "the identity provider's metadata, as of now", False
    revoked = "revoked client certificates, as of now: keep it up to date there"
    yield policy.email_proof_by_client_cert, "crl_file", revoked, False


def _free(name: str, taken: Collection[str]) -> str:
    """`name`, or the first of ``NAME-2``, ``NAME-3`` … that nothing has."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _read(path: Path, purpose: str, findings: Findings) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        findings.mistake(f"{path}: {reason}; a registration policy names it ({purpose})")
        return b""
