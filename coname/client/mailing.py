"""Proving an address by a mail that its own server signs: what to send, for a registration (protocol section 11)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from coname.client.proving import Claim
from coname.client.transports.refusals import printable
from coname.client.ways import Way, ask_ways
from coname.core.hashes import entry_hash
from coname.errors import ConameError, RegistrationNeeded
from coname.messages.client_pb2 import EmailProof

MAIL = """From: {address}
To: {to}
Subject: {subject}

This registers my keys in the directory {realm}.
"""


class MailNeeded(ConameError):
    """A mail has to be sent first, and to be brought as it was received.

    :ivar mail: what to send.
    """

    code = "mail_needed"

    def __init__(self, mail: str) -> None:
        super().__init__("a mail has to be sent, and brought as it was received")
        self.mail = mail


class Mailing:
    """Says which mail proves an address. A `coname.client.proving.Prove` that never proves anything itself.

    :param folder: where the configuration's paths begin.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, claim: Claim) -> EmailProof:
        """:raises MailNeeded: with the mail, which is for this very entry.

        :raises RegistrationNeeded: the realm takes no mails for this address, and says what it takes.
        """
        _, offered = await ask_ways(claim, self._folder)
        raise MailNeeded(mail_for(claim, _by_mail(offered, claim.address)))


def mail_for(claim: Claim, way: Way) -> str:
    """The mail that proves a claim, with lines that end in LF."""
    return MAIL.format(
        address=claim.address,
        to=printable(way.get("to_addr") or claim.address),
        subject=_kept(way.get("subject_prefix", "")) + b64encode(entry_hash(claim.entry)).decode("ascii"),
        realm=printable(claim.realm.RealmName),
    )


def _kept(prefix: str) -> str:
    """With its blanks, and without what no subject may hold."""
    return "".join(character for character in prefix[:100] if character.isascii() and character.isprintable())


def _by_mail(offered: Sequence[Way], address: str) -> Way:
    for way in offered:
        if way.get("kind") == "dkim":
            return way
    kinds = ", ".join(sorted({printable(way.get("kind", "?")) for way in offered})) or "nothing"
    raise RegistrationNeeded(f"{address} is not registered by mail; the realm takes: {kinds}")
