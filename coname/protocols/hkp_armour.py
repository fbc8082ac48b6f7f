"""From the value that somebody registered to the armoured certificate that HKP answers, in bounded time and memory.

- Nothing is parsed that `coname.core.openpgp_framing` has not counted: what passes takes Sequoia some milliseconds.
- That is done in the reactor, since Sequoia's bindings hold the interpreter's lock: a thread would free nobody. For
  the same reason a certificate is never turned into text by ``str``, which judges every user id and signature.
- What was armoured is kept, so that asking again for a large certificate costs little more than sending it.
"""

from __future__ import annotations

from collections import OrderedDict

import pysequoia

from coname.core.openpgp_framing import binary
from coname.errors import InvalidRequest, NotFound

KEPT_BYTES = 8 * 1024 * 1024
"""Of armoured certificates: some thousands of ordinary ones, a hundred of the largest."""


class ArmouredCertificates:
    """Certificates in armour, those asked for last kept.

    :ivar size: bytes kept.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        """
        :param most: bytes to keep.
        """
        self.size = 0
        self._most = most
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    def armoured(self, commitment: bytes, certificate: bytes) -> bytes:
        """`certificate` in armour.

        :param commitment: the verified commitment of the profile that holds it, which no other profile has.
        :raises NotFound: it is no certificate that can be given out.
        """
        kept = self._kept.get(commitment)
        if kept is None:
            kept = armoured(certificate)
            self._keep(commitment, kept)
        else:
            self._kept.move_to_end(commitment)
        return kept

    def _keep(self, commitment: bytes, text: bytes) -> None:
        self._kept[commitment] = text
        self.size += len(text)
        while self.size > self._most:
            _, oldest = self._kept.popitem(last=False)
            self.size -= len(oldest)


def armoured(certificate: bytes) -> bytes:
    """An OpenPGP certificate, binary or armoured, in armour.

    :raises NotFound: `certificate` is none, is more than one, holds a secret key, or is too large to be parsed.
    """
    try:
        parsed = pysequoia.Cert.from_bytes(binary(certificate))
        text: str = pysequoia.armor(bytes(parsed), pysequoia.ArmorKind.PublicKey)
    except InvalidRequest as error:
        raise _unusable(str(error)) from error
    except (RuntimeError, ValueError) as error:  # what pysequoia raises for everything that does not parse
        raise _unusable(str(error).partition("\n")[0]) from error
    return text.encode()


def _unusable(reason: str) -> NotFound:
    return NotFound(f"the value that is registered is not an OpenPGP certificate that can be given out: {reason}")
