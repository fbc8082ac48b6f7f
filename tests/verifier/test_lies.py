"""Each lie is refused, nothing is signed after it, and what it leaves convinces a judge, until one bit is changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from coname.core.evidence import judge
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.cases import each
from tests.verifier.harness import NOW, Verifier
from tests.verifier.lying import LIES, Lie, LyingKeyserver, honest

EPOCHS = 3
SAMPLE = 300
"""How many bits are changed, one at a time, of a part that has more."""


def lied_to(lie: Lie, transcripts: bool, nonce: bytes = b"", replicas: int = 1) -> Verifier:
    """A verifier that saw some honest epochs, then the lie, and then whatever the keyserver goes on to say."""
    keyserver = honest(LyingKeyserver(transcripts, replicas, tree_nonce=nonce), EPOCHS)
    verifier = Verifier(keyserver, tree_nonce=nonce)
    verifier.read()
    lie.tell(keyserver)
    if lie.reconnect:
        verifier.reconnect()
    verifier.read()
    return verifier


class LieCase(SynchronousTestCase):
    def check_refused(self, verifier: Verifier) -> None:
        self.assertEqual(verifier.replay.verified, EPOCHS)
        self.assertEqual(len(verifier.taken), EPOCHS)
        self.assertIsNotNone(verifier.replay.violation)

    def bundle(self, verifier: Verifier, rule: str) -> EvidenceBundle:
        (found,) = [bundle for bundle in verifier.evidence if bundle.rule == rule][:1]
        return found

    def check_proven(self, verifier: Verifier, rule: str) -> None:
        verdict = judge(verifier.realm_config(), self.bundle(verifier, rule), NOW)
        self.assertIn(rule, [finding.rule for finding in verdict.findings], verdict.why)

    def check_nothing_signed_later(self, verifier: Verifier) -> None:
        """However honest the keyserver has become, and in a new process too."""
        for again in (verifier.read, verifier.reconnect, verifier.open, verifier.reconnect):
            again()
            self.assertIsNone(verifier.replay.sign_newest(int(NOW * 1e9)))
        self.assertEqual(len(verifier.taken), EPOCHS)
        self.assertEqual(len(list(verifier.replay.unacknowledged())), EPOCHS)


@each(LIES.items(), lambda case: case[0])
class WithTranscripts(LieCase):
    def check(self, case: tuple[str, Lie]) -> None:
        verifier = lied_to(case[1], transcripts=True)
        self.check_refused(verifier)
        self.check_proven(verifier, case[1].rule)
        self.check_nothing_signed_later(verifier)


@each(LIES.items(), lambda case: case[0])
class WithoutTranscripts(LieCase):
    def check(self, case: tuple[str, Lie]) -> None:
        verifier = lied_to(case[1], transcripts=False)
        self.check_refused(verifier)
        if case[1].proven_without_transcripts:
            self.check_proven(verifier, case[1].rule)
        else:
            verdict = judge(verifier.realm_config(), self.bundle(verifier, case[1].rule), NOW)
            self.assertEqual((verdict.proven, verdict.reason), (False, "unproven"), verdict.why)
        self.check_nothing_signed_later(verifier)


@each(LIES.items(), lambda case: case[0])
class OtherRealms(LieCase):
    """Several replicas, and a tree nonce."""

    def check(self, case: tuple[str, Lie]) -> None:
        verifier = lied_to(case[1], transcripts=True, nonce=b"a realm's nonce", replicas=3)
        self.check_refused(verifier)
        self.check_proven(verifier, case[1].rule)


@each(LIES.items(), lambda case: case[0])
class OneEvidenceForOneBreach(LieCase):
    def check(self, case: tuple[str, Lie]) -> None:
        verifier = lied_to(case[1], transcripts=True)
        made = len(verifier.evidence)
        self.assertLessEqual(made, 6)
        for _ in range(3):
            verifier.open()
            verifier.reconnect()
        self.assertEqual(len(verifier.evidence), made)


Part = tuple[bytes, Callable[[bytes], None]]
"""Bytes in a bundle, and what puts others in their place."""


def parts(bundle: EvidenceBundle) -> Iterator[Part]:
    """Everything in a bundle that is signed or hashed, or is a signature or a proof."""
    for head in bundle.heads:
        yield head.head, lambda data, head=head: setattr(head, "head", data)
        yield from _signatures(head.signatures)
    for transcript in bundle.transcripts:
        yield transcript.transcript, lambda data, it=transcript: setattr(it, "transcript", data)
        yield from _signatures(transcript.signatures)
    for update in bundle.updates:
        yield update.new_entry, lambda data, it=update: setattr(it, "new_entry", data)
        yield from _signatures(update.signatures)
    for entry in bundle.entries:
        for name in ("entry", "index"):
            yield getattr(entry, name), lambda data, it=entry, name=name: setattr(it, name, data)
        yield from _proof(entry.tree_proof)


def _signatures(signatures: object) -> Iterator[Part]:
    for signer in sorted(signatures):  # type: ignore[call-overload]
        yield signatures[signer], lambda data, signer=signer: signatures.__setitem__(signer, data)  # type: ignore


def _proof(proof: object) -> Iterator[Part]:
    for place, neighbor in enumerate(proof.neighbors):  # type: ignore[attr-defined]
        yield neighbor, lambda data, place=place: proof.neighbors.__setitem__(place, data)  # type: ignore
    for name in ("existing_index", "existing_entry_hash"):
        yield getattr(proof, name), lambda data, name=name: setattr(proof, name, data)


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def places(bundle: EvidenceBundle, chance: random.Random, most: int) -> Iterator[tuple[Part, int]]:
    """Bits to change: of each part at least one, and `most` in all if there are so many."""
    found = [(part, place) for part in parts(bundle) for place in range(8 * len(part[0]))]
    yield from ((part, chance.randrange(8 * len(part[0]))) for part in parts(bundle) if part[0])
    yield from chance.sample(found, min(most, len(found)))


class ChangedBitCase(LieCase):
    def check_bits(self, name: str, transcripts: bool, most: int) -> None:
        lie = LIES[name]
        verifier = lied_to(lie, transcripts)
        bundle, realm = self.bundle(verifier, lie.rule), verifier.realm_config()
        for (data, put), place in places(bundle, random.Random(name), most):
            put(flipped(data, place))
            self.assertFalse(judge(realm, bundle, NOW).proven, f"bit {place} of {data.hex()}")
            put(data)
        self.check_proven(verifier, lie.rule)


@each(LIES, str)
class ChangedBits(ChangedBitCase):
    """One changed bit, anywhere in what is signed or hashed, and the bundle proves nothing."""

    def check(self, name: str) -> None:
        self.check_bits(name, True, SAMPLE)


@each(["version going down", "another entry of the same version", "skipped epoch", "foreign realm"], str)
class ChangedBitsWithoutTranscripts(ChangedBitCase):
    """Of bundles that consist of something else then."""

    def check(self, name: str) -> None:
        self.check_bits(name, False, SAMPLE)


class EveryBit(ChangedBitCase):
    def test_of_two_heads(self) -> None:
        self.check_bits("two heads for one epoch", True, 1 << 30)

    def test_of_a_broken_chain(self) -> None:
        self.check_bits("wrong chain", False, 1 << 30)
