"""What must hold of a provider's reply to a request, whoever has written it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from coname.configuration import authority, certificates, defaults, listen
from coname.configuration.blueprint import TLS_KEY_FILE, VERIFIER_KEY_FILE
from coname.configuration.check_realm import check_policy
from coname.configuration.check_verifier import check_clock_tolerance
from coname.configuration.enrolment import REQUEST_FILE
from coname.core.text import quoted
from coname.core.times import to_seconds

if TYPE_CHECKING:
    from datetime import datetime

    from coname.configuration.enrolment import Request
    from coname.configuration.findings import Findings
    from coname.configuration.keys import TlsKey
    from coname.core.signatures import SigningKey
    from coname.messages import config_pb2 as pb


def check_reply(
    config: pb.VerifierConfig, request: Request, signing: SigningKey, tls: TlsKey, now: datetime, findings: Findings
) -> None:
    """Note what is wrong with the provider's `config`, for the verifier that made `request` with these keys."""
    if signing.public != request.public:
        findings.mistake(f"{REQUEST_FILE} is not by the key in {VERIFIER_KEY_FILE}")
    if config.id != signing.key_id:
        findings.at("id").mistake(f"{config.id} is not this verifier's, which is {signing.key_id}: another's reply?")
    if config.realm != request.realm:
        findings.at("realm").mistake(f"{quoted(config.realm)}; what was asked for is {request.realm!r}")
    address = listen.check(config.keyserver_addr, findings.at("keyserver_addr"))
    if address is not None and not (address.host and address.port):
        findings.at("keyserver_addr").mistake(f"{config.keyserver_addr!r} is nowhere to connect to")
    check_policy(config.initial_keyserver_auth, findings.at("initial_keyserver_auth"))
    check_clock_tolerance(config.clock_tolerance, findings.at("clock_tolerance"))
    _check_certificate(config.tls, tls, authority.verifier_name(signing.key_id), now, findings.at("tls"))


def differences(config: pb.VerifierConfig, request: Request) -> list[str]:
    """What makes the checked `config` less strict than it could be, or other than was asked for; each a sentence.

    A reply does not show who made it. So nobody shall be led into these without having read them.
    """
    found = []
    if request.keyserver_addr and config.keyserver_addr != request.keyserver_addr:
        found.append(
            f"It is to follow the keyserver at {config.keyserver_addr}; asked for was {request.keyserver_addr}."
        )
    if not config.require_transcripts:
        found.append(
            "It is to sign without transcripts (require_transcripts): a wrong root, or a change that its owner did not "
            "sign, could not be proven to others. Only realms of the suite of 2017 need that."
        )
    tolerance = to_seconds(config.clock_tolerance)
    if tolerance and tolerance != defaults.CLOCK_TOLERANCE:
        found.append(
            f"It is to sign epochs up to {tolerance:g} s ahead of its clock (clock_tolerance); usual are "
            f"{defaults.CLOCK_TOLERANCE:g} s."
        )
    return found


def _check_certificate(config: pb.TLSConfig, key: TlsKey, name: str, now: datetime, findings: Findings) -> None:
    unexpected = [field.name for field, _ in config.ListFields() if field.name not in ("certificates", "root_cas")]
    for field in unexpected:
        findings.at(field).mistake("is not the provider's to say")
    if len(config.certificates) != 1 or not config.certificates[0].certificate or config.certificates[0].key_id:
        findings.at("certificates").mistake("one certificate is expected, without a key's path")
        return
    place = findings.at("certificates").at(0)
    chain = certificates.parse(config.certificates[0].certificate, place)
    roots = certificates.parse(config.root_cas, findings.at("root_cas"))
    if not chain or not roots:
        findings.at("root_cas").mistake("the provider's authority is expected")
        return
    if not certificates.belongs_to(chain[0], key):
        place.mistake(f"the certificate is not for the key in {TLS_KEY_FILE}: it answers another request")
    names = [str(each.value) for each in chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [name]:
        shown = ", ".join(map(quoted, names[:3])) or "missing"
        place.mistake(f"the certificate's common name is {shown}, not {name!r}")
    if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
        place.mistake(f"the certificate is valid until {chain[0].not_valid_after_utc:%Y-%m-%d}, and not now")
    if not any(_issued(chain[-1], root) for root in roots):
        place.mistake("the certificate was not issued by the authority in root_cas")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
