"""Which fronts ask for client certificates, so that people can register by them.

- The HTTPS front asks everybody, and takes whoever has none, or one of others: it names the authorities that count, so
  that browsers do not offer another one; what a certificate is worth is decided when somebody registers by it.
- gRPC in Python can either demand a certificate or not ask at all. So the public front does not ask, and there may be
  another one that demands it.

Without a policy by client certificate, nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from coname.configuration import certificates, listen
from coname.configuration.findings import Findings
from coname.configuration.settings import Listener
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from cryptography import x509


def authorities(policies: Iterable[pb.RegistrationPolicy]) -> tuple[x509.Certificate, ...]:
    """Those whose certificates prove addresses. What is no certificate was noted as a mistake before."""
    ders = [policy.email_proof_by_client_cert.ca_cert for policy in policies]
    return tuple(certificates.parse([der for der in ders if der], Findings()))


def asking(front: Listener | None, whom: Sequence[x509.Certificate]) -> Listener | None:
    """The HTTPS front, asking for certificates of those authorities, unless the file says itself what it asks for."""
    if front is None or not whom or front.tls.client_auth != pb.NO_CLIENT_CERT:
        return front
    return replace(front, tls=replace(front.tls, client_auth=pb.REQUEST_CLIENT_CERT, client_cas=tuple(whom)))


def demanding(
    text: str, public: Listener | None, whom: Sequence[x509.Certificate], findings: Findings
) -> Listener | None:
    """The further gRPC front, at the address in `text`; mistakes go to `findings`."""
    if not text:
        return None
    address = listen.check(text, findings)
    if public is None:
        findings.mistake("this front has public_tls, and there is no public_addr")
    if not whom:
        findings.mistake("no registration_policy is email_proof_by_client_cert: whose certificates are to be shown?")
    if address is None or public is None or not whom:
        return None
    tls = replace(public.tls, client_auth=pb.REQUIRE_AND_VERIFY_CLIENT_CERT, client_cas=tuple(whom))
    return Listener(address, tls)
