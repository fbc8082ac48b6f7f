"""Every mistake in the list of verifiers is named with its path."""

from __future__ import annotations

import base64
from typing import Any

from coname.configuration.init import InitOptions
from coname.core.signatures import SigningKey
from tests.configuration.realms import RealmCase

PATH = "keyserver_config.verifiers"


def key(number: int) -> dict[str, str]:
    return {"ed25519": base64.b64encode(bytes([number]) * 32).decode()}


class VerifiersTests(RealmCase):
    options = InitOptions(realm="example.com", verifiers=2, insecure_skip_email_proof=True)

    def change(self, **fields: Any) -> None:
        self.edit(lambda document: document["keyserver_config"]["verifiers"][0].update(fields))

    def mistake(self) -> str:
        (mistake,) = self.mistakes()
        return mistake

    def test_what_init_makes_is_loaded(self) -> None:
        verifiers = self.load().verifiers
        self.assertEqual(len(verifiers), 2)
        for number in (1, 2):
            secret = (self.folder / f"verifier{number}" / "verifier.ed25519secret").read_bytes()
            public = SigningKey.from_secret(secret)
            self.assertEqual(verifiers[public.key_id], [public.public])

    def test_without_a_list_there_is_none(self) -> None:
        self.edit(lambda document: document["keyserver_config"].pop("verifiers"))
        self.assertEqual(self.load().verifiers, {})

    def test_an_id_is_missing(self) -> None:
        self.change(id="0")
        self.assertIn(f"{PATH}[0].id: missing", self.mistake())

    def test_an_id_stands_twice(self) -> None:
        other = next(reversed(self.load().verifiers))
        self.change(id=str(other), public_keys=[key(1)])
        self.assertTrue(any(f"{PATH}[1].id: {other} stands in this list" in mistake for mistake in self.mistakes()))

    def test_the_id_of_a_replica(self) -> None:
        self.change(id=str(self.load().replica_id))
        self.assertTrue(any("is the id of a replica's key" in mistake for mistake in self.mistakes()))

    def test_no_keys(self) -> None:
        self.change(public_keys=[])
        self.assertIn(f"{PATH}[0].public_keys: empty", self.mistake())

    def test_a_key_of_a_wrong_length(self) -> None:
        self.change(public_keys=[{"ed25519": "AAAA"}])
        self.assertIn(f"{PATH}[0].public_keys[0].ed25519: 3 bytes", self.mistake())

    def test_a_key_of_a_replica(self) -> None:
        public = base64.b64encode(self.load().signing_key.public).decode()
        self.change(public_keys=[{"ed25519": public}])
        self.assertIn("the key is that of a replica, too", self.mistake())

    def test_a_key_of_another_verifier(self) -> None:
        self.edit(
            lambda document: document["keyserver_config"]["verifiers"][1].update(
                public_keys=document["keyserver_config"]["verifiers"][0]["public_keys"]
            )
        )
        self.assertTrue(any("would count twice" in mistake for mistake in self.mistakes()))

    def test_too_many_keys(self) -> None:
        self.change(public_keys=[key(number) for number in range(17)])
        self.assertTrue(any("17 keys; at most 16" in mistake for mistake in self.mistakes()))

    def test_another_key_than_clients_have(self) -> None:
        self.change(public_keys=[key(1)])
        self.assertIn("keyserver_config.verification_policy.public_keys", self.mistake())


class NamesTests(RealmCase):
    options = InitOptions(realm="example.com", replicas=1, verifiers=2)

    def test_clients_know_what_to_call_the_signers(self) -> None:
        from coname.config import load_client

        names = load_client(self.folder / "client" / "config.json").realms[0].signer_names
        self.assertEqual(sorted(names.values()), ["replica 1", "verifier 1", "verifier 2"])
        self.assertEqual(names[self.load().replica_id], "replica 1")
