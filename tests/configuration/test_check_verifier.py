"""Every mistake in a verifier's configuration is named with its path, all at once; what is odd is warned about."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import tomli_w

from coname.config import VerifierSettings, load_replica, load_verifier
from coname.configuration import defaults
from coname.configuration.init import InitOptions
from coname.configuration.listen import Address
from coname.core import evidence
from coname.core.signatures import SigningKey
from coname.errors import Misconfigured
from tests.configuration.realms import NOW, RealmCase, put


class VerifierCase(RealmCase):
    options = InitOptions(realm="example.com", verifiers=2, insecure_skip_email_proof=True)

    def setUp(self) -> None:
        super().setUp()
        self.verifier = self.folder / "verifier1"
        self.path = self.verifier / "config.json"

    def load_it(self) -> VerifierSettings:
        return load_verifier(self.path, NOW)

    def after(self, change: Callable[[dict[str, Any]], object]) -> VerifierSettings:
        self.edit(change, self.path)
        return self.load_it()

    def wrong(self, change: Callable[[dict[str, Any]], object]) -> list[str]:
        self.edit(change, self.path)
        return self.assertRaises(Misconfigured, self.load_it).mistakes

    def one(self, change: Callable[[dict[str, Any]], object], expected: str) -> None:
        mistakes = self.wrong(change)
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])


class SettingsTests(VerifierCase):
    def test_what_init_makes_is_loaded(self) -> None:
        settings = self.load_it()
        self.assertEqual((settings.realm, settings.keyserver), ("example.com", Address("127.0.0.1", 4626)))
        self.assertEqual(settings.verifier_id, settings.signing_key.key_id)
        self.assertEqual(settings.keyserver_policy, load_replica(self.config, NOW).replica_policy)
        self.assertEqual(settings.data_folder, self.verifier / "database")
        self.assertEqual(settings.warnings, ())

    def test_realms_with_our_suite_ask_for_transcripts(self) -> None:
        self.assertTrue(self.load_it().require_transcripts)

    def test_what_is_absent_has_a_default(self) -> None:
        settings = self.load_it()
        self.assertEqual(settings.clock_tolerance, defaults.CLOCK_TOLERANCE)
        self.assertEqual(settings.sign_within, defaults.SIGN_WITHIN)
        self.assertEqual(settings.evidence_folder, self.verifier / "evidence")
        self.assertIsNone(settings.metrics)

    def test_our_fields(self) -> None:
        settings = self.after(
            put(
                clock_tolerance={"seconds": 10},
                sign_within={"seconds": 20},
                evidence_folder="/var/lib/evidence",
                metrics_addr=":9100",
            )
        )
        self.assertEqual((settings.clock_tolerance, settings.sign_within), (10, 20))
        self.assertEqual(settings.evidence_folder, Path("/var/lib/evidence"))
        self.assertEqual(settings.metrics, Address("127.0.0.1", 9100))

    def test_metrics_may_be_shown_elsewhere(self) -> None:
        self.assertEqual(self.after(put(metrics_addr="192.0.2.1:9100")).metrics, Address("192.0.2.1", 9100))

    def test_toml_means_the_same(self) -> None:
        path = self.path.with_suffix(".toml")
        path.write_text(tomli_w.dumps(json.loads(self.path.read_text())))
        self.assertEqual(load_verifier(path, NOW).message, self.load_it().message)

    def test_secrets_do_not_show(self) -> None:
        settings = self.load_it()
        self.assertNotIn(repr(settings.signing_key.secret), repr(settings))

    def test_nothing_is_written(self) -> None:
        before = sorted(self.folder.rglob("*"))
        self.load_it()
        self.assertEqual(sorted(self.folder.rglob("*")), before)


class OriginalTests(VerifierCase):
    """What an original's file has and lacks."""

    options = InitOptions(realm="example.com", verifiers=1, vrf_suite="2017", insecure_skip_email_proof=True)

    def test_it_has_no_field_of_ours_and_works(self) -> None:
        document = json.loads(self.path.read_text())
        known = {"id", "signing_key_id", "realm", "tls", "keyserver_addr", "initial_keyserver_auth", "tree_nonce"}
        self.assertEqual(set(document) - known, {"leveldb_path"})
        self.assertFalse(self.load_it().require_transcripts)

    def test_secrets_that_everybody_can_read_are_warned_about(self) -> None:
        for path in self.verifier.iterdir():
            path.chmod(0o644)
        self.assertEqual(sum("chmod 600" in warning for warning in self.load_it().warnings), 2)


class MistakeTests(VerifierCase):
    def test_empty_file(self) -> None:
        self.path.write_text("{}")
        paths = {line.partition(": ")[0] for line in self.assertRaises(Misconfigured, self.load_it).mistakes}
        expected = {"id", "signing_key_id", "realm", "tls.certificates", "keyserver_addr", "leveldb_path"}
        self.assertEqual(paths, expected | {"initial_keyserver_auth.quorum"})

    def test_all_at_once_of_every_kind(self) -> None:
        def spoil(document: dict[str, Any]) -> None:
            put(id="x", realm=None, keyserver_adr="a:1", keyserver_addr="nowhere", metrics_addr="here")(document)
            put(signing_key_id="none.ed25519secret", tls__root_cas=["AAAA"], sign_within={"seconds": -1})(document)

        paths = {line.partition(": ")[0] for line in self.wrong(spoil)}
        expected = {"id", "realm", "keyserver_adr", "keyserver_addr", "metrics_addr", "signing_key_id"}
        self.assertEqual(paths, expected | {"tls.root_cas[0]", "sign_within"})

    def test_certificate_of_another_verifier(self) -> None:
        other = json.loads((self.folder / "verifier2" / "config.json").read_text())["id"]
        mistakes = self.wrong(put(id=other))
        self.assertEqual(len(mistakes), 1)
        self.assertIn(
            f"tls.certificates[0]: the certificate's common name must be 'verifier {int(other):x}'", mistakes[0]
        )

    def test_certificate_of_a_replica(self) -> None:
        for name in ("tls-key.pem",):
            (self.verifier / name).write_bytes((self.replica / name).read_bytes())
        theirs = json.loads(self.config.read_text())["public_tls"]["certificates"]
        self.one(put(tls__certificates=theirs), "tls.certificates[0]: the certificate's common name must be")

    def test_no_certificate(self) -> None:
        self.one(put(tls__certificates=[]), "tls.certificates: empty; a verifier is known by its certificate")

    def test_key_of_another_certificate(self) -> None:
        (self.verifier / "tls-key.pem").write_bytes((self.replica / "tls-key.pem").read_bytes())
        self.one(put(), "tls.certificates[0].key_id: ")

    def test_keyserver_without_a_host(self) -> None:
        self.one(put(keyserver_addr=":4626"), "keyserver_addr: ':4626' is nowhere to connect to")

    def test_policy_that_nobody_can_satisfy(self) -> None:
        self.one(put(initial_keyserver_auth__quorum__threshold=3), "initial_keyserver_auth.quorum: not satisfied")

    def test_policy_that_anybody_satisfies(self) -> None:
        self.one(put(initial_keyserver_auth__quorum={}), "initial_keyserver_auth.quorum: satisfied without any")

    def test_key_file_of_another_kind(self) -> None:
        self.one(put(signing_key_id="tls-key.pem"), "signing_key_id: a signing key's file name ends in")

    def test_tolerance_that_would_let_a_judge_convict_it(self) -> None:
        self.one(put(clock_tolerance={"seconds": 1801}), "clock_tolerance: 1801 s; at most 1800 s")

    def test_the_most_that_clocks_may_differ_is_well_below_what_a_judge_forgives(self) -> None:
        self.assertLessEqual(2 * defaults.MOST_CLOCK_TOLERANCE, evidence.FUTURE_TOLERANCE)

    def test_versions_that_grpc_cannot_keep_to(self) -> None:
        self.one(put(tls__min_version="VERSION_TLS13"), "tls.min_version: gRPC in Python cannot refuse TLS 1.2")


class WarningTests(VerifierCase):
    def warned(self, change: Callable[[dict[str, Any]], object], expected: str) -> None:
        warnings = self.after(change).warnings
        self.assertEqual(len(warnings), 1, warnings)
        self.assertTrue(warnings[0].startswith(expected), warnings[0])

    def test_no_authorities(self) -> None:
        self.warned(put(tls__root_cas=None), "tls.root_cas: empty: any public authority")

    def test_id_that_is_not_the_key_s(self) -> None:
        (self.verifier / "other.ed25519secret").write_bytes(SigningKey.generate().secret)
        (self.verifier / "other.ed25519secret").chmod(0o600)
        self.warned(put(signing_key_id="other.ed25519secret"), "id: by convention the id of the signing key")

    def test_certificate_that_expires(self) -> None:
        warnings = load_verifier(self.path, NOW + timedelta(days=820)).warnings
        self.assertTrue(any(line.startswith("tls.certificates[0].certificate: ") for line in warnings), warnings)

    def test_authority_in_base64_of_a_text(self) -> None:
        junk = base64.b64encode(b"no certificate").decode()
        self.assertIn("tls.root_cas[0]: not an X.509 certificate", self.wrong(put(tls__root_cas=[junk]))[0])
