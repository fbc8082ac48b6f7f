"""What the tests of `coname.core.lookup` share: an honest realm, and ways to change its answers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from coname.core.lookup import Verified, verify_lookup
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupProof, SignedEpochHead
from tests.core.honest import ISSUED, Realm

ALICE, BOB, NOBODY = "alice@wonder.land", "bob@wonder.land", "nobody@wonder.land"
NOW = ISSUED + 10


class LookupCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.config = self.realm.config()

    def verify(self, proof: LookupProof, user: str = ALICE, now: float = NOW) -> Verified:
        return verify_lookup(self.config, user, proof, now)

    def refused(self, step: str, proof: LookupProof, user: str = ALICE, now: float = NOW) -> str:
        error = self.assertRaises(ProofInvalid, self.verify, proof, user, now)
        self.assertEqual(error.step, step, str(error))
        return str(error)

    def tampered(self, change: Callable[[LookupProof], object], user: str = ALICE) -> LookupProof:
        """The honest answer for `user`, after `change`."""
        proof = self.realm.answer(user)
        change(proof)
        return proof

    def with_ratifications(self, *ratifications: SignedEpochHead) -> LookupProof:
        """The honest answer for alice, with these ratifications instead of its own."""
        proof = self.realm.answer(ALICE)
        del proof.ratifications[:]
        proof.ratifications.extend(ratifications)
        return proof
