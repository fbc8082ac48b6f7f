"""Becoming a verifier, the second half: from the provider's reply, a configuration.

- The reply is a stranger's. Of what it says, only what a provider has to decide is taken over: never a path.
- Nothing is overwritten. A second reply to the same request brings a new certificate, and may change nothing else.

A reply is JSON: ``format`` and ``config``, a VerifierConfig without paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID
from google.protobuf.json_format import MessageToDict

from coname.configuration import authority, certificates, documents, listen
from coname.configuration.blueprint import DATABASE, TLS_KEY_FILE, VERIFIER_KEY_FILE
from coname.configuration.check_realm import check_policy
from coname.configuration.enrolment import REQUEST_FILE, check_format, read_request, to_json
from coname.configuration.findings import Findings
from coname.configuration.keys import create, read_signing_key, read_tls_key
from coname.configuration.parse import fill
from coname.configuration.replacing import replace_files
from coname.core.text import quoted
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from coname.configuration.enrolment import Request
    from coname.configuration.keys import TlsKey
    from coname.core.signatures import SigningKey

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
    return to_json({"format": REPLY_FORMAT, "config": MessageToDict(config, preserving_proto_field_name=True)})


@dataclass(frozen=True)
class Accepted:
    """What `accept` did.

    :ivar path: the configuration. :ivar renewed: it was there before, and only its certificate was replaced.
    """

    path: Path
    config: pb.VerifierConfig
    renewed: bool


def accept(target: Path, reply: Path, now: datetime, metrics_addr: str = "") -> Accepted:
    """Check the provider's `reply` against the keys in the folder `target`, and write the configuration there.

    :param now: the time that certificates are judged by.
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
    _check_reply(config, request, signing, tls, now, findings)
    if metrics_addr:
        listen.check(metrics_addr, findings.at("--metrics"))
    findings.raise_mistakes()
    config.signing_key_id, config.leveldb_path = VERIFIER_KEY_FILE, DATABASE
    config.tls.certificates[0].key_id = TLS_KEY_FILE
    path = target / CONFIG_FILE
    if path.exists():
        return _renew(path, config)
    config.metrics_addr = metrics_addr
    create(path, to_json(MessageToDict(config, preserving_proto_field_name=True)), secret=False)
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


def _check_reply(
    config: pb.VerifierConfig, request: Request, signing: SigningKey, tls: TlsKey, now: datetime, findings: Findings
) -> None:
    if signing.public != request.public:
        findings.mistake(f"{REQUEST_FILE} is not by the key in {VERIFIER_KEY_FILE}")
    if config.id != signing.key_id:
        findings.at("id").mistake(f"{config.id} is not this verifier's, which is {signing.key_id}: another's reply?")
    if config.realm != request.realm:
        findings.at("realm").mistake(f"{quoted(config.realm)}; what was asked for is {request.realm!r}")
    address = listen.check(config.keyserver_addr, findings.at("keyserver_addr"))
    if address is not None and not (address.host and address.port):
        findings.at("keyserver_addr").mistake(f"{config.keyserver_addr!r} is nowhere to connect to")
    check_policy(config.initial_keyserver_auth, findings.at("initial_keyserver_auth"))
    _check_certificate(config.tls, tls, authority.verifier_name(signing.key_id), now, findings.at("tls"))


def _check_certificate(config: pb.TLSConfig, key: TlsKey, name: str, now: datetime, findings: Findings) -> None:
    unexpected = [field.name for field, _ in config.ListFields() if field.name not in ("certificates", "root_cas")]
    for field in unexpected:
        findings.at(field).mistake("is not the provider's to say")
    if len(config.certificates) != 1 or not config.certificates[0].certificate or config.certificates[0].key_id:
        findings.at("certificates").mistake("one certificate is expected, without a key's path")
        return
    place = findings.at("certificates").at(0)
    chain = certificates.parse(config.certificates[0].certificate, place)
    roots = certificates.parse(config.root_cas, findings.at("root_cas"))
    if not chain or not roots:
        findings.at("root_cas").mistake("the provider's authority is expected")
        return
    if not certificates.belongs_to(chain[0], key):
        place.mistake(f"the certificate is not for the key in {TLS_KEY_FILE}: it answers another request")
    names = [str(each.value) for each in chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [name]:
        shown = ", ".join(map(quoted, names[:3])) or "missing"
        place.mistake(f"the certificate's common name is {shown}, not {name!r}")
    if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
        place.mistake(f"the certificate is valid until {chain[0].not_valid_after_utc:%Y-%m-%d}, and not now")
    if not any(_issued(chain[-1], root) for root in roots):
        place.mistake("the certificate was not issued by the authority in root_cas")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _renew(path: Path, config: pb.VerifierConfig) -> Accepted:
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
    findings.raise_mistakes()
    document["tls"] = MessageToDict(config.tls, preserving_proto_field_name=True)
    replace_files({path: to_json(document)})
    return Accepted(path, config, renewed=True)
