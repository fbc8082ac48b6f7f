"""Whether the updates of one entry, one after the other, were allowed.

Owners' signatures are taken as leniently as any keyserver takes them. What that costs, whoever made the updates can
choose: a policy may have thousands of keys, a quorum a million parts. So the work is counted (`Share`), and in this
order, that it is mostly not needed:

* the policy of the entry before, which is its owner's, before that of the new entry, which is whoever's who made it;
* all signatures strictly, before any of them leniently, and leniently only if one is of a form where that may differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError

from coname.core.hashes import HASH_SIZE
from coname.core.policies import check_update, policy_satisfied
from coname.core.signatures_2017 import may_differ
from coname.core.types import Index
from coname.errors import Corrupt, UpdateInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coname.core.evidence_bounds import Share
    from coname.messages.client_pb2 import SignedEntryUpdate


class Update:
    """An update, and where it goes.

    :ivar place: in its epoch, from 1.
    :ivar index: None if it goes nowhere: it is no entry, or has no index of the right length.
    """

    __slots__ = ("index", "message", "place", "version")

    def __init__(self, place: int, message: SignedEntryUpdate) -> None:
        self.place = place
        self.message = message
        self.index: Index | None = None
        self.version = 0
        try:
            entry = Entry.FromString(message.new_entry)
        except DecodeError:
            return
        self.version = entry.version
        if len(entry.index) == HASH_SIZE:
            self.index = Index(entry.index)


class Wrong(NamedTuple):
    """An update that was not allowed.

    :ivar why: in words, with what was expected and found.
    """

    update: Update
    rule: str
    why: str


def first_wrong(before: bytes | None, updates: Sequence[Update], share: Share) -> Wrong | None:
    """The first of an entry's updates that is not allowed; what comes after it stands on sand.

    :param before: the entry that they begin with; None if there is none.
    :raises TooMuch: that would take more work than is left.
    :raises Corrupt: the entry before is none that can be read.
    """
    for update in updates:
        try:
            _check(before, update, share)
        except UpdateInvalid as error:
            fell = before is not None and update.version <= Entry.FromString(before).version
            return Wrong(update, "version_decreased" if fell else "unauthorised_update", str(error))
        before = update.message.new_entry
    return None


def _check(before: bytes | None, update: Update, share: Share) -> None:
    strict = _Signatures(share.verify_strictly)
    try:
        _check_by(before, update, share, strict)
    except UpdateInvalid:
        if not strict.strange:
            raise
        _check_by(before, update, share, _Signatures(share.verify_leniently))


def _check_by(before: bytes | None, update: Update, share: Share, verify: _Signatures) -> None:
    """As `check_update`, whose walk through the new entry's quorum is counted before it begins."""
    if before is None or _allowed_by(before, update, share, verify):
        share.walk(_policy(update.message.new_entry).quorum)
    check_update(before, update.message, verify)


def _allowed_by(before: bytes, update: Update, share: Share, verify: _Signatures) -> bool:
    try:
        current = Entry.FromString(before)
    except DecodeError as error:
        raise Corrupt(f"an entry of {len(before)} bytes before an update is not an Entry message") from error
    if update.version <= current.version:
        return False
    policy = current.update_policy
    share.walk(policy.quorum)
    return policy_satisfied(policy, update.message.new_entry, update.message.signatures, verify)


def _policy(entry: bytes) -> AuthorizationPolicy:
    return Entry.FromString(entry).update_policy


class _Signatures:
    """Verifies the signatures of one update, each once.

    :ivar strange: whether one was refused that may be good to somebody more lenient.
    """

    def __init__(self, verify: Callable[[bytes, bytes, bytes], bool]) -> None:
        self.strange = False
        self._verify = verify
        self._known: dict[tuple[bytes, bytes], bool] = {}

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        asked = (public_key, signature)
        if asked not in self._known:
            self._known[asked] = self._verify(public_key, message, signature)
            self.strange = self.strange or (not self._known[asked] and may_differ(public_key, signature))
        return self._known[asked]
