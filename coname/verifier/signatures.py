"""Signatures that were checked before their steps are taken, by somebody else whom this process trusts as itself.

Checking a signature is half of a step's work, and the only half that can be done ahead, since it depends on nothing
but the step. In another *process*, that is: libsodium lets other threads run meanwhile, but for so short a time that
handing over costs them what they gain.

Rules of this file:

* What is said of a step is one byte. "Good" means that every signature in its update that is by a key of the new
  entry's own policy verifies, and that there is at least one.
* "Good" saves work, and only that of the signatures it is about. Whatever else a policy asks for, the current entry's
  for instance, is checked as ever.
* Only libsodium is asked. Whatever it does not take is left to whoever takes the step, who also decides what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core.signatures import Verify, verify
from coname.messages.client_pb2 import Entry
from coname.messages.verification_pb2 import VerifierStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coname.messages.client_pb2 import SignedEntryUpdate

UNKNOWN, GOOD = 0, 1
"""What can be said of a step."""


def check_ahead(steps: Sequence[bytes]) -> bytes:
    """What can be said of each of these encoded steps, in their order: `UNKNOWN` or `GOOD`."""
    return bytes([GOOD if _is_good(step) else UNKNOWN for step in steps])


def _is_good(step: bytes) -> bool:
    try:
        update = VerifierStep.FromString(step).Update
        entry = Entry.FromString(update.new_entry)
    except DecodeError:
        return False
    signed = False
    for key, signature in _own(entry, update):
        if not verify(key, update.new_entry, signature):
            return False
        signed = True
    return signed


def relying(entry: Entry, update: SignedEntryUpdate, otherwise: Verify) -> Verify:
    """What checks the signatures of an `update` of which "good" was said.

    :param entry: its new entry. :param otherwise: checks all that nothing was said about.
    """
    own = frozenset(_own(entry, update))
    said = update.new_entry

    def check(key: bytes, message: bytes, signature: bytes) -> bool:
        return ((key, signature) in own and message == said) or otherwise(key, message, signature)

    return check


def _own(entry: Entry, update: SignedEntryUpdate) -> Iterator[tuple[bytes, bytes]]:
    """Key and signature, of each signature by a key of the new entry's own."""
    keys = entry.update_policy.public_keys
    for signer, signature in update.signatures.items():
        if signer in keys:  # reading a message map adds what it lacks, so ask first
            yield keys[signer].ed25519, signature
