"""Where each kind of record lives in a verifier's database.

=====  ===========================================  ======================================================
table  key                                          value
=====  ===========================================  ======================================================
``m``  nothing                                      `VerifierState`
``b``  nothing                                      `StoredViolation`: why nothing is signed
``e``  epoch                                        `VerifiedEpoch`
``c``  epoch                                        `AuthorizationPolicy` that ratifies from that epoch on
``q``  epoch                                        nothing: its signature was not acknowledged yet
``u``  index                                        the `Entry` that the newest verified tree holds
``s``  epoch, summary hash of the head              `WitnessedHead`: one that was seen and not verified
``x``  rule; hash of rule, epoch and head           an `EvidenceBundle`
``y``  the same                                     nothing: that bundle was handed over
``t``  node number                                  a tree node (`coname.storage.tree`)
=====  ===========================================  ======================================================

Numbers in keys are big-endian, so that LevelDB's order is theirs. A record that does not decode, or that another
record says must be there and is not, raises `Corrupt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coname.core.types import Epoch, Index
from coname.errors import Corrupt
from coname.interfaces import Delete
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.verifier_pb2 import StoredViolation, VerifiedEpoch, VerifierState, WitnessedHead
from coname.storage.records import decode

if TYPE_CHECKING:
    from coname.interfaces import IKeyValueStore

NEWEST = Epoch(2**64 - 1)
"""Later than any."""

STATE_KEY = b"m"
VIOLATION_KEY = b"b"
_ANY = (b"\0", b"\xff")


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def read_state(store: IKeyValueStore) -> VerifierState | None:
    """How far the verifier has come; None in an empty database.

    :raises Corrupt: there are records, but not this one.
    """
    data = store.get(STATE_KEY)
    if data is not None:
        return decode(VerifierState, data, "verifier state")
    for _ in store.iterate(*_ANY):
        raise Corrupt("the database holds records, but not the verifier's state")
    return None


def read_violation(store: IKeyValueStore) -> StoredViolation | None:
    """Why nothing is signed, if so."""
    data = store.get(VIOLATION_KEY)
    return None if data is None else decode(StoredViolation, data, "violation")


def epoch_key(epoch: Epoch) -> bytes:
    """The key of a verified epoch."""
    return b"e" + _number(epoch)


def read_epoch(store: IKeyValueStore, epoch: Epoch) -> VerifiedEpoch:
    """A verified epoch.

    :raises Corrupt: it is not there: the caller knows that it was verified.
    """
    data = store.get(epoch_key(epoch))
    if data is None:
        raise Corrupt(f"the stored record of epoch {epoch} is missing")
    return decode(VerifiedEpoch, data, f"record of epoch {epoch}")


def policy_key(epoch: Epoch) -> bytes:
    """The key of the policy that ratifies from an epoch on."""
    return b"c" + _number(epoch)


def read_policies(store: IKeyValueStore, last: Epoch) -> Iterator[tuple[Epoch, AuthorizationPolicy]]:
    """The policies that took the place of the configured one, and the epochs from which on, the newest first.

    :param last: leave out those that begin after it.
    """
    stop = policy_key(Epoch(last + 1)) if last < NEWEST else b"d"
    for key, value in store.iterate(b"c", stop, reverse=True):
        epoch = Epoch(int.from_bytes(key[1:], "big"))
        yield epoch, decode(AuthorizationPolicy, value, f"policy from epoch {epoch} on")


def unacknowledged_key(epoch: Epoch) -> bytes:
    """The key of the mark that an epoch's signature was not acknowledged yet."""
    return b"q" + _number(epoch)


def acknowledge(epoch: Epoch) -> Delete:
    """The write that removes that mark."""
    return Delete(unacknowledged_key(epoch))


def read_unacknowledged(store: IKeyValueStore) -> Iterator[Epoch]:
    """The epochs with that mark, oldest first."""
    for key, _ in store.iterate(b"q", b"r"):
        yield Epoch(int.from_bytes(key[1:], "big"))


def entry_key(index: Index) -> bytes:
    """The key of the entry at an index."""
    return b"u" + index


def witnessed_key(epoch: Epoch, summary: bytes) -> bytes:
    """The key of a head that was seen and not verified."""
    return b"s" + _number(epoch) + summary


def read_witnessed(store: IKeyValueStore, epoch: Epoch) -> Iterator[WitnessedHead]:
    """The heads of an epoch that were seen and not verified."""
    for _, value in store.iterate(b"s" + _number(epoch), b"s" + _number(epoch) + b"\xff" * 65):
        yield decode(WitnessedHead, value, f"unverified head of epoch {epoch}")


def count_witnessed(store: IKeyValueStore) -> int:
    """How many heads were seen and not verified."""
    return sum(1 for _ in store.iterate(b"s", b"t"))


def evidence_key(case: bytes) -> bytes:
    """The key of a bundle."""
    return b"x" + case


def handed_over_key(case: bytes) -> bytes:
    """The key of the mark that a bundle was handed over."""
    return b"y" + case


def read_cases(store: IKeyValueStore) -> dict[bytes, int]:
    """What the bundles are filed under, and how large they are, in bytes."""
    return {key[1:]: len(value) for key, value in store.iterate(b"x", b"y")}
