"""Who a certificate speaks for, by its common name: ``replica <id in hex>``, or ``operator <name>``.

The realm's authority vouches for the name; where the replica is reached says nothing about who it is. So a replica may
move to another address with the certificate it has, and a verifier's certificate of the same authority opens nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography.x509.oid import NameOID

from coname.configuration.authority import replica_name

if TYPE_CHECKING:
    from cryptography import x509

_NAME = re.compile(r"replica ([0-9a-f]{1,16})", re.ASCII)
_OPERATOR = re.compile(r"operator (\S[ -~]{0,50})", re.ASCII)


def replica_of(certificate: x509.Certificate) -> int | None:
    """The id of the replica that `certificate` names; None if it names none, several, or not as we write it."""
    text = _common_name(certificate)
    found = _NAME.fullmatch(text)
    if found is None or replica_name(int(found[1], 16)) != text:
        return None
    return int(found[1], 16)


def operator_of(certificate: x509.Certificate) -> str:
    """The name of the operator that `certificate` is for; empty if it is for none."""
    found = _OPERATOR.fullmatch(_common_name(certificate))
    return found[1] if found else ""


def _common_name(certificate: x509.Certificate) -> str:
    """Empty if there is none, or several."""
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:  # a subject that does not parse, though OpenSSL took it
        return ""
    text = names[0].value if len(names) == 1 else ""
    return text if isinstance(text, str) else ""
