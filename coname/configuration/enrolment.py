"""Becoming a verifier, on its own side: its keys, and a request to the provider.

The keys are made here and stay here. The request holds public halves only, and shows that its maker has both secrets:
the TLS key has signed the certificate request, the Ed25519 key has signed that, with the realm.

A request is JSON: ``format``, ``realm``, ``public_key`` (base64), ``certificate_request`` (PEM), ``proof`` (base64),
and ``keyserver_addr`` if the verifier knows where it will connect to.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from coname.configuration import authority, documents, folder, listen
from coname.configuration.blueprint import TLS_KEY_FILE, VERIFIER_KEY_FILE
from coname.configuration.findings import Findings
from coname.configuration.folder import NewFile
from coname.core import signatures
from coname.core.hashes import key_id
from coname.core.signatures import PUBLIC_KEY_SIZE, SigningKey, public_key_message
from coname.core.text import quoted
from coname.core.types import KeyId
from coname.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

REQUEST_FORMAT = "coname verifier request 1"

# One for an RSA key of 16,384 bits has 6 kB; checking the signature of a much longer key takes minutes.
MAX_REQUEST_CHARACTERS = 10_000

REQUEST_FILE = "request.json"

_PREFIX = b"coname verifier request\0"


@dataclass(frozen=True)
class Request:
    """A verified request.

    :ivar public: the verifier's Ed25519 public key. :ivar wanted: the certificate request.
    :ivar keyserver_addr: where the verifier means to connect to; empty: it leaves that to the provider.
    """

    realm: str
    public: bytes
    wanted: x509.CertificateSigningRequest
    keyserver_addr: str

    @property
    def verifier(self) -> KeyId:
        """The verifier's id: that of its key."""
        return key_id(public_key_message(self.public).SerializeToString())


def enroll(target: Path, realm: str, keyserver_addr: str = "") -> tuple[NewFile, ...]:
    """Make the folder `target` with a verifier's new keys, and a request to be sent to the provider of `realm`.

    :returns: the files, without contents.
    :raises Misconfigured: an argument is wrong, or there is something at `target`; nothing was made.
    """
    findings = Findings()
    if not realm or not realm.isprintable():
        findings.at("--realm").mistake("the realm's name is expected, as its clients' configuration has it")
    if keyserver_addr:
        listen.check(keyserver_addr, findings.at("--keyserver"))
    findings.raise_mistakes()
    folder.check_free(target)
    signing, tls = SigningKey.generate(), ec.generate_private_key(ec.SECP256R1())
    files = (
        NewFile(VERIFIER_KEY_FILE, signing.secret, "signs what it has verified", secret=True),
        NewFile(TLS_KEY_FILE, authority.key_pem(tls), "its key for TLS", secret=True),
        NewFile(
            REQUEST_FILE, documents.to_json(_request(realm, keyserver_addr, signing, tls)), "to be sent to the provider"
        ),
    )
    folder.write(target, files)
    return tuple(NewFile(file.path, b"", file.purpose, file.secret) for file in files)


def _request(realm: str, keyserver_addr: str, signing: SigningKey, tls: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority.verifier_name(signing.key_id))])
    wanted = x509.CertificateSigningRequestBuilder().subject_name(name).sign(tls, hashes.SHA256())
    document = {
        "format": REQUEST_FORMAT,
        "realm": realm,
        "public_key": base64.b64encode(signing.public).decode(),
        "certificate_request": wanted.public_bytes(Encoding.PEM).decode(),
        "proof": base64.b64encode(signing.sign(_proven(realm, wanted))).decode(),
    }
    return document | ({"keyserver_addr": keyserver_addr} if keyserver_addr else {})


def _proven(realm: str, wanted: x509.CertificateSigningRequest) -> bytes:
    """What the Ed25519 key signs."""
    return _PREFIX + realm.encode() + b"\0" + wanted.public_bytes(Encoding.DER)


def read_request(path: Path) -> Request:
    """The request in the file `path`, if its maker has both keys.

    :raises Misconfigured: it is none, or was changed on the way.
    """
    document = documents.read(path)
    check_format(document, REQUEST_FORMAT, path)
    fields = ("realm", "public_key", "certificate_request", "proof")
    missing = [name for name in fields if not isinstance(document.get(name), str)]
    if missing:
        raise Misconfigured([f"{path}: not a whole request; {', '.join(missing)} is missing"])
    if len(document["certificate_request"]) > MAX_REQUEST_CHARACTERS:
        raise Misconfigured([f"{path}: the certificate request has more than {MAX_REQUEST_CHARACTERS} characters"])
    try:
        public, proof = (base64.b64decode(document[name], validate=True) for name in ("public_key", "proof"))
        wanted = x509.load_pem_x509_csr(document["certificate_request"].encode())
        signed = wanted.is_signature_valid
        wanted.public_key()
        names = [str(name.value) for name in wanted.subject]
    except (ValueError, binascii.Error, UnsupportedAlgorithm, InvalidSignature) as error:
        raise Misconfigured([f"{path}: damaged, or not made by `coname verifier enroll`: {error}"]) from error
    request = Request(document["realm"], public, wanted, str(document.get("keyserver_addr") or ""))
    _check_request(request, signed, proof, names, path)
    return request


def _check_request(request: Request, signed: bool, proof: bytes, names: list[str], path: Path) -> None:
    if len(request.public) != PUBLIC_KEY_SIZE:
        raise Misconfigured([f"{path}: public_key has {len(request.public)} bytes, not {PUBLIC_KEY_SIZE}"])
    if not signed:
        raise Misconfigured([f"{path}: the certificate request is not signed by its own key: it was changed"])
    if not signatures.verify(request.public, _proven(request.realm, request.wanted), proof):
        raise Misconfigured(
            [f"{path}: the proof is not by public_key over this realm and certificate request: it was changed"]
        )
    expected = authority.verifier_name(request.verifier)
    if names != [expected]:
        shown = ", ".join(map(quoted, names[:3])) or "nothing"
        raise Misconfigured([f"{path}: the certificate is asked for under the name {shown}; it must be {expected!r}"])


def check_format(document: dict[str, Any], expected: str, path: Path) -> None:
    """:raises Misconfigured: `document`, from the file `path`, is of another format."""
    if document.get("format") != expected:
        raise Misconfigured([f"{path}: not a {expected!r}, but {quoted(str(document.get('format')))}"])
