"""The public key that a domain publishes for its mail servers (RFC 6376, section 3.6.1; RFC 8463 for Ed25519).

RSA keys have 2048 bits at least. RFC 8301 lets verifiers take 1024; but those can be factored by whoever has the means
of a state, and what is proved here is not that one mail is genuine: it decides for good who holds an address. The realm
names the domains, so that whoever runs one can renew its key first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import load_der_public_key

from coname.core import signatures
from coname.errors import RegistrationRefused
from coname.registration.dkim_signatures import decoded, tags

LEAST_RSA_BITS = 2048
MOST_RSA_BITS = 4096
RECORD_BYTES = 4096
"""The largest key record that is read."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key, and how a signature is checked with it.

    :ivar algorithm: the only ``a=`` that it is for.
    """

    algorithm: str
    verify: Callable[[bytes, bytes], bool] = field(repr=False)


def parse(record: bytes) -> DkimKey:
    """The key in a TXT record.

    :raises RegistrationRefused: there is none that could be used.
    """
    found = tags("the key record", _text(record))
    if found.get("v", "DKIM1") != "DKIM1":
        raise RegistrationRefused(f"the key record is of version {found['v'][:20]!r}; DKIM1 is known")
    if "p" not in found:
        raise RegistrationRefused("the key record has no p=, the key")
    if not found["p"]:
        raise RegistrationRefused("the key is revoked: its record has an empty p=")
    _check_use(found)
    kind = found.get("k", "rsa")
    if kind not in ("rsa", "ed25519"):
        raise RegistrationRefused(f"the key is of type {kind[:20]!r}; rsa and ed25519 are known")
    data = decoded("the key record's p=", found["p"])
    return _rsa(data) if kind == "rsa" else _ed25519(data)


def _text(record: bytes) -> str:
    if len(record) > RECORD_BYTES:
        raise RegistrationRefused(f"the key record has {len(record)} bytes; at most {RECORD_BYTES} are read")
    try:
        return record.decode("ascii")
    except UnicodeDecodeError as error:
        raise RegistrationRefused("the key record is not ASCII") from error


def _check_use(found: dict[str, str]) -> None:
    """What the domain says the key is for."""
    if "y" in _list(found.get("t", "")):
        raise RegistrationRefused("the domain is only testing DKIM with this key: its record has t=y")
    if not {"*", "email"} & _list(found.get("s", "*")):
        raise RegistrationRefused(f"the key is not for mail: its record has s={found['s'][:40]}")
    if "sha256" not in _list(found.get("h", "sha256")):
        raise RegistrationRefused(f"the key is not for SHA-256: its record has h={found['h'][:40]}")
    if found.get("g", "*") != "*":
        raise RegistrationRefused("the key is for some local parts only: its record has g=")


def _list(text: str) -> set[str]:
    return {each.strip(" \t") for each in text.split(":")}


def _rsa(data: bytes) -> DkimKey:
    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RegistrationRefused("the key record's p= is not an RSA key") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise RegistrationRefused("the key record's p= is not an RSA key")
    if not LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        raise RegistrationRefused(
            f"the key has {key.key_size} bits; RSA keys of {LEAST_RSA_BITS} to {MOST_RSA_BITS} are taken"
        )
    public = key

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    return DkimKey("rsa-sha256", verify)


def _ed25519(data: bytes) -> DkimKey:
    if len(data) != signatures.PUBLIC_KEY_SIZE:
        raise RegistrationRefused(f"the Ed25519 key has {len(data)} bytes, not {signatures.PUBLIC_KEY_SIZE}")

    def verify(message: bytes, signature: bytes) -> bool:
        digest = Hash(SHA256())
        digest.update(message)
        return signatures.verify(data, digest.finalize(), signature)

    return DkimKey("ed25519-sha256", verify)
