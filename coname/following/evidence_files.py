"""Evidence bundles on the disk: one file each, whole or not at all, and none is ever overwritten.

Rules:

1. A bundle is what `coname.core.evidence_files` makes of it, readable by everybody (0644): it is made to
   be shown. Its name says when it was noticed, which rule was broken, and in which epoch.
2. The file gets its name only when all of it is on the disk; the name is given in a way that fails if it is taken.
3. A full disk stops nothing: whoever hands a bundle over keeps it until it is written, and tries again.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coname.core import heads
from coname.core.evidence_files import write_bundle
from coname.durable import sync_folder
from coname.errors import ProofInvalid
from coname.messages.evidence_pb2 import EvidenceBundle

MOST_NAMES = 10_000
"""Bundles of one rule, epoch and second; more than a verifier makes in all."""

_TEMPORARY = ".evidence-"

RETRY_SECONDS = 30.0
"""After a failure, how long no other attempt is made: a full disk is not to be asked a thousand times a second."""


class NotWritten(Exception):
    """A bundle could not be written now. Try again later."""


@dataclass(frozen=True)
class News:
    """What became of a bundle, which may have hundreds of megabytes: in a few words.

    :ivar rule: which it says was broken; `account` and `epoch` likewise.
    :ivar digest: tells it from others, and is the same when the same is kept once more.
    :ivar path: the file that it is in now; None: it could not be written. :ivar reason: why not.
    """

    rule: str
    account: str
    epoch: int | None
    digest: bytes
    path: Path | None = None
    reason: str = ""

    @classmethod
    def of(cls, bundle: EvidenceBundle, path: Path | None = None, reason: str = "") -> News:
        """News of `bundle`. Takes long if it is large."""
        digest = hashlib.sha256(bundle.SerializeToString(deterministic=True)).digest()
        return cls(bundle.rule, bundle.account, epoch_of(bundle), digest, path, reason)


class EvidenceFolder:
    """Where bundles are kept.

    :param clock: seconds that only ever grow.
    :ivar news: appended to in the thread of `keep`, emptied by whoever tells the operator.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.news: deque[News] = deque()
        self._folder = folder
        self._clock = clock
        self._again = 0.0  # no attempt before then

    def keep(self, bundle: EvidenceBundle) -> None:
        """Write `bundle`. Blocks: to be called from a thread.

        :raises NotWritten: that failed, or failed a moment ago.
        """
        if self._clock() < self._again:
            raise NotWritten
        try:
            path = write(self._folder, bundle)
        except OSError as error:
            self._again = self._clock() + RETRY_SECONDS
            self.news.append(News.of(bundle, reason=str(error)))
            raise NotWritten from error
        self.news.append(News.of(bundle, path))

    def clean(self) -> None:
        """Remove what a process that was killed has left half written. No other may be writing now.

        :raises OSError: that failed.
        """
        for path in self._folder.glob(f"{_TEMPORARY}*"):
            path.unlink(missing_ok=True)


def write(folder: Path, bundle: EvidenceBundle) -> Path:
    """Write `bundle` to a file of its own in `folder`, which is made if it is not there, and make it durable.

    :raises OSError: it cannot be written; nothing is left behind under a bundle's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = write_bundle(bundle)
    descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        path = _give_name(Path(temporary), folder, name(bundle))
    finally:
        os.unlink(temporary)
    sync_folder(folder)
    return path


def name(bundle: EvidenceBundle) -> str:
    """What `bundle`'s file is called, without the ending: ``2026-11-23T12-00-00Z-two_heads-epoch-17``."""
    noticed = datetime.fromtimestamp(bundle.noticed_at.seconds, UTC)
    rule = re.sub(r"[^a-z_]", "", bundle.rule)
    epoch = epoch_of(bundle)
    return f"{noticed:%Y-%m-%dT%H-%M-%SZ}-{rule}" + ("" if epoch is None else f"-epoch-{epoch}")


def epoch_of(bundle: EvidenceBundle) -> int | None:
    """The epoch that `bundle` is about: that of its last head that can be read."""
    for signed in reversed(bundle.heads):
        try:
            return heads.parse(signed.head).epoch
        except ProofInvalid:
            continue
    return None


def _give_name(temporary: Path, folder: Path, stem: str) -> Path:
    for number in range(1, MOST_NAMES):
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        try:
            os.link(temporary, path)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{folder} has too many files of the name {stem}")
