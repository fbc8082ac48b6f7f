"""OpenPGP certificates, as the profile's ``pgp`` key holds them: one certificate, in binary form, nothing secret.

Everything is left to Sequoia; nothing is parsed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from pysequoia import Cert
from pysequoia.packet import PacketPile, Tag

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

    :raises InvalidRequest: there is none, there are several, or it is a secret key.
    """
    _refuse_secrets(data)
    try:
        found = Cert.split_bytes(data)
    except RuntimeError as error:
        raise InvalidRequest(f"not an OpenPGP certificate: {_first_line(error)}") from error
    if len(found) != 1:
        raise InvalidRequest(f"one OpenPGP certificate is expected, not {len(found)}")
    try:
        cert = Cert.from_bytes(data)  # stricter than splitting: nothing may follow
    except RuntimeError as error:
        raise InvalidRequest(f"not an OpenPGP certificate: {_first_line(error)}") from error
    return Certificate(bytes(cert), cert.fingerprint.upper(), tuple(str(each) for each in cert.user_ids))


def _refuse_secrets(data: bytes) -> None:
    try:
        tags = [packet.tag for packet in PacketPile.from_bytes(data)]
    except RuntimeError as error:
        raise InvalidRequest(f"not an OpenPGP certificate: {_first_line(error)}") from error
    if Tag.SecretKey in tags or Tag.SecretSubkey in tags:
        raise InvalidRequest(
            "this is a SECRET OpenPGP key, which must never be published; export the public one "
            "(gpg --export, without -secret-keys)"
        )


def _in_brackets(text: str) -> list[str]:
    """The address in ``Name <address>``."""
    return [text[text.rindex("<") + 1 : -1]] if text.endswith(">") and "<" in text else []


def _first_line(error: Exception) -> str:
    """Without the stack trace that comes along."""
    return (str(error).splitlines() or ["unknown reason"])[0]
