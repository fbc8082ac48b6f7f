"""A verifier without its network: the steps of the verifier log in, signatures and evidence out.

Rules of this file (protocol section 7):

1. A head is signed after everything that led to it was checked here: each update, the head itself, its place after the
   one before, the root of the own tree.
2. All that an epoch changes is one synced batch: entries, tree nodes, the head, the own signature. It leaves after
   that. Several epochs may share a batch. Updates since the last head are not stored; after a crash they are asked
   for again.
3. One epoch has one signature: an epoch with a stored one is never signed again.
4. After a violation nothing is signed and nothing verified, until `Replay.resume`. What the keyserver says is watched.
5. No clock, no network, no threads: the caller brings the time and the steps. What is corrupt raises `Corrupt`, and
   the object is of no use after it: make another one from the database.

The way of a step: `coname.verifier.stream`. What is kept: `coname.verifier.history`.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from coname.core.signatures import verify
from coname.core.types import Epoch
from coname.errors import Corrupt, Unavailable
from coname.verifier import tables
from coname.verifier.casebook import Casebook
from coname.verifier.history import History, Taken
from coname.verifier.signatures import GOOD
from coname.verifier.stream import Stream
from coname.verifier.waiting_store import WaitingStore
from coname.verifier.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from coname.core.signatures import SigningKey
    from coname.interfaces import IKeyValueStore
    from coname.messages.client_pb2 import AuthorizationPolicy, SignedEpochHead
    from coname.messages.evidence_pb2 import EvidenceBundle
    from coname.verifier.settings import ReplaySettings
    from coname.verifier.violations import Violation

__all__ = ["Replay", "Taken"]

MOST_WAITING_BYTES = 16 << 20
"""How much may wait for one synced batch: as much as LevelDB takes in a fraction of a second."""


class Replay:
    """One verifier of one realm on one database.

    One call at a time, from any thread; `unacknowledged` and `acknowledged` may be called meanwhile.

    :param evidence: called with each bundle, in the calling thread, after it is durable.
    :ivar restart_wanted: the stream is to be ended and begun again, elsewhere: see `begin`.
    :raises Misconfigured: the database is another verifier's.
    :raises Corrupt: the database is damaged.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        settings: ReplaySettings,
        signing_key: SigningKey,
        evidence: Callable[[EvidenceBundle], object],
    ) -> None:
        self._store = store
        self._settings = settings
        self._waiting = WaitingStore(store)
        self._history = History(self._waiting, settings, signing_key)
        self._casebook = Casebook(store, self._waiting, evidence)
        self._watcher = Watcher(self._waiting, settings, self._history.policies)
        self._usable = True
        self._back = 0  # how many epochs before the newest verified one the stream begins
        self._stream = self._start()
        self.restart_wanted = False

    # what the owner sees

    @property
    def position(self) -> int:
        """The verifier log index to ask the stream from: mostly the newest verified head's. See `begin`."""
        return self._history.position(self._begins_at())

    @property
    def verified(self) -> Epoch:
        """The newest verified epoch; 0 before the first."""
        return self._history.epoch

    @property
    def verified_issue_time(self) -> float:
        """When the newest verified epoch was issued, in seconds since 1970; 0 before the first."""
        tip = self._history.tip
        return 0.0 if tip is None else tip.head.issue_time

    @property
    def steps(self) -> int:
        """The verifier log index that the next step of the stream is taken to have."""
        return self._stream.steps

    @property
    def policy(self) -> tuple[Epoch, AuthorizationPolicy]:
        """Who ratifies the next epoch, and the epoch whose head announced that; 0 if it is the configured policy."""
        policies = self._history.policies
        return policies.since, policies.verified

    @property
    def violation(self) -> Violation | None:
        """Why nothing is signed any more, if so. It outlives a restart."""
        return self._casebook.violation

    def begin(self) -> int:
        """A new stream begins: the updates since the last verified head are forgotten, and evidence is handed over
        that was not.

        :returns: `position`, the verifier log index that the stream's first step must have.
        """
        self._check_usable()
        self._stream = self._start()
        self.restart_wanted = False
        self._casebook.hand_over()  # last: a full disk may refuse the evidence, but must not stop the watching
        return self.steps

    def rewind(self) -> None:
        """Let the next stream begin further back. For a stream that stays silent, though its first step, the newest
        verified head, must be there: the keyserver may have lost it, and what it says instead is earlier in the log."""
        self._back = 2 * self._back or 1
        self.restart_wanted = True

    def resume(self) -> None:
        """Forget the violation, on the operator's word. The steps that led to it are asked for again."""
        self._casebook.resume()
        self.restart_wanted = True

    def unacknowledged(self) -> Iterator[tuple[Epoch, SignedEpochHead]]:
        """What was signed and not acknowledged yet, oldest first."""
        for epoch in tables.read_unacknowledged(self._store):
            record = tables.read_epoch(self._store, epoch)
            if not record.HasField("own"):
                raise Corrupt(f"the stored record of epoch {epoch} has lost this verifier's signature")
            yield epoch, record.own

    def acknowledged(self, epoch: Epoch) -> None:
        """The keyserver has taken the signature on `epoch`. Not synced: if that is lost, it is pushed once more."""
        self._store.write([tables.acknowledge(epoch)], False)

    # steps

    def take(self, step: bytes, now_ns: int) -> Taken | None:
        """Take the next step of the stream; what comes back is an epoch that it completes.

        Raises as `take_many`.
        """
        taken = self.take_many([step], now_ns)
        return taken[0] if taken else None

    def take_many(
        self, steps: Sequence[bytes], now_ns: int, said: bytes = b"", enough: Callable[[], bool] | None = None
    ) -> list[Taken]:
        """Take the next steps of the stream, and return the epochs that they complete, which are durable then.

        :param now_ns: nanoseconds since 1970.
        :param said: what another process of ours has said of the first of them, a byte each: see
            `coname.verifier.signatures.check_ahead`. It saves half of the work.
        :param enough: is asked after each step whether to leave it at that; how many were taken, `steps` shows. A
            stranger's update may ask for a thousand times the work of an ordinary one.
        :raises Corrupt: the database is damaged.
        :raises Unavailable: the database failed earlier, or is closed.
        """
        self._check_usable()
        self._usable = False
        taken = []
        for step, mark in zip_longest(steps, said[: len(steps)]):
            done = self._stream.take(step, now_ns, mark == GOOD)
            if done is not None:
                taken.append(done)
            if self._waiting.size > MOST_WAITING_BYTES:
                self._waiting.flush()
            if enough is not None and enough():
                break
        self._waiting.flush()
        self._look_at_the_stream()
        self._usable = True
        self._casebook.hand_over()
        return taken

    def sign_newest(self, now_ns: int, published: int = 0) -> SignedEpochHead | None:
        """Sign the newest verified epoch though it was issued long ago: for when the stream has run dry.

        :param published: how many steps the keyserver had when the stream began. While they are not all taken, there
            are newer epochs, and nothing is signed.
        :returns: what to push, durable; None if there is nothing to sign, or it is signed already.
        """
        self._check_usable()
        if self.violation is not None or self.steps < published:
            return None
        signed = self._history.sign_newest(now_ns)
        self._waiting.flush()
        return signed

    # streams

    def _start(self) -> Stream:
        return Stream(self._settings, self._history, self._casebook, self._watcher, verify, self._begins_at())

    def _look_at_the_stream(self) -> None:
        if self._stream.matched:
            self._back = 0
        if self._stream.lost and not self.restart_wanted:
            self.rewind()

    def _begins_at(self) -> Epoch:
        """The verified epoch whose head the stream begins at; 0: it begins at the first step."""
        return Epoch(max(self.verified - self._back, 0))

    def _check_usable(self) -> None:
        if not self._usable:
            raise Unavailable("an earlier failure has left this verifier's state uncertain; it must be opened again")
