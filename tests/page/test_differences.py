"""The verification in JavaScript against the one in Python: same verdicts, same failing steps, same results."""

from __future__ import annotations

import random
from hashlib import sha512
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nacl import bindings

from coname.core import addresses, signatures, times
from coname.core.lookup import verify_lookup
from coname.core.vrf import RFC9381, VRF_2017, points
from coname.core.vrf.points import ORDER
from coname.errors import InvalidRequest, ProofInvalid
from coname.messages import client_pb2, config_pb2
from coname.messages.client_pb2 import LookupProof
from coname.messages.config_pb2 import RealmConfig
from tests.core.honest import ISSUED, Realm, key
from tests.page.node import BridgeCase, Refused

USERS = ("alice@wonder.land", "bob@wonder.land", "carol@wonder.land", "nobody@wonder.land", "mallory@wonder.land")
REALMS = (Realm(), Realm(suite=VRF_2017), Realm(suite=RFC9381, tree_nonce=b"nonce"))

hypothesis = settings(derandomize=True, deadline=None, max_examples=200)


class Lookups(BridgeCase):
    """Honest answers, and answers changed in every way that hypothesis finds."""

    def python(self, realm: RealmConfig, user: str, data: bytes, now: int) -> Any:
        try:
            verified = verify_lookup(realm, user, LookupProof.FromString(data), now)
        except DecodeError:
            return "decode"
        except ProofInvalid as error:
            return "proof_invalid", error.step
        return {
            "epoch": str(verified.epoch),
            "signers": sorted([str(signer), str(times.nanoseconds(at))] for signer, at in verified.signers.items()),
            "version": None if verified.entry is None else str(verified.entry.version),
            "keys": verified.profile and {name: value.hex() for name, value in verified.profile.keys.items()},
            "trustworthy": verified.vrf_trustworthy,
            "steps": [list(step) for step in verified.steps],
        }

    def javascript(self, realm: RealmConfig, user: str, data: bytes, now: int) -> Any:
        try:
            return self.bridge.ask(
                "lookup", realm=realm.SerializeToString().hex(), user=user, proof=data.hex(), now=str(now * 10**9)
            )
        except Refused as error:
            self.assertNotEqual(error.code, "crash", str(error))
            return "decode" if error.code == "decode" else (error.code, error.step)

    def same(self, realm: RealmConfig, user: str, data: bytes, now: int = ISSUED + 10) -> Any:
        expected = self.python(realm, user, data, now)
        self.assertEqual(self.javascript(realm, user, data, now), expected)
        return expected

    def test_honest_answers(self) -> None:
        for realm in REALMS:
            for user in USERS:
                verified = self.same(realm.config(), user, realm.answer(user).SerializeToString())
                self.assertIsInstance(verified, dict)

    def test_realms_of_other_domains(self) -> None:
        data = REALMS[0].answer(USERS[0]).SerializeToString()
        for domains in (
            ["*.land"],
            ["*.wonder.land"],
            ["elsewhere.org", "WONDER.land."],
            [],
            ["b@d", "wonder.land"],
            ["*"],
        ):
            config = REALMS[0].config()
            del config.domains[:]
            config.domains.extend(domains)
            self.same(config, USERS[0], data)
        below = REALMS[0].config()
        below.domains[:] = ["*.wonder.land", "*.b.wonder.land"]
        for user in ("alice@a.wonder.land", "alice@wonder.land", "alice@notwonder.land"):
            self.same(below, user, data)

    def test_expired(self) -> None:
        for later in (3599, 3600, 3601):
            self.same(REALMS[0].config(), USERS[0], REALMS[0].answer(USERS[0]).SerializeToString(), ISSUED + later)

    @hypothesis
    @given(st.sampled_from(REALMS), st.sampled_from(USERS), st.integers(0), st.integers(0, 255))
    def test_one_byte_changed(self, realm: Realm, user: str, place: int, value: int) -> None:
        data = bytearray(_answers(realm, user).SerializeToString())
        data[place % len(data)] = value
        self.same(realm.config(), user, bytes(data))

    @hypothesis
    @given(st.sampled_from(REALMS), st.sampled_from(USERS), st.integers(0), st.integers(0, 40), st.binary(max_size=40))
    def test_a_piece_replaced(self, realm: Realm, user: str, place: int, length: int, piece: bytes) -> None:
        data = _answers(realm, user).SerializeToString()
        place %= len(data)
        self.same(realm.config(), user, data[:place] + piece + data[place + length :])

    @hypothesis
    @given(
        st.sampled_from(USERS), st.sampled_from(USERS), st.sampled_from(REALMS), st.sampled_from(REALMS), st.randoms()
    )
    def test_parts_of_other_answers(self, one: str, two: str, here: Realm, there: Realm, chance: random.Random) -> None:
        proof, other = LookupProof(), _answers(there, two)
        proof.CopyFrom(_answers(here, one))
        for field in chance.sample(LookupProof.DESCRIPTOR.fields, chance.randrange(1, 4)):
            proof.ClearField(field.name)
            part = LookupProof()
            part.CopyFrom(other)
            for name in {each.name for each in LookupProof.DESCRIPTOR.fields} - {field.name}:
                part.ClearField(name)
            if chance.random() < 0.8:
                proof.MergeFrom(part)
        self.same(here.config(), one, proof.SerializeToString())

    @hypothesis
    @given(st.sampled_from(USERS), st.integers(0, 4), st.lists(st.sampled_from(range(4)), max_size=5), st.randoms())
    def test_policies_and_signers(self, user: str, threshold: int, drawn: list[int], chance: random.Random) -> None:
        realm = REALMS[0]
        config, proof = realm.config(), LookupProof()
        proof.CopyFrom(_answers(realm, user))
        quorum = config.verification_policy.quorum
        quorum.threshold = threshold
        quorum.candidates.extend(quorum.candidates[each] for each in drawn if each < len(quorum.candidates))
        quorum.subexpressions.add(threshold=chance.randrange(3), candidates=quorum.candidates[:2])
        for _ in range(chance.randrange(3)):
            del proof.ratifications[chance.randrange(len(proof.ratifications)) :]
            if not proof.ratifications:
                break
        self.same(config, user, proof.SerializeToString())


def _answers(realm: Realm, user: str, kept: dict[tuple[int, str], LookupProof] = {}) -> LookupProof:  # noqa: B006
    """The realm's honest answer, made once."""
    name = id(realm), user
    if name not in kept:
        kept[name] = realm.answer(user)
    return kept[name]


SCHEMAS: dict[str, type[Message]] = {
    name: getattr(client_pb2, name)
    for name in ("LookupProof", "Entry", "Profile", "EpochHead", "AuthorizationPolicy", "SignedEntryUpdate",
                 "SignedEpochHead", "TimestampedEpochHead", "QuorumExpr", "PublicKey", "Timestamp", "TreeProof")
}  # fmt: skip

_VARINT = st.integers(0, 2**64 - 1).map(lambda number: _varint(number))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _field(number: int, kind: int, payload: bytes, value: int) -> bytes:
    tag = _varint(number << 3 | kind)
    if kind == 0:
        return tag + _varint(value)
    if kind == 1:
        return tag + value.to_bytes(8, "little")
    if kind == 5:
        return tag + (value & 0xFFFFFFFF).to_bytes(4, "little")
    return tag + _varint(len(payload)) + payload if kind == 2 else tag + payload + _varint(number << 3 | 4)


_NUMBERS = st.integers(1, 8) | st.sampled_from((100, 1000))
_KINDS = st.sampled_from((0, 0, 1, 1, 2, 2, 2, 2, 3, 5))
_VALUES = st.integers(0, 40) | st.integers(0, 2**64 - 1)


def _messages(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(st.builds(_field, _NUMBERS, _KINDS, inner, _VALUES), max_size=5).map(b"".join)


ENCODINGS = st.recursive(st.binary(max_size=6) | st.text(max_size=4).map(str.encode), _messages, max_leaves=8)


class Encodings(BridgeCase):
    """What protobuf reads in bytes, and writes of messages."""

    @settings(derandomize=True, deadline=None, max_examples=1500)
    @given(st.sampled_from(sorted(SCHEMAS)), _messages(ENCODINGS))
    @example("QuorumExpr", b"\x12\x09" + bytes(9))
    @example("Entry", b"\x1a\x02\x12\x00\x1a\x04\x12\x02\x08\x01")
    def test_the_same_is_read(self, name: str, data: bytes) -> None:
        try:
            message = SCHEMAS[name].FromString(data)
        except DecodeError:
            self.assertEqual(self.assertRaises(Refused, self.bridge.ask, "decode", schema=name, data=data.hex()).code,
                             "decode")  # fmt: skip
            return
        read = json_format.ParseDict(self.bridge.ask("decode", schema=name, data=data.hex()), SCHEMAS[name]())
        message.DiscardUnknownFields()
        self.assertEqual(read, message)

    @hypothesis
    @given(st.sampled_from(sorted(SCHEMAS)), _messages(ENCODINGS))
    def test_the_same_is_written(self, name: str, data: bytes) -> None:
        try:
            message = SCHEMAS[name].FromString(data)
        except DecodeError:
            return
        message.DiscardUnknownFields()
        fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
        written = self.bridge.ask("encode", schema=name, json=fields)
        self.assertEqual(written, message.SerializeToString(deterministic=True).hex())

    def test_a_realm_s_configuration(self) -> None:
        for realm in REALMS:
            config = realm.config()
            read = self.bridge.ask("decode", schema="RealmConfig", data=config.SerializeToString().hex())
            self.assertEqual(json_format.ParseDict(read, config_pb2.RealmConfig()), config)


class Addresses(BridgeCase):
    """Canonical forms."""

    def compare(self, address: str) -> None:
        try:
            expected: str | None = addresses.canonical(address)
        except InvalidRequest:
            expected = None
        try:
            found = self.bridge.ask("canonical", address=address)
        except Refused as error:
            self.assertEqual(error.code, "invalid_request", str(error))
            found = None
        domain = address.rpartition("@")[2]
        # Outside ASCII, a browser takes names that idna refuses.
        if domain.isascii() or expected is not None:
            self.assertEqual(found, expected)

    @hypothesis
    @given(st.text("aAzZ0.-_@+ ÄßİΣ\u200b\u0301", max_size=12), st.text("aAzZ09.-@ _", max_size=12))
    @example("Alice", "Example.COM.")
    @example("Ελλάς", "xn--mnchen-3ya.de")
    @example("a", "1.2.3.4")
    @example("a", "x..y")
    @example("a", "x.y..")
    @example("a", "a/b")
    @example("a", "aa--b.com")
    @example("a", "-a.com")
    @example("a", "a" * 64 + ".com")
    def test_ascii_domains(self, local: str, domain: str) -> None:
        self.compare(f"{local}@{domain}")

    def test_other_domains(self) -> None:
        for domain in ("münchen.de", "MÜNCHEN.DE", "faß.de", "例え.jp", "عربي.com", "ex%41mple.com", "a。b"):
            self.compare(f"alice@{domain}")


class Signatures(BridgeCase):
    """Good ones, and the strange ones that libraries disagree about."""

    def same(self, public: bytes, message: bytes, signature: bytes) -> bool:
        expected = signatures.verify(public, message, signature)
        found = self.bridge.ask("signature", key=public.hex(), message=message.hex(), signature=signature.hex())
        self.assertEqual(found, expected, (public.hex(), message.hex(), signature.hex()))
        return expected

    @hypothesis
    @given(st.binary(max_size=40), st.integers(0, 63), st.integers(0, 255))
    def test_honest_and_changed(self, message: bytes, place: int, value: int) -> None:
        signer = key("replica")
        signature = bytearray(signer.sign(message))
        self.assertTrue(self.same(signer.public, message, bytes(signature)))
        signature[place] = value
        self.same(signer.public, message, bytes(signature))

    def test_a_scalar_over_the_order(self) -> None:
        signer = key("replica")
        signature = signer.sign(b"message")
        over = int.from_bytes(signature[32:], "little") + ORDER
        self.assertFalse(self.same(signer.public, b"message", signature[:32] + over.to_bytes(32, "little")))

    def test_points_of_small_order(self) -> None:
        for torsion in SMALL_ORDER:
            for point in SMALL_ORDER:
                self.assertFalse(self.same(torsion, b"message", point + bytes(32)))
            self.assertFalse(self.same(key("replica").public, b"message", torsion + bytes(32)))

    def test_points_outside_the_prime_order_group(self) -> None:
        """The cofactor: R, or the key, has a part of small order."""
        for made in mixed_order_signatures():
            self.same(*made)


SMALL_ORDER = [
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
    )
]
"""Encodings of the points of order 1, 2, 4 and 8; the last two are not canonical."""


def mixed_order_signatures() -> list[tuple[bytes, bytes, bytes]]:
    """Signatures whose R has a part of small order: good under a verification with the cofactor, and not without."""
    made = []
    for torsion in SMALL_ORDER[1:2] + SMALL_ORDER[4:6]:
        x = points.clamp(sha512(b"seed").digest()[:32])
        scalar = bindings.crypto_core_ed25519_scalar_reduce(x + bytes(32))
        public = points.multiply_base(scalar)
        for key_point in (public, points.add(public, torsion)):
            for place in range(4):
                message, r = b"message %d" % place, points.reduce(sha512(b"r%d" % place).digest())
                for nonce in (points.multiply_base(r), points.add(points.multiply_base(r), torsion)):
                    k = points.reduce(sha512(nonce + key_point + message).digest())
                    made.append((key_point, message, nonce + points.multiply_add(k, scalar, r)))
    return made
