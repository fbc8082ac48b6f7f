"""The changes of the replicas' policy, for whoever follows them by signatures (`coname.core.rollover`).

- Only ratified epochs are shown, the oldest first, each with all signatures that are stored on it. Verifiers' may still
  be on their way: a client that demands them asks again later.
- An answer is bounded in changes and in bytes, and says if there is more.
- What does not change is encoded once. Most clients know all changes, and are told so without a look at the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coname.core.ratifications import MAX_RATIFICATIONS
from coname.core.types import Epoch, KeyId
from coname.core.wire import length_delimited
from coname.interfaces import IKeyValueStore
from coname.keyserver import tables
from coname.keyserver.answers import Ratifications
from coname.keyserver.members import Members
from coname.messages.client_pb2 import RatifiedHead, SignedEpochHead
from coname.messages.stored_pb2 import ReplicaState

MOST_CHANGES = 16
"""In one answer."""

MOST_BYTES = 1 << 20
"""Of one answer, encoded: no change is begun after so many. One alone has 170 kB with 300 verifiers."""

_KEPT_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """One change: a RatifiedHead in both encodings."""

    protobuf: bytes
    json: str

    @staticmethod
    def of(epoch: Epoch, heads: Mapping[KeyId, SignedEpochHead]) -> Change:
        """The head of `epoch`, as each of these has signed it."""
        shown = Ratifications.of(epoch, heads)
        encoded = RatifiedHead(ratifications=list(shown.heads.values())).SerializeToString(deterministic=True)
        return Change(encoded, f'{{"ratifications": {shown.json}}}')

    @property
    def size(self) -> int:
        """In memory."""
        return len(self.protobuf) + len(self.json)


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """A PolicyChanges message that is encoded when somebody asks for it.

    :ivar more: whether there are later changes.
    """

    changes: tuple[Change, ...] = ()
    more: bool = False

    def protobuf(self) -> bytes:
        """The encoded PolicyChanges."""
        encoded = b"".join([length_delimited(b"\x0a", change.protobuf) for change in self.changes])
        return encoded + (b"\x10\x01" if self.more else b"")

    def json(self) -> bytes:
        """The PolicyChanges in protobuf's JSON, with the protocol's field names."""
        changes = ", ".join([change.json for change in self.changes])
        fields = ([f'"changes": [{changes}]'] if changes else []) + (['"more": true'] if self.more else [])
        return ("{" + ", ".join(fields) + "}").encode()


NONE = PolicyAnswer()


class PolicyChanges:
    """Answers what changed, from a replica's database."""

    def __init__(self, store: IKeyValueStore, members: Members) -> None:
        self._store = store
        self._members = members
        # a cache, which signatures outdate
        self._kept: dict[Epoch, Change] = {}
        self._bytes = 0

    def signed(self, epoch: Epoch) -> None:
        """There are more signatures on `epoch` now."""
        gone = self._kept.pop(epoch, None)
        if gone is not None:
            self._bytes -= gone.size

    def after(self, known: int, state: ReplicaState) -> PolicyAnswer:
        """The changes that the heads of epochs after `known` announced.

        :param state: where the durable state stands.
        :raises Corrupt: stored data is damaged.
        """
        if known >= min(state.announced_epoch, state.ratified_epoch):
            return NONE
        found: list[Change] = []
        size = 0
        for start, _ in tables.read_policies(self._store, Epoch(known + 2)):
            epoch = Epoch(start - 1)
            if epoch > state.ratified_epoch:
                break
            if len(found) == MOST_CHANGES or size >= MOST_BYTES:
                return PolicyAnswer(tuple(found), more=True)
            change = self._change(epoch)
            found.append(change)
            size += len(change.protobuf)
        return PolicyAnswer(tuple(found))

    def _change(self, epoch: Epoch) -> Change:
        change = self._kept.get(epoch)
        if change is None:
            change = self._kept[epoch] = self._read(epoch)
            self._bytes += change.size
            if self._bytes > _KEPT_BYTES:
                self._kept.clear()
                self._bytes = 0
        return change

    def _read(self, epoch: Epoch) -> Change:
        heads = tables.read_ratifications(self._store, epoch)
        replicas = self._members.policy(epoch).public_keys
        # more than anybody looks at are not shown; the replicas' always are
        order = sorted(heads, key=lambda signer: (signer not in replicas, signer))
        return Change.of(epoch, {signer: heads[signer] for signer in order[:MAX_RATIFICATIONS]})
