"""Key files: read with their mistakes named, written so that nobody else ever reads them.

- A name ending in ``.ed25519secret`` is 64 raw bytes, seed ‖ public key; ``.vrfsecret`` is 64 such bytes, or for suite
  RFC 9381 the 32 bytes of the seed alone; anything else is a private key in PEM (protocol section 10).
- A secret that others can read is a warning, not a mistake: the original wrote them so, and its folders must work.
- Secrets are created with mode 0600, exclusively, and are on the disk when `create` returns. Half a file is never there
  under its name: stopped half way, at most ``.NAME.new-…`` is left.
"""

from __future__ import annotations

import os
import stat
import tempfile
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from coname.core.signatures import SigningKey
from coname.durable import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from coname.configuration.findings import Findings
    from coname.core.vrf import VrfSuite

TlsKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
"""The kinds of private key that TLS is configured with."""

SIGNING_SUFFIX = ".ed25519secret"
VRF_SUFFIX = ".vrfsecret"

# An RSA key of 16,384 bits in PEM is 12.6 kB; more than this is some other file.
MAX_KEY_FILE_BYTES = 64 * 1024
# What certificate authorities and browsers have demanded since 2014.
MIN_RSA_BITS = 2048


def create(path: Path, content: bytes, *, secret: bool) -> None:
    """Write the new file `path` and make it durable: mode 0600 if `secret`, else 0644.

    :raises FileExistsError: there is something under this name already; it is left as it is.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.new-", dir=path.parent)  # 0600, whatever the umask
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, 0o600 if secret else 0o644)
            os.fsync(descriptor)
        os.link(temporary, path)  # which fails, unlike a rename, if the name is taken
    finally:
        os.unlink(temporary)
    sync_folder(path.parent)


def read_secret(path: Path, findings: Findings) -> bytes | None:
    """The content of the secret file `path`, or None with the mistake noted."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        findings.mistake(f"{path}: {getattr(error, 'strerror', None) or error}")
        return None
    if len(content) > MAX_KEY_FILE_BYTES:
        findings.mistake(f"{path} is larger than {MAX_KEY_FILE_BYTES} bytes; this is no key file")
        return None
    if stat.S_IMODE(status.st_mode) & 0o077:
        findings.warn(f"{path} is a secret that other users of this machine can read; chmod 600 it")
    return content


def read_signing_key(path: Path, findings: Findings) -> SigningKey | None:
    """The Ed25519 key in the file `path`, or None with the mistake noted."""
    if path.suffix != SIGNING_SUFFIX:
        findings.mistake(f"a signing key's file name ends in {SIGNING_SUFFIX}, unlike {path.name}")
        return None
    content = read_secret(path, findings)
    if content is None:
        return None
    try:
        return SigningKey.from_secret(content)
    except ValueError as error:
        findings.mistake(f"{path}: {error}")
        return None


def read_vrf_secret(path: Path, suite: VrfSuite, findings: Findings) -> bytes | None:
    """The secret of `suite` in the file `path`, or None with the mistake noted."""
    if path.suffix != VRF_SUFFIX:
        findings.mistake(f"a VRF secret's file name ends in {VRF_SUFFIX}, unlike {path.name}")
        return None
    content = read_secret(path, findings)
    if content is None:
        return None
    try:
        suite.public_key(content)
    except ValueError as error:
        findings.mistake(f"{path} is no secret of the suite {suite.name}: {error}")
        return None
    return content


def read_tls_key(path: Path, findings: Findings) -> TlsKey | None:
    """The private key for TLS in the PEM file `path`, or None with the mistake noted."""
    content = read_secret(path, findings)
    if content is None:
        return None
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        findings.mistake(f"{path} is encrypted with a passphrase, which nobody could type at start")
    except (ValueError, UnsupportedAlgorithm):
        findings.mistake(f"{path} is not a private key in PEM")
    else:
        return _fit_for_tls(key, path, findings)
    return None


def _fit_for_tls(key: PrivateKeyTypes, path: Path, findings: Findings) -> TlsKey | None:
    """`key`, if TLS can be spoken with it."""
    if not isinstance(key, TlsKey):
        findings.mistake(f"{path} is a {type(key).__name__}; TLS here takes EC, RSA and Ed25519 keys")
        return None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        findings.mistake(f"{path} is an RSA key of {key.key_size} bits; it takes {MIN_RSA_BITS} at least")
        return None
    return key
