"""TLS really spoken between what the options are made of: who is let in, under which versions, with which names."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from service_identity.exceptions import CertificateError

from coname.configuration import certificates
from coname.configuration.tls import CIPHERS, Credential
from coname.messages import config_pb2 as pb
from tests.configuration.tls_case import HOST, End, TlsCase, authority, client, credential, server

VERIFIED = {"client_auth": pb.REQUIRE_AND_VERIFY_CLIENT_CERT, "client_cas": (authority().certificate,)}
IF_GIVEN = {"client_auth": pb.VERIFY_CLIENT_CERT_IF_GIVEN, "client_cas": (authority().certificate,)}


class ServerCertificateTests(TlsCase):
    def test_server_of_the_authority_is_trusted(self) -> None:
        self.assert_connects(server(), client())

    def test_server_of_another_authority_is_not(self) -> None:
        self.assert_refused(server(credentials=(credential(issuer="other"),)), client())

    def test_server_of_another_name_is_not(self) -> None:
        self.assert_refused(server(), client(), "elsewhere.example.com")

    def test_without_authorities_those_of_the_system_are_asked(self) -> None:
        self.assert_refused(server(), client(root_cas=()))

    def test_server_name_overrides_the_host(self) -> None:
        self.assert_connects(server(), client(server_name=HOST), "10.0.0.1")

    def test_ip_address(self) -> None:
        self.assert_connects(server(credentials=(credential(hosts=("127.0.0.1",)),)), client(), "127.0.0.1")

    def test_ip_address_of_another_server(self) -> None:
        self.assert_refused(server(credentials=(credential(hosts=("127.0.0.1",)),)), client(), "127.0.0.2")

    def test_certificate_for_clients_only_is_no_servers(self) -> None:
        self.assert_refused(server(credentials=(credential("verifier 1", ()),)), client())
        self.flushLoggedErrors(CertificateError)

    def test_server_of_several_names_presents_the_one_asked_for(self) -> None:
        several = server(credentials=(credential("a", ("a.example.com",)), credential("b", ("b.example.com",))))
        for name in ("a.example.com", "b.example.com"):
            _, at_client = self.assert_connects(several, client(), name)
            self.assertEqual(peer(at_client), f"CN={name[0]}")

    def test_server_of_several_names_presents_the_first_for_any_other(self) -> None:
        several = server(credentials=(credential("a", ("a.example.com",)), credential("b", ("b.example.com",))))
        self.assert_connects(several, client(server_name=""), "a.example.com")
        self.assert_refused(several, client(), "c.example.com")

    def test_server_of_several_names_still_verifies_its_clients(self) -> None:
        pair = (credential("a", ("a.example.com",)), credential("b", ("b.example.com",)))
        several = server(credentials=pair, **VERIFIED)
        self.assert_refused(several, client(), "b.example.com")
        self.assert_connects(several, client(credentials=(credential("verifier 1", ()),)), "b.example.com")

    def test_wildcard_covers_one_level(self) -> None:
        wild = credential("w", ("*.example.com",))
        self.assertTrue(wild.covers("A.example.com"))
        self.assertFalse(wild.covers("a.b.example.com"))
        self.assertFalse(wild.covers(""))


class KeyKindTests(TlsCase):
    def serve(self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
        chain = authority().issue("server", (HOST,), certificates.utc_now()).chain
        self.assertFalse(certificates.belongs_to(chain[0], key))
        reissued = _certify(key)
        self.assertTrue(certificates.belongs_to(reissued.chain[0], key))
        self.assert_connects(server(credentials=(reissued,)), client())

    def test_rsa(self) -> None:
        self.serve(rsa.generate_private_key(65537, 2048))

    def test_ed25519(self) -> None:
        self.serve(ed25519.Ed25519PrivateKey.generate())

    def test_p384(self) -> None:
        self.serve(ec.generate_private_key(ec.SECP384R1()))


class ClientCertificateTests(TlsCase):
    mine = (credential("verifier 1", ()),)
    foreign = (credential("verifier 1", (), "other"),)

    def test_none_asked_for_none_given(self) -> None:
        at_server, _ = self.assert_connects(server(), client(credentials=self.mine))
        self.assertEqual(peer(at_server), "")

    def test_required_and_verified(self) -> None:
        at_server, _ = self.assert_connects(server(**VERIFIED), client(credentials=self.mine))
        self.assertEqual(peer(at_server), "CN=verifier 1")

    def test_required_but_missing(self) -> None:
        self.assert_refused(server(**VERIFIED), client())

    def test_required_but_foreign(self) -> None:
        self.assert_refused(server(**VERIFIED), client(credentials=self.foreign))

    def test_verified_if_given_and_missing(self) -> None:
        self.assert_connects(server(**IF_GIVEN), client())

    def test_verified_if_given_and_foreign(self) -> None:
        self.assert_refused(server(**IF_GIVEN), client(credentials=self.foreign))

    def test_any_will_do(self) -> None:
        at_server, _ = self.assert_connects(
            server(client_auth=pb.REQUIRE_ANY_CLIENT_CERT), client(credentials=self.foreign)
        )
        self.assertEqual(peer(at_server), "CN=verifier 1")

    def test_any_will_do_but_there_must_be_one(self) -> None:
        self.assert_refused(server(client_auth=pb.REQUIRE_ANY_CLIENT_CERT), client())

    def test_requested_only(self) -> None:
        self.assert_connects(server(client_auth=pb.REQUEST_CLIENT_CERT), client())
        at_server, _ = self.assert_connects(
            server(client_auth=pb.REQUEST_CLIENT_CERT), client(credentials=self.foreign)
        )
        self.assertEqual(peer(at_server), "CN=verifier 1")

    def test_key_that_is_slow_to_check(self) -> None:
        """Anybody may show one."""
        key = slow_key()
        certificate = authority().certify("slow", key.public_key(), (), certificates.utc_now())
        for mode in (pb.REQUEST_CLIENT_CERT, pb.REQUIRE_ANY_CLIENT_CERT):
            self.assert_refused(server(client_auth=mode), client(credentials=(Credential((certificate,), key),)))

    def test_nothing_behind_a_certificate_of_any_kind_is_looked_at(self) -> None:
        """A stranger's chain of sixty slow keys would hold the server for a third of a second."""
        for mode in (pb.REQUEST_CLIENT_CERT, pb.REQUIRE_ANY_CLIENT_CERT):
            self.assertEqual(server(client_auth=mode).server_options().getContext().get_verify_depth(), 0)


def slow_key() -> rsa.RSAPrivateKey:
    """Signs quickly, and is checked slowly: its exponents have changed places."""
    usual = rsa.generate_private_key(65537, 2048).private_numbers()
    p, q, d = usual.p, usual.q, 65537
    public = rsa.RSAPublicNumbers(pow(d, -1, (p - 1) * (q - 1)), p * q)
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key(unsafe_skip_rsa_key_validation=True)


class VersionTests(TlsCase):
    def test_tls13_by_default(self) -> None:
        at_server, _ = self.assert_connects(server(), client())
        self.assertEqual(at_server.tls.get_protocol_version_name(), "TLSv1.3")

    def test_tls12_with_those_who_have_no_more(self) -> None:
        at_server, _ = self.assert_connects(server(), client(only_tls12=True))
        self.assertEqual(at_server.tls.get_protocol_version_name(), "TLSv1.2")
        self.assertIn(at_server.tls.get_cipher_name(), CIPHERS)

    def test_only_tls13(self) -> None:
        self.assert_refused(server(only_tls13=True), client(only_tls12=True))

    def test_only_tls12(self) -> None:
        at_server, _ = self.assert_connects(server(only_tls12=True), client())
        self.assertEqual(at_server.tls.get_protocol_version_name(), "TLSv1.2")

    def test_configured_cipher(self) -> None:
        chosen = "ECDHE-ECDSA-AES256-GCM-SHA384"
        at_server, _ = self.assert_connects(server(ciphers=(chosen,)), client(only_tls12=True))
        self.assertEqual(at_server.tls.get_cipher_name(), chosen)

    def test_no_cipher_in_common(self) -> None:
        weak = client(only_tls12=True, ciphers=("AES128-SHA",))
        self.assert_refused(server(), weak)

    def test_protocol_is_agreed_on(self) -> None:
        at_server, at_client = self.connect(server(), client(), protocols=(b"http/1.1",))
        self.assertEqual(at_client.tls.get_alpn_proto_negotiated(), b"http/1.1")
        self.assertEqual(at_server.heard, b"hello")


class SecrecyTests(TlsCase):
    def test_keys_do_not_show(self) -> None:
        pem = credential().key_pem().decode()
        self.assertNotIn(pem, repr(server()))
        self.assertNotIn("PrivateKey", repr(server()))


def peer(end: End) -> str:
    """The name in the certificate that the other end has presented."""
    leaf = end.tls.get_peer_certificate(as_cryptography=True)
    return leaf.subject.rfc4514_string() if leaf else ""


def _certify(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Credential:
    """A certificate for HOST and `key`, by the authority ``test``."""
    issuer, model = authority(), credential().chain[0]
    builder = x509.CertificateBuilder(
        issuer.certificate.subject,
        model.subject,
        key.public_key(),
        x509.random_serial_number(),
        model.not_valid_before_utc,
        model.not_valid_after_utc,
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    return Credential((builder.sign(issuer.key, hashes.SHA256()),), key)
