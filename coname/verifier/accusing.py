"""What is found wrong in a stream becomes evidence, and ends the signing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.hashes import SUMMARY_SIZE, shake
from coname.core.types import Epoch
from coname.verifier import bundles
from coname.verifier import violations as rules
from coname.verifier.casebook import case
from coname.verifier.head_checks import witness_malformed
from coname.verifier.violations import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.messages.verification_pb2 import VerifierStep
    from coname.storage.tree import Updated
    from coname.verifier.casebook import Casebook
    from coname.verifier.head_checks import Witnessed
    from coname.verifier.history import History
    from coname.verifier.open_epoch import OpenEpoch
    from coname.verifier.settings import ReplaySettings
    from coname.verifier.watching import Shown


class Accuser:
    """Puts bundles into the casebook, each breach once."""

    def __init__(self, settings: ReplaySettings, history: History, casebook: Casebook) -> None:
        self._settings = settings
        self._history = history
        self._casebook = casebook

    def accuse(
        self,
        found: Sequence[Shown],
        new: Witnessed | None,
        opened: OpenEpoch,
        now_ns: int,
        updated: Updated | None = None,
    ) -> None:
        """Let the evidence of each finding, and the violation, become durable.

        :param new: the head that shows it. :param opened: the updates before it.
        :param updated: the tree that they lead to, if it could be built.
        """
        history, casebook = self._history, self._casebook
        for finding, shown in found:
            signed = new is not None and bool(new.signed.signatures)
            filed = case(finding, new.epoch if new else 0, new.summary if new else b"", signed)
            if casebook.wants(filed):
                place = bundles.Place(history, opened, updated)
                made = bundles.bundle(self._settings, finding, shown, now_ns, history.policies, place, casebook.room)
                casebook.file(filed, made)
        if found:
            casebook.stop(found[0][0], Epoch(history.epoch + 1), now_ns)

    def refuse(self, step: VerifierStep, account: str, opened: OpenEpoch | None, now_ns: int) -> None:
        """A head that cannot be read as one. A judge may be able to: it goes into the evidence as it is.

        :param opened: the updates before it, if it was to be verified.
        """
        history, casebook = self._history, self._casebook
        finding = Finding(rules.MALFORMED_STEP, account)
        new = witness_malformed(history.policies.newest, step)
        filed = case(finding, 0, shake(step.Epoch.head, SUMMARY_SIZE), bool(new.signed.signatures))
        if casebook.wants(filed):
            before = [] if history.tip is None else [history.tip]
            made = bundles.bundle(self._settings, finding, before, now_ns, history.policies)
            place = bundles.Place(history, opened, None) if opened is not None and new.signed.signatures else None
            bundles.of_malformed(made, new, history.policies, place, casebook.room)
            casebook.file(filed, made)
        casebook.stop(finding, Epoch(history.epoch + 1), now_ns)
