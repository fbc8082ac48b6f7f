"""What is wrong in a TLSConfig, and what a library could only pretend to do."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from coname.configuration.tls import CIPHERS
from tests.configuration.realms import RealmCase, put
from tests.configuration.tls_case import credential


class TlsMistakeTests(RealmCase):
    def one(self, change: Any, expected: str) -> None:
        mistakes = self.mistakes_of(change)
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])

    def write_key(self, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.replica / "tls-key.pem").write_bytes(pem)

    def test_key_of_another_certificate(self) -> None:
        self.write_key(ec.generate_private_key(ec.SECP256R1()))
        mistakes = [line.partition(": ") for line in self.mistakes()]
        self.assertEqual(
            [path for path, _, _ in mistakes],
            [f"{front}_tls.certificates[0].key_id" for front in ("public", "verifier", "hkp", "httpfront")],
        )
        self.assertIn("tls-key.pem is not the key of certificate[0]", mistakes[0][2])

    def test_key_file_missing(self) -> None:
        certificates = put(hkp_tls={"certificates": [{"certificate": [_der()], "key_id": "none.pem"}]})
        self.one(certificates, f"hkp_tls.certificates[0].key_id: {self.replica}/none.pem: No such file")

    def test_key_not_named(self) -> None:
        self.one(put(hkp_tls={"certificates": [{"certificate": [_der()]}]}), "hkp_tls.certificates[0].key_id: missing")

    def test_chain_missing(self) -> None:
        self.one(
            put(hkp_tls={"certificates": [{"key_id": "tls-key.pem"}]}), "hkp_tls.certificates[0].certificate: empty"
        )

    def test_certificate_that_is_none(self) -> None:
        broken = {"certificates": [{"certificate": ["AAAA"], "key_id": "tls-key.pem"}]}
        self.one(put(hkp_tls=broken), "hkp_tls.certificates[0].certificate[0]: not an X.509 certificate in DER")

    def test_authority_that_is_none(self) -> None:
        self.one(put(verifier_tls__client_cas=["AAAA"]), "verifier_tls.client_cas[0]: not an X.509 certificate in DER")

    def test_verifying_by_no_authority(self) -> None:
        self.one(put(hkp_tls__client_auth="VERIFY_CLIENT_CERT_IF_GIVEN"), "hkp_tls.client_cas: empty; client_auth")

    def test_unknown_client_auth(self) -> None:
        self.one(put(hkp_tls__client_auth=9), "hkp_tls.client_auth: 9 is none of NO_CLIENT_CERT")

    def test_ssl3_only(self) -> None:
        self.one(put(hkp_tls__max_version="VERSION_SSL30"), "hkp_tls.max_version: TLS 1.2 is the least")

    def test_no_version_left(self) -> None:
        versions = put(hkp_tls__min_version="VERSION_TLS13", hkp_tls__max_version="VERSION_TLS12")
        self.one(versions, "hkp_tls.min_version: greater than max_version")

    def test_unknown_version(self) -> None:
        self.one(put(hkp_tls__min_version=5), "hkp_tls.min_version: 5 is none of TLSVersion_UNSPECIFIED")

    def test_unsound_ciphers_only(self) -> None:
        self.one(
            put(hkp_tls__cipher_suites=["TLS_RSA_WITH_RC4_128_SHA"]), "hkp_tls.cipher_suites: none of these is sound"
        )

    def test_huge_certificate_chain_of_garbage(self) -> None:
        garbage = {"certificates": [{"certificate": ["AAAA"] * 1000, "key_id": "tls-key.pem"}]}
        self.assertEqual(len(self.mistakes_of(put(hkp_tls=garbage))), 1000)


class GrpcMistakeTests(RealmCase):
    """gRPC in Python knows two of the five ways to ask for a client certificate."""

    def refused(self, mode: str) -> None:
        mistakes = self.mistakes_of(put(public_tls__client_auth=mode))
        self.assertIn(
            f"public_tls.client_auth: gRPC in Python cannot do {mode}; choose NO_CLIENT_CERT or "
            "REQUIRE_AND_VERIFY_CLIENT_CERT",
            mistakes,
        )

    def test_request(self) -> None:
        self.refused("REQUEST_CLIENT_CERT")

    def test_require_any(self) -> None:
        self.refused("REQUIRE_ANY_CLIENT_CERT")

    def test_verify_if_given(self) -> None:
        self.refused("VERIFY_CLIENT_CERT_IF_GIVEN")

    def test_all_five_are_fine_over_https(self) -> None:
        self.edit(put(httpfront_tls__client_auth="REQUEST_CLIENT_CERT", hkp_tls__client_auth=2))
        self.load()

    def test_tls13_only(self) -> None:
        mistakes = self.mistakes_of(put(public_tls__min_version="VERSION_TLS13"))
        self.assertTrue(mistakes[0].startswith("public_tls.min_version: gRPC in Python cannot refuse TLS 1.2"))

    def test_tls13_only_is_fine_over_https(self) -> None:
        self.edit(put(httpfront_tls__min_version="VERSION_TLS13"))
        front = self.load().httpfront
        assert front is not None
        self.assertTrue(front.tls.only_tls13)

    def test_keys_that_grpc_cannot_use(self) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        (self.replica / "ed.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        mistakes = self.mistakes_of(put(public_tls={"certificates": [{"certificate": [_der()], "key_id": "ed.pem"}]}))
        self.assertIn("gRPC's TLS takes RSA keys and those on the curves P-256 and P-384 only", mistakes[0])


class TlsWarningTests(RealmCase):
    def one(self, change: Any, expected: str) -> None:
        warnings = self.warnings_of(change)
        self.assertEqual(len(warnings), 1, warnings)
        self.assertTrue(warnings[0].startswith(expected), warnings[0])

    def test_old_least_version_is_raised(self) -> None:
        self.one(put(hkp_tls__min_version="VERSION_TLS10"), "hkp_tls.min_version: TLS 1.2 is the least")

    def test_grpc_and_a_greatest_version(self) -> None:
        self.one(put(public_tls__max_version="VERSION_TLS12"), "public_tls.max_version: gRPC in Python speaks TLS 1.3")

    def test_grpc_and_ciphers(self) -> None:
        self.one(
            put(public_tls__cipher_suites=["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
            "public_tls.cipher_suites: gRPC in Python cannot be told",
        )

    def test_unsound_cipher_among_sound_ones(self) -> None:
        suites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_FALLBACK_SCSV"]
        self.one(put(hkp_tls__cipher_suites=suites), "hkp_tls.cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA is not")
        hkp = self.load().hkp
        assert hkp is not None
        self.assertEqual(hkp.tls.ciphers, CIPHERS[:1])

    def test_what_is_not_used(self) -> None:
        self.one(put(hkp_tls__next_protos=["h2"]), "hkp_tls.next_protos: not used: ")

    def test_staple(self) -> None:
        def staple(document: dict[str, Any]) -> None:
            document["hkp_tls"]["certificates"][0]["OCSP_staple"] = "AAAA"

        self.one(staple, "hkp_tls.certificates[0].OCSP_staple: not used: ")


def _der() -> str:
    der = credential().chain[0].public_bytes(Encoding.DER)
    return base64.b64encode(der).decode()
