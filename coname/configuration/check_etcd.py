"""Checks of the etcd cluster that a realm's log is kept in.

Whoever can write to those keys can stop the realm, and order its updates; what is in them are all entries, which name
addresses' owners. So without TLS nothing but this very machine is spoken to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from coname.configuration import listen
from coname.configuration.keys import MAX_KEY_FILE_BYTES, read_secret
from coname.configuration.settings import EtcdSettings

if TYPE_CHECKING:
    from pathlib import Path

    from coname.configuration.findings import Findings
    from coname.configuration.listen import Address
    from coname.messages.config_pb2 import EtcdConfig

MAX_PROPOSED_BYTES = 512 * 1024
"""Of `limits.request_bytes`: etcd refuses transactions over 1.5 MiB, and an update is to fit in well."""


def check_etcd(config: EtcdConfig, realm: str, folder: Path, request_bytes: int, findings: Findings) -> EtcdSettings:
    """The settings that `config` amounts to; mistakes go to `findings`.

    :param folder: what paths are relative to. :param request_bytes: the longest update that is let in.
    """
    addresses = _endpoints(config, findings.at("endpoints"))
    authority = _authority(config, folder, addresses, findings.at("authority"))
    certificate, key = _certificate(config, folder, findings)
    if request_bytes > MAX_PROPOSED_BYTES:
        findings.mistake(
            f"limits.request_bytes is {request_bytes}; with the log in etcd, {MAX_PROPOSED_BYTES} is the most"
        )
    return EtcdSettings(
        endpoints=tuple(str(address) for address in addresses),
        prefix=_prefix(config, realm, findings.at("prefix")),
        authority=authority,
        certificate=certificate,
        key=key,
        username=config.username,
        password=_password(config, folder, findings),
        compacted_by_others=config.compacted_by_others,
        accepted_cluster=config.accepted_cluster,
        begin_after=config.begin_after,
    )


def _endpoints(config: EtcdConfig, findings: Findings) -> list[Address]:
    if not config.endpoints:
        findings.mistake("missing: host:port of each member of the cluster")
    found = []
    for number, text in enumerate(config.endpoints):
        place = findings.at(number)
        if "://" in text:
            place.mistake(f"{text!r}: host:port is expected, without a scheme; TLS is used if `authority` is set")
        elif (address := listen.check(text, place)) is None:
            continue
        elif not address.host or not address.port:
            place.mistake(f"{text!r} names no member to connect to; host:port is expected")
        else:
            found.append(address)
    return found


def _prefix(config: EtcdConfig, realm: str, findings: Findings) -> str:
    prefix = config.prefix.rstrip("/") or f"/coname/{realm}"
    if not prefix.isprintable():
        findings.mistake("holds characters that do not show; operators will want to type it")
    return prefix


def _authority(config: EtcdConfig, folder: Path, addresses: list[Address], findings: Findings) -> bytes | None:
    if not config.authority:
        if not all(address.is_loopback for address in addresses):
            findings.mistake("missing: without TLS only an etcd on this very machine (127.0.0.1, ::1) is spoken to")
        if config.certificate:
            findings.mistake("missing: a client certificate is of no use without TLS")
        return None
    content = _read(folder / config.authority, findings)
    if content is not None:
        _check_certificates(content, folder / config.authority, findings)
    return content


def _certificate(config: EtcdConfig, folder: Path, findings: Findings) -> tuple[bytes | None, bytes | None]:
    """The client's own certificate and key, which fit each other; or neither."""
    at_certificate, at_key = findings.at("certificate"), findings.at("key_id")
    if not config.certificate and not config.key_id:
        return None, None
    if not config.key_id:
        at_key.mistake("missing: the path of the certificate's private key")
    if not config.certificate:
        at_certificate.mistake("missing: the path of the key's certificate")
    if not config.certificate or not config.key_id:
        return None, None
    certificate, key = _read(folder / config.certificate, at_certificate), read_secret(folder / config.key_id, at_key)
    if certificate is None or key is None:
        return None, None
    found = _check_certificates(certificate, folder / config.certificate, at_certificate)
    _check_key(key, folder / config.key_id, found, at_key)
    return certificate, key


def _check_certificates(content: bytes, path: Path, findings: Findings) -> x509.Certificate | None:
    """The first certificate in `content`; None with the mistake noted."""
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except (ValueError, IndexError) as error:
        findings.mistake(f"{path} holds no certificate in PEM: {error}")
        return None


def _check_key(content: bytes, path: Path, certificate: x509.Certificate | None, findings: Findings) -> None:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        public = load_pem_private_key(content, None).public_key().public_bytes(*form)
    except TypeError:
        findings.mistake(f"{path} is encrypted with a passphrase, which nobody could type at start")
    except (ValueError, UnsupportedAlgorithm) as error:
        findings.mistake(f"{path} is not a private key in PEM: {error}")
    else:
        if certificate is not None and certificate.public_key().public_bytes(*form) != public:
            findings.mistake(f"{path} is not the key of the certificate")


def _password(config: EtcdConfig, folder: Path, findings: Findings) -> str:
    if bool(config.username) != bool(config.password_id):
        missing = "password_id" if config.username else "username"
        findings.at(missing).mistake("missing: a user name and a password go together")
        return ""
    if not config.username:
        return ""
    content = read_secret(folder / config.password_id, findings.at("password_id"))
    try:
        return (content or b"").decode().rstrip("\r\n")
    except UnicodeDecodeError:
        findings.at("password_id").mistake("the password is not UTF-8")
        return ""


def _read(path: Path, findings: Findings) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        findings.mistake(f"{path}: {getattr(error, 'strerror', None) or error}")
        return None
    if len(content) > MAX_KEY_FILE_BYTES:
        findings.mistake(f"{path} is larger than {MAX_KEY_FILE_BYTES} bytes; a few certificates are expected")
        return None
    return content
