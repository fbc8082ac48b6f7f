"""A client's configuration: what it believes must be something, and something that can be."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import tomli_w
from google.protobuf import json_format

from coname.client.transports.connecting import grpc_addresses, https_urls
from coname.config import client_tls, load_client
from coname.errors import Misconfigured
from coname.messages.config_pb2 import Config
from tests.configuration.realms import NOW, RealmCase
from tests.vectors import load


class ClientTests(RealmCase):
    def setUp(self) -> None:
        super().setUp()
        self.config = self.folder / "client" / "config.json"

    def one(self, expected: str, **fields: Any) -> None:
        def change(document: dict[str, Any]) -> None:
            document["realms"][0].update(fields)

        self.edit(change)
        mistakes = self.assertRaises(Misconfigured, load_client, self.config).mistakes
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])

    def test_what_init_makes_is_loaded(self) -> None:
        realm = load_client(self.config).realms[0]
        self.assertEqual(
            (realm.RealmName, realm.addr, realm.URL), ("example.com", "127.0.0.1:4625", "https://127.0.0.1:25519")
        )

    def test_toml_means_the_same(self) -> None:
        path = self.config.with_suffix(".toml")
        path.write_text(tomli_w.dumps(json.loads(self.config.read_text())))
        self.assertEqual(load_client(path), load_client(self.config))

    def test_no_realm(self) -> None:
        self.config.write_text("{}")
        error = self.assertRaises(Misconfigured, load_client, self.config)
        self.assertEqual(error.mistakes, ["realms: empty: a client knows at least one realm"])

    def test_everything_missing(self) -> None:
        self.config.write_text('{"realms": [{}]}')
        error = self.assertRaises(Misconfigured, load_client, self.config)
        self.assertEqual(
            [line.partition(": ")[0] for line in error.mistakes],
            [
                f"realms[0].{name}"
                for name in ("RealmName", "domains", "VRFPublic", "verification_policy.quorum", "epoch_time_to_live")
            ],
        )

    def test_domain_of_two_realms(self) -> None:
        self.edit(lambda document: document["realms"].append(document["realms"][0]))
        error = self.assertRaises(Misconfigured, load_client, self.config)
        self.assertEqual(error.mistakes, ["realms[1].domains[0]: 'example.com' belongs to realms[0] already"])

    def test_domain_not_canonical(self) -> None:
        self.one("realms[0].domains[0]: 'EXAMPLE.com' is not in canonical form", domains=["EXAMPLE.com"])

    def test_short_vrf_key(self) -> None:
        self.one("realms[0].VRFPublic: 3 bytes; a VRF's public key has 32", VRFPublic="AAAA")

    def test_address_without_port(self) -> None:
        self.one("realms[0].addr: 'example.com' has no port", addr="example.com")

    def test_url_without_tls(self) -> None:
        self.one("realms[0].URL: 'http://example.com' does not start with https://", URL="http://example.com")

    def test_further_servers(self) -> None:
        self.edit(
            lambda document: document["realms"][0].update(
                addrs=["ks2.example.com:4625"], URLs=["https://ks2.example.com"]
            )
        )
        realm = load_client(self.config).realms[0]
        self.assertEqual(grpc_addresses(realm), ["127.0.0.1:4625", "ks2.example.com:4625"])
        self.assertEqual(https_urls(realm), ["https://127.0.0.1:25519", "https://ks2.example.com"])

    def test_a_further_address_without_port(self) -> None:
        self.one("realms[0].addrs[1]: 'example.com' has no port", addrs=["ks2.example.com:4625", "example.com"])

    def test_a_further_url_without_tls(self) -> None:
        self.one("realms[0].URLs[0]: 'http://example.com' does not start with https://", URLs=["http://example.com"])

    def test_a_server_that_stands_twice(self) -> None:
        self.one("realms[0].addrs[0]: '127.0.0.1:4625' stands in this realm already", addrs=["127.0.0.1:4625"])

    def test_replicas_that_nothing_asks_for(self) -> None:
        self.one(
            "realms[0].keyserver_auth: is no part of verification_policy",
            keyserver_auth={
                "public_keys": {"7": {"ed25519": base64.b64encode(bytes(32)).decode()}},
                "quorum": {"threshold": 1, "candidates": ["7"]},
            },
        )

    def test_replicas_of_whom_any_or_none_will_do(self) -> None:
        self.one(
            "realms[0].keyserver_auth.quorum: satisfied without any signature",
            keyserver_auth={"quorum": {"threshold": 0}},
        )

    def test_since_when_without_who(self) -> None:
        self.one(
            "realms[0].keyserver_auth_since: there is no keyserver_auth that could hold since then",
            keyserver_auth=None,
            keyserver_auth_since=7,
        )

    def test_nothing_ever_in_time(self) -> None:
        self.one("realms[0].epoch_time_to_live: 0: every answer would be out of date", epoch_time_to_live=None)

    def test_policy_that_everybody_meets(self) -> None:
        self.one(
            "realms[0].verification_policy.quorum: satisfied without any signature",
            verification_policy={"quorum": {"threshold": 0}},
        )

    def test_unknown_suite(self) -> None:
        self.one("realms[0].vrf_suite: 9 is none of VRF_2017, RFC9381", vrf_suite=9)

    def test_authority_that_is_none(self) -> None:
        self.one("realms[0].client_tls.root_cas[0]: not an X.509 certificate", client_tls={"root_cas": ["AAAA"]})

    def test_realm_can_be_verified_without_being_reachable(self) -> None:
        self.edit(lambda document: [document["realms"][0].pop(name) for name in ("addr", "URL")])
        self.assertEqual(load_client(self.config).realms[0].addr, "")

    def test_tls_trusts_the_realms_authority_only(self) -> None:
        tls = client_tls(load_client(self.config).realms[0], self.config.parent, NOW)
        self.assertEqual(
            [root.subject.rfc4514_string() for root in tls.root_cas], ["CN=example.com certificate authority"]
        )
        self.assertEqual(tls.credentials, ())


class OriginalTests(RealmCase):
    """The client configuration that the original's own tests made."""

    def setUp(self) -> None:
        super().setUp()
        vectors = load("lookup")
        self.document, self.encoded = vectors["client_config_json"], bytes.fromhex(vectors["client_config_message"])
        self.config = self.folder.parent / "clientconfig.json"
        self.config.write_text(json.dumps(self.document))

    def test_it_is_loaded_although_its_key_file_is_not_here(self) -> None:
        self.assertEqual(load_client(self.config).realms[0].domains, ["wonder.land"])

    def test_it_means_what_the_original_encodes(self) -> None:
        config = load_client(self.config)
        self.assertEqual(config, Config.FromString(self.encoded))
        self.assertEqual(config, json_format.ParseDict(self.document, Config()))

    def test_no_suite_means_the_one_of_2017(self) -> None:
        self.assertEqual(load_client(self.config).realms[0].vrf_suite, 0)

    def test_to_connect_its_key_is_missed(self) -> None:
        realm = load_client(self.config).realms[0]
        error = self.assertRaises(Misconfigured, client_tls, realm, self.config.parent, NOW)
        missing = self.config.parent / "client"
        self.assertEqual(error.mistakes, [f"client_tls.certificates[0].key_id: {missing}: No such file or directory"])

    def test_folder_of_key_files_may_be_relative(self) -> None:
        realm = load_client(self.config).realms[0]
        self.assertRaises(Misconfigured, client_tls, realm, Path("nowhere"), NOW)
