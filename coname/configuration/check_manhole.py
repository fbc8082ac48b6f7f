"""Checks of the console over SSH: whoever logs in there may do everything."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from twisted.conch.ssh.keys import EncryptedKeyError, Key

from coname.configuration import listen
from coname.configuration.keys import read_secret
from coname.configuration.settings import ManholeSettings

if TYPE_CHECKING:
    from pathlib import Path

    from coname.configuration.findings import Findings
    from coname.configuration.listen import Address
    from coname.messages.config_pb2 import ManholeConfig

LOOPBACK = "127.0.0.1"
MAX_AUTHORIZED_BYTES = 1024 * 1024  # some thousands of keys; more is another file


def check_manhole(config: ManholeConfig, folder: Path, findings: Findings) -> ManholeSettings | None:
    """The settings that `config` amounts to; None with the mistakes noted."""
    address = _address(config.addr, findings.at("addr"))
    host_key, authorized_keys = folder / config.host_key_id, folder / config.authorized_keys
    if config.host_key_id:
        _check_host_key(host_key, findings.at("host_key_id"))
    else:
        findings.at("host_key_id").mistake("missing: the path of the server's SSH private key")
    if config.authorized_keys:
        _check_authorized_keys(authorized_keys, findings.at("authorized_keys"))
    else:
        findings.at("authorized_keys").mistake("missing: the path of a file of SSH public keys, one a line")
    return ManholeSettings(address, host_key, authorized_keys) if address else None


def _address(text: str, findings: Findings) -> Address | None:
    address = listen.check(text, findings) if text else None
    if not text:
        findings.mistake("missing: host:port to listen on")
    if address is None:
        return None
    address = address._replace(host=address.host or LOOPBACK)
    if not address.is_loopback:
        findings.warn(f"the console can be reached from other machines at {address}; loopback and ssh -J are safer")
    return address


def _check_host_key(path: Path, findings: Findings) -> None:
    content = read_secret(path, findings)
    if content is None:
        return
    try:
        if Key.fromString(content).isPublic():
            findings.mistake(f"{path} is a public key; the private one belongs here")
    except EncryptedKeyError:
        findings.mistake(f"{path} is encrypted with a passphrase, which nobody could type at start")
    except Exception as error:  # conch lets everything through that its parsers meet in a broken file
        findings.mistake(f"{path} is not an SSH private key: {error}")


def _check_authorized_keys(path: Path, findings: Findings) -> None:
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            lines = file.read(MAX_AUTHORIZED_BYTES).splitlines()
    except (OSError, ValueError) as error:
        findings.mistake(f"{path}: {getattr(error, 'strerror', None) or error}")
        return
    if stat.S_IMODE(mode) & 0o022:
        findings.mistake(f"{path} can be written by other users, who could let themselves in; chmod 600 it")
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    keys = [(number, line) for number, line in numbered if line and not line.startswith(b"#")]
    for number, line in keys:
        if not _is_public_key(line):
            findings.mistake(f"{path}, line {number}: not an SSH public key (type, base64, comment)")
    if not keys:
        findings.warn(f"{path} holds no key yet: nobody can log in")


def _is_public_key(line: bytes) -> bool:
    try:
        key = Key.fromString(line, type="public_openssh")
        return bool(key.isPublic())
    except Exception:  # as above: BadKeyError, struct.error, binascii.Error, UnsupportedAlgorithm, …
        return False
