"""Mails as a mail server signs them: by dkimpy, and with tags that no honest server would set, by a few lines here.

Canonicalisation and hashes come from dkimpy either way, so that nothing that is tested signs for its own tests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy

NOW = 1_800_000_000.0
ADDRESS = "alice@example.com"
DOMAIN = "example.com"
TO = "register@directory.example"
PREFIX = "coname registration "
ENTRY = b"an encoded entry"
NAMES = ("from", "to", "subject", "date")
KEY_NAME = f"mail._domainkey.{DOMAIN}"


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    """A key, the same one each time."""
    return generate_private_key(65537, bits)


@cache
def ed25519_key() -> Ed25519PrivateKey:
    """Likewise."""
    return Ed25519PrivateKey.generate()


def record(key: RSAPrivateKey | Ed25519PrivateKey, tags: str = "") -> bytes:
    """What the domain publishes for `key`, with further tags."""
    if isinstance(key, Ed25519PrivateKey):
        kind, public = "ed25519", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        kind = "rsa"
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k={kind};{tags} p={base64.b64encode(public).decode()}".encode()


def pem(key: RSAPrivateKey) -> bytes:
    """As dkimpy reads it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def subject_line(entry: bytes = ENTRY) -> str:
    """The subject that registers `entry`."""
    return PREFIX + base64.b64encode(hashlib.shake_256(entry).digest(32)).decode()


def fields(**others: str) -> list[tuple[str, str]]:
    """A good mail's header, with `others` in place of some fields."""
    named = {
        "From": f"Alice Example <{ADDRESS}>",
        "To": TO,
        "Subject": subject_line(),
        "Date": formatdate(NOW - 60),
        "Message-ID": "<1@example.com>",
    }
    return [(name, others.get(name, value)) for name, value in named.items()]


def mail(header: Sequence[tuple[str, str]] | None = None, body: str = "This registers my keys.\r\n") -> bytes:
    """A mail, not signed."""
    lines = [f"{name}: {value}" for name, value in (fields() if header is None else header)]
    return "\r\n".join([*lines, "", body]).encode()


def signature(
    message: bytes,
    key: RSAPrivateKey | Ed25519PrivateKey | None = None,
    tags: Mapping[str, str | None] | None = None,
    names: Sequence[str] = NAMES,
) -> bytes:
    """A DKIM-Signature field for `message`, with `tags` in place of the usual ones; None: without that one."""
    key = rsa_key() if key is None else key
    kind = "ed25519" if isinstance(key, Ed25519PrivateKey) else "rsa"
    head, _, body = message.partition(b"\r\n\r\n")
    usual: dict[str, str | None] = {
        "v": "1",
        "a": f"{kind}-sha256",
        "c": "relaxed/relaxed",
        "d": DOMAIN,
        "s": "mail",
        "t": str(int(NOW - 60)),
        "h": ":".join(names),
        **(tags or {}),
    }
    policy = CanonicalizationPolicy.from_c_value((usual["c"] or "simple/simple").encode())
    old = "sha1" in (usual["a"] or "")
    canonical = policy.canonicalize_body(body)[: int(usual.get("l") or len(body) + 2)]
    usual.setdefault("bh", base64.b64encode(hashlib.new("sha1" if old else "sha256", canonical).digest()).decode())
    own = b" " + "; ".join(f"{name}={value}" for name, value in usual.items() if value is not None).encode() + b"; b="
    given = [tuple(line.split(b":", 1)) for line in head.replace(b"\r\n ", b"\0").split(b"\r\n")]
    given = [(name, value.replace(b"\0", b"\r\n ") + b"\r\n") for name, value in given]
    signed = b"".join(b":".join(pair) for pair in policy.canonicalize_headers(list(_selected(given, names))))
    signed += b":".join(policy.canonicalize_headers([(b"DKIM-Signature", own)])[0]).rstrip(b"\r\n")
    return b"DKIM-Signature:" + own + base64.b64encode(_sign(key, signed, old)) + b"\r\n"


def _selected(given: Sequence[tuple[bytes, bytes]], names: Sequence[str]) -> Sequence[tuple[bytes, bytes]]:
    left = list(given)
    found = []
    for name in names:
        for place in reversed(range(len(left))):
            if left[place][0].lower() == name.encode().lower():
                found.append(left.pop(place))
                break
    return found


def _sign(key: RSAPrivateKey | Ed25519PrivateKey, signed: bytes, old: bool) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(signed, PKCS1v15(), SHA1() if old else SHA256())
    digest = Hash(SHA256())
    digest.update(signed)
    return key.sign(digest.finalize())


def signed(
    message: bytes | None = None,
    key: RSAPrivateKey | Ed25519PrivateKey | None = None,
    tags: Mapping[str, str | None] | None = None,
    names: Sequence[str] = NAMES,
) -> bytes:
    """A signed mail; see `signature`."""
    message = mail() if message is None else message
    return signature(message, key, tags, names) + message
