"""Which client certificates their issuer has revoked: a list in a file (RFC 5280, section 5), read when it changes.

How the file gets there is the operator's: most authorities publish a list at an address, and a timer fetches it. What
it says is believed because the authority has signed it. A list that has ended, cannot be read, or is only a part of
what is revoked, says nothing; then nobody is let in by a certificate until there is a good one.

A list may be of some hundred thousand certificates, and so take some tenths of a second to read. Files, too, may be
slow. So all of this is done in a thread, one after the other, and what is kept is only what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from twisted.logger import Logger

from coname.errors import RegistrationRefused, Unavailable
from coname.registration.one_thread import OneThread

LIST_BYTES = 16 * 1024 * 1024
"""The largest list that is read: of some hundred thousand certificates."""

_PARTIAL = (x509.DeltaCRLIndicator, x509.IssuingDistributionPoint)
"""Extensions of lists that have not all of an issuer's revoked certificates, or others' too."""


class ListUnusable(ValueError):
    """The list says nothing that could be believed; its text says why."""


@dataclass(frozen=True)
class Revoked:
    """What a list says.

    :ivar serials: of the certificates that do not count any more.
    :ivar begins: since when it holds, in seconds since 1970; it `ends` when there is a newer list.
    """

    serials: frozenset[int] = field(repr=False)
    begins: float
    ends: float

    def check_times(self, now: float, skew: float) -> None:
        """Raise `Unavailable` unless the list holds at `now`."""
        if now >= self.ends + skew:
            raise Unavailable("the list of revoked certificates has ended; whoever runs this server must renew it")
        if now < self.begins - skew:
            raise Unavailable("the list of revoked certificates is from the future, by this clock")


class RevocationList:
    """The list in one file.

    :param issuer: must have signed it.
    :param skew: seconds that its clock may differ from ours.
    :param thread: in which it is read.
    """

    _log = Logger()

    def __init__(self, path: Path, issuer: x509.Certificate, skew: float, thread: OneThread) -> None:
        self._path = path
        self._issuer = issuer
        self._skew = skew
        self._thread = thread
        self._seen: tuple[int, int, int] | None = None
        self._list: Revoked | None = None
        self._why = ""

    async def check(self, serial: int, now: float) -> None:
        """Raise `RegistrationRefused` if the certificate with that serial number is revoked.

        :param now: seconds since 1970.
        :raises Unavailable: it cannot be told: there is no list that holds now. :raises Overloaded: too many ask.
        """
        await self._thread(self._check, serial, now)

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()

    def _check(self, serial: int, now: float) -> None:
        self._refresh()
        if self._list is None:
            raise Unavailable(f"the list of revoked certificates cannot be used: {self._why}")
        self._list.check_times(now, self._skew)
        if serial in self._list.serials:
            raise RegistrationRefused("the client certificate is revoked")

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                return
            self._list = load(self._path, self._issuer)
            self._seen = seen
            self._log.info("{path}: the list of revoked certificates has been read", path=self._path)
        except OSError as error:
            self._unusable(f"{self._path} cannot be read: {error.strerror}")
        except ListUnusable as error:
            self._unusable(str(error))

    def _unusable(self, why: str) -> None:
        if why != self._why or self._list is not None:
            self._log.warn("The list of revoked certificates cannot be used: {why}", why=why)
        self._seen, self._list, self._why = None, None, why


def load(path: Path, issuer: x509.Certificate) -> Revoked:
    """What is in the list in the file `path`, PEM or DER, whose signature by `issuer` is good.

    :raises OSError: it cannot be read. :raises ListUnusable: it is no such list.
    """
    with path.open("rb") as file:
        data = file.read(LIST_BYTES + 1)
    if len(data) > LIST_BYTES:
        raise ListUnusable(f"{path} has more than {LIST_BYTES} bytes")
    try:
        found = x509.load_pem_x509_crl(data) if b"-----BEGIN" in data[:1024] else x509.load_der_x509_crl(data)
        partial = [each for each in found.extensions if isinstance(each.value, _PARTIAL)]
        signed = found.issuer == issuer.subject and found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ListUnusable(f"{path} is not a list of revoked certificates") from error
    if not signed:
        raise ListUnusable(f"{path} is not signed by {issuer.subject.rfc4514_string()}")
    if partial:
        raise ListUnusable(f"{path} is only a part of what is revoked, or somebody else's too")
    if found.next_update_utc is None:
        raise ListUnusable(f"{path} does not say when there is a newer list")
    serials = frozenset(one.serial_number for one in found)
    return Revoked(serials, found.last_update_utc.timestamp(), found.next_update_utc.timestamp())
