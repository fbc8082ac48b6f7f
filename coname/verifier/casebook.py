"""Violations and evidence: into the database first, then to whoever keeps them.

Rules of this file:

* A violation and its evidence are one synced batch, together with everything that was verified before them.
* Evidence is handed over after that, and marked when it was: each bundle at least once, and after a crash again.
* The same breach by the same head makes one bundle, however often it is seen.
* There are at most `MOST_OF_RULE` of each rule, so that no breach, however often it is made, keeps another from being
  shown; and `MOST_UNSIGNED` in all of what nobody has signed, which proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core import times
from coname.core.evidence_bounds import MAX_BUNDLE_BYTES
from coname.core.hashes import shake
from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.interfaces import Put
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.messages.verifier_pb2 import StoredViolation
from coname.storage.records import decode
from coname.verifier import tables
from coname.verifier.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from coname.interfaces import IKeyValueStore
    from coname.verifier.violations import Finding
    from coname.verifier.waiting_store import WaitingStore

MOST_OF_RULE = 10
"""Whoever breaks a rule that often has been shown to; the disk is not to be filled."""

MOST_UNSIGNED = 3
"""What nobody has signed anybody can make, and no judge is convinced of: it only shows the operator what came."""

MOST_BUNDLE_BYTES = MAX_BUNDLE_BYTES // 2
"""Larger ones are kept without updates and proofs: in a file, where each byte takes up to two, a judge would not read
them."""

LARGE_BUNDLES = 5
"""So many may be so large; then only `SMALL_BUNDLE_BYTES`, so that all together stay below 1.2 GiB."""

SMALL_BUNDLE_BYTES = 1 << 20

_CASE_SIZE = 32


_UNSIGNED = b"unsigned"


def case(finding: Finding, epoch: int, summary: bytes, signed: bool) -> bytes:
    """What a bundle is filed under: its kind, that is the rule, and a hash of the breach and the head that shows it.

    :param signed: whether any of the realm's keys has signed that head.
    """
    what = shake(b"%b %d %b" % (finding.rule.encode(), epoch, summary), _CASE_SIZE)
    return (finding.rule.encode() if signed else _UNSIGNED) + what


def _kind(filed: bytes) -> bytes:
    return filed[:-_CASE_SIZE]


class Casebook:
    """The violations of one realm that one verifier has seen.

    :param store: the database itself.
    :param waiting: what is written together with it.
    :param hand_over: called with each bundle, after it is durable.
    :ivar violation: why nothing is signed, if so.
    """

    def __init__(
        self, store: IKeyValueStore, waiting: WaitingStore, hand_over: Callable[[EvidenceBundle], object]
    ) -> None:
        self._store = store
        self._waiting = waiting
        self._hand_over = hand_over
        sizes = tables.read_cases(store)
        self._cases = set(sizes)
        self._large = sum(size > SMALL_BUNDLE_BYTES for size in sizes.values())
        self._owed = [filed for filed in sorted(self._cases) if store.get(tables.handed_over_key(filed)) is None]
        self.violation = _read(store)

    def stop(self, finding: Finding, epoch: Epoch, now_ns: int) -> None:
        """Sign nothing from now on, because of `finding`; durable when this returns. The first one counts."""
        if self.violation is None:
            noticed_at = times.timestamp(divmod(now_ns, times.NANOSECONDS))
            stored = StoredViolation(
                rule=finding.rule, account=finding.account, epoch=epoch, noticed_at=noticed_at
            ).SerializeToString()
            self._waiting.put(tables.VIOLATION_KEY, stored)
            self.violation = Violation(finding.rule, finding.account, epoch, now_ns / times.NANOSECONDS)
        self._waiting.flush()

    def wants(self, filed: bytes) -> bool:
        """Whether a bundle is to be made for this case."""
        if filed in self._cases:
            return False
        kind = _kind(filed)
        most = MOST_UNSIGNED if kind == _UNSIGNED else MOST_OF_RULE
        return sum(_kind(other) == kind for other in self._cases) < most

    @property
    def room(self) -> int:
        """How many bytes the next bundle may have."""
        return MOST_BUNDLE_BYTES if self._large < LARGE_BUNDLES else SMALL_BUNDLE_BYTES

    def file(self, filed: bytes, bundle: EvidenceBundle) -> None:
        """Let a bundle wait to be written. `stop` makes it durable; `hand_over` hands it over then."""
        if bundle.ByteSize() > self.room:
            bundle.ClearField("updates")
            bundle.ClearField("entries")
            bundle.account += ". (What shows it is too large to be included here.)"
        self._large += bundle.ByteSize() > SMALL_BUNDLE_BYTES
        self._waiting.put(tables.evidence_key(filed), bundle.SerializeToString())
        self._cases.add(filed)
        self._owed.append(filed)

    def hand_over(self) -> None:
        """Hand over all durable bundles that were not yet. What the receiver raises goes through; it is asked again
        next time."""
        while self._owed:
            filed = self._owed[0]
            self._hand_over(self._read_bundle(filed))
            self._store.write([Put(tables.handed_over_key(filed), b"")], False)
            del self._owed[0]

    def _read_bundle(self, filed: bytes) -> EvidenceBundle:
        data = self._store.get(tables.evidence_key(filed))
        if data is None:
            raise Corrupt(f"the stored evidence {filed.hex()} is missing")
        return decode(EvidenceBundle, data, f"evidence {filed.hex()}")

    def resume(self) -> None:
        """Forget the violation, durably; its evidence stays."""
        self._waiting.delete(tables.VIOLATION_KEY)
        self._waiting.flush()
        self.violation = None


def _read(store: IKeyValueStore) -> Violation | None:
    stored = tables.read_violation(store)
    if stored is None:
        return None
    try:
        noticed_at = times.to_seconds(stored.noticed_at)
    except ValueError as error:
        raise Corrupt(f"the stored violation is damaged: {error}") from error
    return Violation(stored.rule, stored.account, Epoch(stored.epoch), noticed_at)
