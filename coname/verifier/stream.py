"""One stream of the verifier log, from where it begins to where it breaks: each step is checked, or only compared.

A stream begins at a head that was verified, which therefore comes first: a keyserver whose history was rolled back or
forked shows itself at once. It goes through up to three modes, one after the other:

``KNOWN``      steps that were verified before come again, up to the newest verified head: they must be the same
``FOLLOWING``  each step is checked, and each head that is right becomes part of the verified history
``WATCHING``   something was wrong, now or earlier: heads are only compared, and nothing is verified any more

After a violation, the epoch that follows the newest verified one is checked once more in each stream, so that its
evidence is made even if a crash came before; it is not verified for that.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import heads
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.verification_pb2 import VerifierStep
from coname.verifier import violations as rules
from coname.verifier.accusing import Accuser
from coname.verifier.head_checks import (
    Witnessed,
    check_alone,
    check_succession,
    check_transcript,
    witness,
)
from coname.verifier.open_epoch import OpenEpoch
from coname.verifier.violations import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.core.signatures import Verify
    from coname.messages.client_pb2 import AuthorizationPolicy
    from coname.storage.tree import Updated
    from coname.verifier.casebook import Casebook
    from coname.verifier.history import History, Taken
    from coname.verifier.settings import ReplaySettings
    from coname.verifier.watching import Shown, Watcher

MOST_HEAD_BYTES = 64 << 10
"""Of a head and its transcript, without signatures: each is kept for good. An honest one has some hundreds."""


class _Mode(enum.Enum):
    KNOWN = "steps that were verified before come again"
    FOLLOWING = "steps are verified"
    WATCHING = "heads are compared"


class Stream:
    """One stream.

    :param begins_at: the verified epoch whose head comes first; 0: the log's first step does.
    :ivar steps: the verifier log index of the next step.
    :ivar matched: the newest verified head was where it must be.
    :ivar lost: nothing of what was verified is where the stream began: it is to begin further back.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        history: History,
        casebook: Casebook,
        watcher: Watcher,
        verify: Verify,
        begins_at: Epoch,
    ) -> None:
        self._settings = settings
        self._history = history
        self._casebook = casebook
        self._watcher = watcher
        self._accuser = Accuser(settings, history, casebook)
        self._verify = verify
        self._mode = _Mode.KNOWN if history.epoch else _Mode.FOLLOWING
        self._known = Epoch(max(begins_at, 1))  # whose head is the next known one
        self._anchored = begins_at == 0
        self.matched = False
        self.lost = False
        self.steps = history.position(begins_at)
        watcher.last = None
        history.policies.begin()
        self._open_next()

    def _open_next(self) -> None:
        self._opened = OpenEpoch(
            Epoch(self._history.epoch + 1),
            self.steps,
            self._history.current,
            self._verify,
            self._settings.open_epoch_bytes,
        )

    def take(self, data: bytes, now_ns: int, good: bool = False) -> Taken | None:
        """Take the next step; what comes back is an epoch that it completes, not durable yet.

        :param good: its signatures were checked, see `coname.verifier.signatures`.
        :raises Corrupt: the own database is damaged.
        """
        position = self.steps
        self.steps += 1
        try:
            step = VerifierStep.FromString(data)
        except DecodeError:
            step = VerifierStep()
        kind = step.WhichOneof("type")
        if self._mode is _Mode.KNOWN:
            self._compare(step, kind, position, now_ns)
        elif kind == "Epoch":
            return self._take_head(step, position, now_ns)
        elif self._mode is _Mode.FOLLOWING:
            self._take_update(step, kind, position, len(data), good, now_ns)
        return None

    def _take_update(
        self, step: VerifierStep, kind: str | None, position: int, size: int, good: bool, now_ns: int
    ) -> None:
        if kind == "Update":
            self._opened.add(step.Update, size, good)
        else:
            self._opened.spoil(Finding(rules.MALFORMED_STEP, f"step {position} is neither an update nor a head"))
        if self._opened.broken is not None and self._casebook.violation is None:
            self._casebook.stop(self._opened.broken, self._opened.epoch, now_ns)

    def _take_head(self, step: VerifierStep, position: int, now_ns: int) -> Taken | None:
        size = len(step.Epoch.head) + len(step.transcript.transcript)
        if size > MOST_HEAD_BYTES:
            self._refuse(
                step, f"step {position} is a head of {size} bytes, at most {MOST_HEAD_BYTES} are taken", now_ns
            )
            return None
        try:
            new = witness(self._history.policies, step, position)
        except ProofInvalid as error:
            self._refuse(step, f"step {position} is a malformed head: {error}", now_ns)
            return None
        if self._mode is _Mode.WATCHING:
            found = list(self._watcher.see(new, self._history.epoch, now_ns))
            self._accuser.accuse(found, new, self._opened, now_ns)
            return None
        return self._close(step, new, now_ns)

    def _refuse(self, step: VerifierStep, account: str, now_ns: int) -> None:
        """A head that cannot be read as one."""
        self._accuser.refuse(step, account, self._opened if self._mode is _Mode.FOLLOWING else None, now_ns)
        self._watcher.last = None
        self._mode = _Mode.WATCHING

    # the head of the epoch that is verified

    def _close(self, step: VerifierStep, new: Witnessed, now_ns: int) -> Taken | None:
        updated, found = self._check(step, new, now_ns)
        if updated is not None and not found and self._casebook.violation is None:
            taken = self._history.advance(new, self._opened, updated, now_ns)
            self._open_next()
            return taken
        self._accuser.accuse(found, new, self._opened, now_ns, updated)
        self._watcher.remember(new, self._history.epoch)
        self._history.policies.suppose(new, self._history.epoch)
        self._mode = _Mode.WATCHING
        return None

    def _check(self, step: VerifierStep, new: Witnessed, now_ns: int) -> tuple[Updated | None, list[Shown]]:
        """What is wrong with a head that is to be verified; and the tree, if it can be built."""
        tip = self._history.tip
        shown = [new] if tip is None else [tip, new]
        alone = [(finding, shown) for finding in check_alone(self._settings, self._policy(new), new, now_ns)]
        if not new.signed.signatures:
            return None, alone  # nobody has said any of it
        found: list[Shown] = list(self._watcher.contradictions(new, self._history.epoch))
        succession = [(finding, shown) for finding in check_succession(tip, new)]
        if not found or new.epoch > self._history.epoch:
            found += succession
        found += alone
        updated = None if succession else self._history.build(self._opened)
        if updated is not None:
            found += [(finding, shown) for finding in self._check_updates(new, updated)]
        found += [(finding, shown) for finding in self._check_transcript(step, new)]
        return updated, found

    def _check_updates(self, new: Witnessed, updated: Updated) -> Iterator[Finding]:
        root = self._history.root_hash(updated)
        if self._opened.broken is not None:
            yield self._opened.broken
        elif root != new.head.root_hash:
            first = ". Is the tree_nonce configured here the realm's?" if self._history.tip is None else ""
            yield Finding(
                rules.WRONG_ROOT,
                f"the {len(self._opened.updates)} updates of epoch {new.epoch} lead to the root {root.hex()}; its head "
                f"has the root {new.head.root_hash.hex()}{first}",
            )

    def _check_transcript(self, step: VerifierStep, new: Witnessed) -> Iterator[Finding]:
        wanted = step.HasField("transcript")
        updates_hash = self._opened.updates_hash() if wanted else None
        policy = self._policy(new)
        return check_transcript(self._settings, policy, new, step, self._opened.first_step, updates_hash)

    def _policy(self, new: Witnessed) -> AuthorizationPolicy:
        """What must have ratified a head."""
        return self._history.policies.of(new.epoch)

    # steps that were verified before

    def _compare(self, step: VerifierStep, kind: str | None, position: int, now_ns: int) -> None:
        """Check that the log still has what it had, up to the newest verified head."""
        known = self._history.head(self._known)
        if position < known.position and kind == "Update":
            return
        if position == known.position and kind == "Epoch" and _epoch_head(step) == known.head.epoch_head:
            self._anchored = True
            if self._known == self._history.epoch:
                self.matched = True
                self._mode = _Mode.FOLLOWING
                self._open_next()
            self._known = Epoch(self._known + 1)
            return
        self._diverge(step, kind, position, now_ns)

    def _diverge(self, step: VerifierStep, kind: str | None, position: int, now_ns: int) -> None:
        self._mode = _Mode.WATCHING
        what = f"step {position} of the log is not what it was when epoch {self._known} was verified"
        found: list[Shown] = [(Finding(rules.REWRITTEN_LOG, what), [])]
        new = None
        if kind == "Epoch":
            try:
                new = witness(self._history.policies, step, position)
            except ProofInvalid:
                pass
            else:
                found = list(self._watcher.see(new, self._history.epoch, now_ns)) or found
        self._accuser.accuse(found, new, self._opened, now_ns)
        self.lost = not self._anchored


def _epoch_head(step: VerifierStep) -> bytes | None:
    try:
        return heads.parse(step.Epoch.head).epoch_head
    except ProofInvalid:
        return None
