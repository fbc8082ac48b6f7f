"""Violations and evidence: into the database first, then to whoever keeps them.

Rules of this file:

* A violation and its evidence are one synced batch, together with everything that was verified before them.
* Evidence is handed over after that, and marked when it was: each bundle at least once, and after a crash again.
* The same breach by the same head makes one bundle, however often it is seen; there are at most `MOST_BUNDLES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core import times
from coname.core.hashes import shake
from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.interfaces import Put
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.messages.verifier_pb2 import StoredViolation
from coname.verifier import tables
from coname.verifier.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from coname.interfaces import IKeyValueStore
    from coname.verifier.violations import Finding
    from coname.verifier.waiting_store import WaitingStore

MOST_BUNDLES = 100
"""Whoever breaks rules that often has been shown to; the disk is not to be filled."""

MOST_BUNDLE_BYTES = 256 << 20
"""Larger ones are kept without updates and proofs: a record of that size is more than the database can bear."""

LARGE_BUNDLES = 5
"""So many may be so large; then only `SMALL_BUNDLE_BYTES`, so that all together stay below 1.4 GiB."""

SMALL_BUNDLE_BYTES = 1 << 20

_CASE_SIZE = 32


def case(finding: Finding, epoch: int, summary: bytes) -> bytes:
    """What a bundle is filed under: the breach, and the head that shows it."""
    return shake(b"%b %d %b" % (finding.rule.encode(), epoch, summary), _CASE_SIZE)


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
        self._cases = set(tables.read_cases(store))
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
        return filed not in self._cases and len(self._cases) < MOST_BUNDLES

    def file(self, filed: bytes, bundle: EvidenceBundle) -> None:
        """Let a bundle wait to be written. `stop` makes it durable; `hand_over` hands it over then."""
        if bundle.ByteSize() > (MOST_BUNDLE_BYTES if len(self._cases) < LARGE_BUNDLES else SMALL_BUNDLE_BYTES):
            bundle.ClearField("updates")
            bundle.ClearField("entries")
            bundle.account += ". (The updates were too many to be included here.)"
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
        return tables.decode(EvidenceBundle, data, f"evidence {filed.hex()}")

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
