"""Whatever a configuration says, the only exception is Misconfigured, and every mistake in it has a path."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coname.config import load_client, load_replica
from coname.configuration import certificates
from coname.configuration.findings import Findings
from coname.configuration.init import InitOptions
from coname.errors import Misconfigured
from coname.messages.config_pb2 import Config, ReplicaConfig
from tests.configuration.realms import NOW, RealmCase
from tests.configuration.test_parse_parity import JSON, documents_of, spoil
from tests.configuration.tls_case import credential

CHECKED = settings(derandomize=True, max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
# "path: what is wrong": fields by name (strange names quoted), elements by number, map entries by key.
NAME = r"""(?:\w+|'.*'|".*")"""
PATH = re.compile(rf"{NAME}(?:\.{NAME}|\[(?:\d+|\".*\")\])*: .+", re.DOTALL)
WRONG = JSON | st.sampled_from(["\0", "a" * 5000, "..", ".", "/", "\0.vrfsecret", "\0.ed25519secret", ":99999", "[:1"])


class HostileTests(RealmCase):
    options = InitOptions(realm="example.com", replicas=2, verifiers=2, insecure_skip_email_proof=True)

    def setUp(self) -> None:
        super().setUp()
        self.pristine = json.loads(self.config.read_text())

    def survive(self, load: Any, document: Any) -> None:
        self.config.write_text(json.dumps(document))
        try:
            load(self.config)
        except Misconfigured as error:
            for mistake in error.mistakes:
                self.assertTrue(mistake.startswith(str(self.config)) or PATH.fullmatch(mistake), mistake)

    @CHECKED
    @given(st.randoms(use_true_random=False), st.lists(WRONG, min_size=1, max_size=3))
    def test_replica_spoilt_in_some_places(self, random: Any, wrong: list[Any]) -> None:
        document = copy.deepcopy(self.pristine)
        for value in wrong:
            spoil(document, random, value)
        self.survive(lambda path: load_replica(path, NOW), document)

    @CHECKED
    @given(st.randoms(use_true_random=False), st.lists(WRONG, min_size=1, max_size=3))
    def test_client_spoilt_in_some_places(self, random: Any, wrong: list[Any]) -> None:
        document = json.loads((self.folder / "client" / "config.json").read_text())
        for value in wrong:
            spoil(document, random, value)
        self.survive(load_client, document)

    @CHECKED
    @given(documents_of(ReplicaConfig.DESCRIPTOR))
    def test_replica_of_any_values(self, document: Any) -> None:
        self.survive(lambda path: load_replica(path, NOW), document)

    @CHECKED
    @given(documents_of(Config.DESCRIPTOR))
    def test_client_of_any_values(self, document: Any) -> None:
        self.survive(load_client, document)

    @CHECKED
    @given(JSON)
    def test_arbitrary_json(self, document: Any) -> None:
        self.survive(lambda path: load_replica(path, NOW), document)

    def test_certificate_with_any_byte_changed(self) -> None:
        original, key = credential().chain[0].public_bytes(Encoding.DER), credential().key
        for place in range(len(original)):
            for flip in (0x01, 0x80, 0xFF):
                der = bytearray(original)
                der[place] ^= flip
                findings = Findings()
                for certificate in certificates.parse([bytes(der)], findings):
                    certificates.warn_of_dates(certificate, NOW, findings)
                    certificates.belongs_to(certificate, key)
