"""OpenPGP certificates, as the profile's ``pgp`` key holds them: one certificate, in binary form, nothing secret.

What it means is left to Sequoia, after `coname.core.openpgp_framing` has counted what it consists of: a stranger's
certificate can keep Sequoia busy for minutes, or be nested deeper than its stack.
"""

from __future__ import annotations

from dataclasses import dataclass

from coname.core import openpgp_framing
from coname.errors import InvalidRequest

KEY_NAME = "pgp"
"""The profile key whose value mail clients and GnuPG fetch."""


@dataclass(frozen=True)
class Certificate:
    """A certificate.

    :ivar binary: without armour.
    :ivar fingerprint: in hexadecimal, in capitals.
    :ivar user_ids: as the certificate has them.
    """

    binary: bytes
    fingerprint: str
    user_ids: tuple[str, ...]

    def names(self, address: str) -> bool:
        """Whether a user id of it holds `address`; capitals do not matter."""
        wanted = address.casefold()
        return any(wanted in (text.casefold(), *_in_brackets(text.casefold())) for text in self.user_ids)


def certificate(data: bytes) -> Certificate:
    """The one certificate in `data`, armoured or binary.

    :raises InvalidRequest: there is none, there are several, it is a secret key, or it has more parts than can be read
        in a short time.
    """
    if _is_secret(data):
        raise InvalidRequest(
            "this is a SECRET OpenPGP key, which must never be published; export the public one "
            "(gpg --export, without -secret-keys)"
        )
    from pysequoia import Cert  # here, for most commands show no certificate

    try:
        cert = Cert.from_bytes(openpgp_framing.binary(data))
    except InvalidRequest as error:
        raise InvalidRequest(f"not an OpenPGP certificate: {error}") from error
    except RuntimeError as error:
        raise InvalidRequest(f"not an OpenPGP certificate: {_first_line(error)}") from error
    return Certificate(bytes(cert), cert.fingerprint.upper(), tuple(str(each) for each in cert.user_ids))


def _is_secret(data: bytes) -> bool:
    """Whether it is a secret key, and nothing else is wrong before that shows."""
    if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" in data:
        return True
    secrets = (openpgp_framing.SECRET_KEY, openpgp_framing.SECRET_SUBKEY)
    try:
        return any(packet.kind in secrets for packet in openpgp_framing.packets(data))
    except InvalidRequest:
        return False


def _in_brackets(text: str) -> list[str]:
    """The address in ``Name <address>``."""
    return [text[text.rindex("<") + 1 : -1]] if text.endswith(">") and "<" in text else []


def _first_line(error: Exception) -> str:
    """Without the stack trace that comes along."""
    return (str(error).splitlines() or ["unknown reason"])[0]
