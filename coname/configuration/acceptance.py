"""Becoming a verifier, the second half: from the provider's reply, a configuration.

- The reply is a stranger's. Of what it says, only what a provider has to decide is taken over: never a path.
- Nor does a reply show who made it. What it makes less strict than usual, or other than was asked for, is confirmed.
- Nothing is overwritten. A second reply to the same request brings a new certificate, and may change nothing else:
  anybody who has seen the request can make one. Only if the operator says so beforehand, it brings a new authority.

A reply is JSON: ``format`` and ``config``, a VerifierConfig without paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict

from coname.configuration import certificates, documents, listen
from coname.configuration.blueprint import DATABASE, TLS_KEY_FILE, VERIFIER_KEY_FILE
from coname.configuration.enrolment import REQUEST_FILE, check_format, read_request
from coname.configuration.findings import Findings
from coname.configuration.keys import create, read_signing_key, read_tls_key
from coname.configuration.parse import fill
from coname.configuration.replacing import replace_files
from coname.configuration.reply_checks import check_reply, differences
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

REPLY_FORMAT = "coname verifier reply 1"

CONFIG_FILE = "config.json"

_FROM_REPLY = {
    "id",
    "realm",
    "tls",
    "keyserver_addr",
    "initial_keyserver_auth",
    "tree_nonce",
    "require_transcripts",
    "clock_tolerance",
}
"""What a provider's reply may set: all of it about the realm, nothing about the verifier's machine."""


def write_reply(config: pb.VerifierConfig) -> bytes:
    """What the provider sends back: a configuration without paths."""
    return documents.to_json(
        {"format": REPLY_FORMAT, "config": MessageToDict(config, preserving_proto_field_name=True)}
    )


@dataclass(frozen=True)
class Accepted:
    """What `accept` did.

    :ivar path: the configuration. :ivar config: what it says now.
    :ivar renewed: it was there before, and only its certificate was replaced.
    :ivar old_authorities: the fingerprints of those that were replaced by others, too.
    """

    path: Path
    config: pb.VerifierConfig
    renewed: bool
    old_authorities: tuple[str, ...] = ()


def refuse(differences: Sequence[str]) -> None:
    """:raises Misconfigured: always; for who cannot ask anybody."""
    raise Misconfigured(list(differences))


def accept(
    target: Path,
    reply: Path,
    now: datetime,
    metrics_addr: str = "",
    *,
    new_authority: bool = False,
    confirm: Callable[[Sequence[str]], object] = refuse,
) -> Accepted:
    """Check the provider's `reply` against the keys in the folder `target`, and write the configuration there.

    :param now: the time that certificates are judged by.
    :param new_authority: a configuration that is there already may be given another authority.
    :param confirm: is given what should be looked at, and raises whatever it likes if it is not to be. Not called for a
        renewal, nor if there is nothing.
    :raises Misconfigured: with everything that is wrong with the reply or the folder; nothing was written.
    """
    findings = Findings()
    config = _read_reply(reply, findings)
    signing = read_signing_key(target / VERIFIER_KEY_FILE, findings)
    tls = read_tls_key(target / TLS_KEY_FILE, findings)
    request = read_request(target / REQUEST_FILE)
    findings.raise_mistakes()
    if signing is None or tls is None:
        raise Misconfigured([f"{target}: incomplete"])  # never comes: each that is None noted a mistake
    check_reply(config, request, signing, tls, now, findings)
    if metrics_addr:
        listen.check(metrics_addr, findings.at("--metrics"))
    findings.raise_mistakes()
    config.signing_key_id, config.leveldb_path = VERIFIER_KEY_FILE, DATABASE
    config.tls.certificates[0].key_id = TLS_KEY_FILE
    path = target / CONFIG_FILE
    if path.exists():
        return _renew(path, config, new_authority)
    if found := differences(config, request):
        confirm(found)
    config.metrics_addr = metrics_addr
    create(path, documents.to_json(MessageToDict(config, preserving_proto_field_name=True)), secret=False)
    return Accepted(path, config, renewed=False)


def _read_reply(path: Path, findings: Findings) -> pb.VerifierConfig:
    document = documents.read(path)
    check_format(document, REPLY_FORMAT, path)
    content = document.get("config")
    if not isinstance(content, dict):
        raise Misconfigured([f"{path}: not a whole reply; config is missing"])
    for name in sorted(set(content) - _FROM_REPLY):
        findings.at("config").at(name).mistake("is not the provider's to say")
    config = pb.VerifierConfig()
    fill(config, {name: value for name, value in content.items() if name in _FROM_REPLY}, findings)
    return config


def _renew(path: Path, config: pb.VerifierConfig, new_authority: bool) -> Accepted:
    """Put the new certificate into a configuration that is there already, and change nothing else in it."""
    document, findings, current = documents.read(path), Findings(), pb.VerifierConfig()
    fill(current, document, findings)
    findings.raise_mistakes()
    for name in ("id", "realm", "keyserver_addr", "initial_keyserver_auth", "tree_nonce"):
        if getattr(current, name) != getattr(config, name):
            findings.at(name).mistake(
                f"the reply has another value than {path}, and only the certificate is ever replaced: if the change is "
                "meant, make it there by hand"
            )
    old = _other_authorities(current.tls, config.tls, path, new_authority, findings.at("tls"))
    findings.raise_mistakes()
    current.tls.certificates[0].certificate[:] = config.tls.certificates[0].certificate
    current.tls.root_cas[:] = config.tls.root_cas
    document["tls"] = MessageToDict(current.tls, preserving_proto_field_name=True)
    replace_files({path: documents.to_json(document)})
    return Accepted(path, current, renewed=True, old_authorities=old)


def _other_authorities(
    current: pb.TLSConfig, offered: pb.TLSConfig, path: Path, allowed: bool, findings: Findings
) -> tuple[str, ...]:
    """The fingerprints of the authorities in `current`, if those `offered` are others, and that is `allowed`."""
    if [each.key_id for each in current.certificates] != [TLS_KEY_FILE]:
        findings.at("certificates").mistake(
            f"{path} has not the one certificate for {TLS_KEY_FILE} that could be replaced: make the change by hand"
        )
    if sorted(current.root_cas) == sorted(offered.root_cas):
        return ()
    roots = findings.at("root_cas")
    old, new = fingerprints(current.root_cas, roots), fingerprints(offered.root_cas, roots)
    if not allowed:
        roots.mistake(
            f"the reply has another authority, {', '.join(new)}, than {path}, {', '.join(old) or 'which has none'}: "
            "whoever made it decides who is taken for the keyserver. If the provider confirms this on another way, "
            "repeat with --new-authority"
        )
    return tuple(old)


def fingerprints(authorities: Iterable[bytes], findings: Findings | None = None) -> list[str]:
    """What tells the certificates `authorities`, in DER, from others: see `certificates.fingerprint`."""
    found = certificates.parse(list(authorities), Findings() if findings is None else findings)
    return [certificates.fingerprint(each) for each in found]
