"""What holds of every VRF suite: the vectors, and that nothing else verifies."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.core import vrf
from coname.core.vrf import RFC9381, VRF_2017, VrfSuite
from coname.errors import ProofInvalid
from coname.messages.config_pb2 import VRFSuite
from tests.core.cases import each_vector

USER = b"alice@example.com"


@each_vector("ecvrf_edwards25519_sha512_tai", name=lambda case: case["source"])
class Rfc9381Vectors(SynchronousTestCase):
    """The RFC's own examples, and more."""

    def check(self, case: dict[str, Any]) -> None:
        known = {field: bytes.fromhex(value) for field, value in case.items() if field != "source"}
        self.assertEqual(RFC9381.public_key(known["secret_seed"]), known["public_key"])
        expected = (known["index"], known["proof"])
        self.assertEqual(RFC9381.prove(known["secret_seed"], known["message"]), expected)
        self.assertEqual(RFC9381.prove(known["secret_seed"] + known["public_key"], known["message"]), expected)
        RFC9381.verify(known["public_key"], known["message"], known["index"], known["proof"])


@each_vector("vrf", name=lambda case: f"{len(case['message']) // 2} bytes")
class Vrf2017Vectors(SynchronousTestCase):
    """The original's."""

    def check(self, case: dict[str, str]) -> None:
        known = {field: bytes.fromhex(value) for field, value in case.items()}
        self.assertEqual(VRF_2017.public_key(known["secret_key"]), known["public_key"])
        self.assertEqual(VRF_2017.prove(known["secret_key"], known["message"]), (known["index"], known["proof"]))
        VRF_2017.verify(known["public_key"], known["message"], known["index"], known["proof"])


class Choice(SynchronousTestCase):
    def test_by_the_number_in_a_configuration(self) -> None:
        self.assertIs(vrf.suite(VRFSuite.RFC9381), RFC9381)
        self.assertIs(vrf.suite(VRFSuite.VRF_2017), VRF_2017)

    def test_by_name(self) -> None:
        self.assertIs(vrf.suite("rfc9381"), RFC9381)
        self.assertIs(vrf.suite("2017"), VRF_2017)

    def test_no_other(self) -> None:
        for name in ("", "RFC", 2, -1):
            self.assertRaises(ValueError, vrf.suite, name)

    def test_only_one_is_trustworthy(self) -> None:
        self.assertTrue(RFC9381.trustworthy)
        self.assertFalse(VRF_2017.trustworthy)


class _Suite:
    """The contract of a suite."""

    suite: VrfSuite

    def setUp(self) -> None:
        self.secret = self.suite.generate()
        self.public = self.suite.public_key(self.secret)
        self.index, self.proof = self.suite.prove(self.secret, USER)

    def refused(self, **changes: bytes) -> None:
        given = {"public": self.public, "user_id": USER, "index": self.index, "proof": self.proof, **changes}
        error = self.assertRaises(ProofInvalid, self.suite.verify, **given)
        self.assertEqual(error.step, "index")

    def test_sizes(self) -> None:
        self.assertEqual(len(self.secret), self.suite.secret_size)
        self.assertEqual(len(self.proof), self.suite.proof_size)
        self.assertEqual((len(self.public), len(self.index)), (32, 32))

    def test_what_is_proven_verifies(self) -> None:
        self.suite.verify(self.public, USER, self.index, self.proof)

    def test_proving_again_gives_the_same(self) -> None:
        self.assertEqual(self.suite.prove(self.secret, USER), (self.index, self.proof))

    def test_every_secret_is_another(self) -> None:
        self.assertNotEqual(self.suite.generate(), self.secret)

    def test_any_user_id_has_an_index(self) -> None:
        for user in (b"", b"\0", bytes(100_000), "é@example.com".encode()):
            self.suite.verify(self.public, user, *self.suite.prove(self.secret, user))

    def test_no_single_bit_of_the_proof_can_change(self) -> None:
        for place in range(len(self.proof)):
            flipped = bytes((self.proof[place] ^ 1 << place % 8,))
            self.refused(proof=self.proof[:place] + flipped + self.proof[place + 1 :])

    def test_no_single_bit_of_the_index_can_change(self) -> None:
        for place in range(len(self.index)):
            flipped = bytes((self.index[place] ^ 1 << place % 8,))
            self.refused(index=self.index[:place] + flipped + self.index[place + 1 :])

    def test_no_other_user(self) -> None:
        self.refused(user_id=b"Alice@example.com")

    def test_no_other_key(self) -> None:
        self.refused(public=self.suite.public_key(self.suite.generate()))

    def test_no_other_length(self) -> None:
        for field, value in (("proof", self.proof), ("index", self.index), ("public", self.public)):
            for wrong in (b"", value[:-1], value + b"\0"):
                self.refused(**{field: wrong})

    def test_a_secret_of_another_length(self) -> None:
        for size in (0, 31, 33, 63, 65):
            self.assertRaises(ValueError, self.suite.prove, bytes(size), USER)

    def test_a_secret_with_another_ones_public_key(self) -> None:
        """Two proofs by one scalar under two public keys would give the scalar away."""
        other = self.suite.public_key(self.suite.generate())
        self.assertRaises(ValueError, self.suite.prove, self.secret[:32] + other, USER)


class Rfc9381(_Suite, SynchronousTestCase):
    suite = RFC9381


class Vrf2017(_Suite, SynchronousTestCase):
    suite = VRF_2017
