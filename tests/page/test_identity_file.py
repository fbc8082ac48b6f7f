"""The copy of a signing key: one file for the page and for the command line."""

from __future__ import annotations

import os

from coname.client.composing import signed_update, sole_key_policy
from coname.client.identity import Identity, decode, encode
from coname.client.state import realm_name
from coname.core.signatures import SigningKey
from coname.messages.client_pb2 import Entry
from tests.core.honest import Realm, key
from tests.page.node import BridgeCase, Refused


def identity(address: str = "alice@example.com", keys: tuple[SigningKey, ...] = (key("a"),)) -> Identity:
    return Identity(address, "testing-0011223344556677", keys)


class Files(BridgeCase):
    def both_ways(self, given: Identity) -> None:
        saved = self.bridge.ask("read_identity", text=encode(given).decode())
        self.assertEqual((saved["address"], saved["realm"]), (given.address, given.realm))
        self.assertEqual(saved["seeds"], [each.secret[:32].hex() for each in given.keys])
        back = decode(self.bridge.ask("write_identity", **saved).encode(), "the page's copy")
        self.assertEqual(encode(back), encode(given))

    def test_one_key(self) -> None:
        self.both_ways(identity())

    def test_several_keys(self) -> None:
        self.both_ways(identity(keys=(key("a"), key("b"))))

    def test_an_address_outside_ascii(self) -> None:
        self.both_ways(identity("ä\U0001f511\x7f@example.com"))

    def test_with_an_update_on_its_way(self) -> None:
        given = identity()
        entry = Entry(index=bytes(32), update_policy=sole_key_policy(given.keys[0]))
        self.both_ways(given.with_pending(signed_update(given, entry, {"note": b"text"})))

    def test_damage_is_found(self) -> None:
        text = encode(identity()).decode()
        for damaged in (
            text[:-9],
            text.replace("alice", "alicf"),
            "",
            "[]",
            "{}",
            text.replace('"identity"', '"head"'),
        ):
            error = self.assertRaises(Refused, self.bridge.ask, "read_identity", text=damaged)
            self.assertEqual(error.code, "corrupt")

    def test_a_message_holds_no_secret(self) -> None:
        text = encode(identity()).decode()
        error = self.assertRaises(Refused, self.bridge.ask, "read_identity", text=text.replace("==", "=x"))
        self.assertLess(len(str(error)), 100)

    def test_the_realm_s_name(self) -> None:
        config = Realm().config()
        for name in ("testing", "a b/c", ".hidden", "ä" * 50, ""):
            config.RealmName = name
            config.VRFPublic = os.urandom(32)
            encoded = config.SerializeToString().hex()
            self.assertEqual(self.bridge.ask("realm_name", realm=encoded), realm_name(config))
