"""A verifier's configuration, checked as a whole: every mistake at once, before anything is opened.

An original's works as it is. What it does not have means here: no transcripts are asked for, the defaults of
`coname.configuration.defaults` for times, an ``evidence`` folder beside the file, and no metrics.

The certificate says who pushes (protocol section 9), and the keyserver believes nothing else. So a certificate that
does not speak for this verifier's id is a mistake here, rather than a refusal of every signature later.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography.x509.oid import NameOID

from coname.configuration import defaults, listen, tls_config
from coname.configuration.authority import verifier_name
from coname.configuration.check_realm import check_duration, check_policy
from coname.configuration.findings import Findings
from coname.configuration.keys import read_signing_key
from coname.configuration.listen import Address
from coname.configuration.settings import VerifierSettings
from coname.configuration.tls import TlsIdentity
from coname.configuration.tls_config import Use
from coname.core.signatures import SigningKey
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb
from coname.messages.client_pb2 import Duration

EVIDENCE_FOLDER = "evidence"


def check_verifier(message: pb.VerifierConfig, path: Path, now: datetime, findings: Findings) -> VerifierSettings:
    """The settings that `message`, read from `path`, amounts to.

    :param now: the time that certificates are warned about by.
    :param findings: what reading the file has found; its mistakes count too.
    :raises Misconfigured: with every mistake in it.
    """
    folder = path.parent
    key = _signing_key(message, folder, findings)
    if not message.realm:
        findings.at("realm").mistake("missing: the realm's name, which every epoch head carries")
    tls = _tls(message, folder, now, findings.at("tls"))
    keyserver = _keyserver(message, findings.at("keyserver_addr"))
    check_policy(message.initial_keyserver_auth, findings.at("initial_keyserver_auth"))
    if not message.leveldb_path:
        findings.at("leveldb_path").mistake("missing: the database's folder, made at the first start")
    tolerance = check_clock_tolerance(message.clock_tolerance, findings.at("clock_tolerance"))
    sign_within = check_duration(message.sign_within, findings.at("sign_within"))
    metrics = _metrics(message, findings.at("metrics_addr"))
    findings.raise_mistakes()
    if key is None or keyserver is None:
        raise Misconfigured([f"{path}: incomplete"])  # never comes: each that is None noted a mistake
    return VerifierSettings(
        path=path,
        message=message,
        realm=message.realm,
        verifier_id=message.id,
        signing_key=key,
        tls=tls,
        keyserver=keyserver,
        keyserver_policy=message.initial_keyserver_auth,
        tree_nonce=message.tree_nonce,
        require_transcripts=message.require_transcripts,
        clock_tolerance=tolerance or defaults.CLOCK_TOLERANCE,
        sign_within=sign_within or defaults.SIGN_WITHIN,
        data_folder=folder / message.leveldb_path,
        evidence_folder=folder / (message.evidence_folder or EVIDENCE_FOLDER),
        metrics=metrics,
        warnings=tuple(findings.warnings),
    )


def check_clock_tolerance(duration: Duration, findings: Findings) -> float:
    """The seconds of `duration`, 0 if it is absent, or with the mistake noted."""
    seconds = check_duration(duration, findings)
    if seconds > defaults.MOST_CLOCK_TOLERANCE:
        findings.mistake(
            f"{seconds:.0f} s; at most {defaults.MOST_CLOCK_TOLERANCE:.0f} s: a verifier that signs what is issued an "
            "hour ahead can be shown by anybody to have broken the rules"
        )
    return seconds


def _signing_key(message: pb.VerifierConfig, folder: Path, findings: Findings) -> SigningKey | None:
    at_id, at_key = findings.at("id"), findings.at("signing_key_id")
    if not message.id:
        at_id.mistake("missing: the id that this verifier's signatures are filed under")
    if not message.signing_key_id:
        at_key.mistake("missing: the path of this verifier's .ed25519secret file")
        return None
    key = read_signing_key(folder / message.signing_key_id, at_key)
    if key is not None and message.id and key.key_id != message.id:
        at_id.warn(f"by convention the id of the signing key, {key.key_id}")
    return key


def _tls(message: pb.VerifierConfig, folder: Path, now: datetime, findings: Findings) -> TlsIdentity:
    """Who this verifier is to the keyserver, and whom it takes for it."""
    identity = tls_config.load(message.tls, folder, Use.GRPC_CLIENT, now, findings)
    at_certificates = findings.at("certificates")
    if not message.tls.certificates:
        at_certificates.mistake("empty; a verifier is known by its certificate, which the provider issues")
    if not message.tls.root_cas:
        findings.at("root_cas").warn("empty: any public authority may say who the keyserver is")
    if identity.credentials and message.id:
        subject = identity.credentials[0].chain[0].subject
        names = [str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        expected = verifier_name(message.id)
        if names != [expected]:
            shown = ", ".join(map(repr, names)) or "none"
            at_certificates.at(0).mistake(
                f"the certificate's common name must be {expected!r} for this id, not {shown}"
            )
    return identity


def _keyserver(message: pb.VerifierConfig, findings: Findings) -> Address | None:
    if not message.keyserver_addr:
        findings.mistake("missing: host:port of the keyserver's gRPC for verifiers")
        return None
    address = listen.check(message.keyserver_addr, findings)
    if address is not None and not (address.host and address.port):
        findings.mistake(f"{message.keyserver_addr!r} is nowhere to connect to; host:port is expected")
    return address


def _metrics(message: pb.VerifierConfig, findings: Findings) -> Address | None:
    if not message.metrics_addr:
        return None
    address = listen.check(message.metrics_addr, findings)
    return address._replace(host=address.host or "127.0.0.1") if address else None
