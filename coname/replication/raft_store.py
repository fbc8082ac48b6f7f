"""A replica's Raft log on disk: a database of its own, beside that of the state.

=====  ===========  ===============================================================================================
table  key          value
=====  ===========  ===============================================================================================
``i``  nothing      the incarnation (8 bytes), drawn when the database was made, and the id of its replica (8 bytes);
                    a byte more where it was made to join replicas that were there already
``h``  nothing      `RaftHardState`
``s``  nothing      `RaftSnapshot`: where the log begins; absent: it begins with entry 1
``e``  index        `RaftEntry`
``r``  nothing      why this storage is of no use any more, in words; absent: it is
=====  ===========  ===============================================================================================

Rules of this file:

1. What is missing, out of order or does not decode is `Corrupt`, never an empty log: a replica that forgot a vote or an
   acknowledged entry is worse than one that is down.
2. The incarnation is as old as the database, and no other has it. Whoever empties the folder has another storage, and
   whoever copies it has the same: the core tells them apart.
3. This object counts what was written only when it is told so; what is being written meanwhile, nobody asks for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from coname.errors import Corrupt, Misconfigured
from coname.interfaces import Delete, IKeyValueStore, Put, Write
from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftSnapshot
from coname.replication.raft import Membership, bootstrap
from coname.replication.raft.log import ENTRY_OVERHEAD
from coname.replication.raft.membership import snapshot
from coname.replication.raft.storage import FIRST_TERM

IDENTITY_KEY, HARD_STATE_KEY, SNAPSHOT_KEY, VERDICT_KEY = b"i", b"h", b"s", b"r"

IDENTITY_SIZE = 16
_JOINED = b"j"

JOIN_ANEW = "remove it from the cluster, empty both of its databases, and let it join anew"

AnyMessage = TypeVar("AnyMessage", bound=Message)


def entry_key(index: int) -> bytes:
    """The key of a log entry."""
    return b"e" + index.to_bytes(8, "big")


def _decode(kind: type[AnyMessage], data: bytes, what: str) -> AnyMessage:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Corrupt(f"the log's {what} does not decode: {error}") from error


def check_new(replica: int, applied: int) -> None:
    """Make sure that a replica whose log is not there has nothing in its database either.

    :raises Misconfigured: it has: the log was lost, or never was one of Raft's.
    """
    if applied:
        raise Misconfigured(
            [
                f"the database of replica {replica:x} holds the effects of {applied} log entries, and its Raft log is "
                f"missing: a replica that forgot how it voted must not vote again; {JOIN_ANEW}"
            ]
        )


class RaftStore:
    """`IRaftStorage` on a store; see the module.

    :param store: the log's own. The constructor reads all of it: call it from a thread.
    :param membership: of the new realm, if this is one of its first replicas; None for one that joins.
    :param applied: what the state's database holds the effects of.
    :param draw: gives a random number that is not 0, of 64 bits, for the identity of a new storage.
    :raises Corrupt: what is stored is damaged, or was found to be restored from a backup.
    :raises Misconfigured: this is another replica's log, or a log is missing that was there.
    :ivar incarnation: which storage this is. :ivar joined: whether it was made to join replicas that were there.
    """

    def __init__(
        self, store: IKeyValueStore, replica: int, membership: Membership | None, applied: int, draw: Callable[[], int]
    ) -> None:
        self._store = store
        identity = store.get(IDENTITY_KEY)
        if identity is None:
            check_new(replica, applied)
            identity = self._begin(replica, membership, draw())
        verdict = store.get(VERDICT_KEY)
        if verdict is not None:
            raise Corrupt(verdict.decode("utf-8", "replace"))
        self.incarnation = _incarnation(identity, replica)
        self.joined = identity[IDENTITY_SIZE:] == _JOINED
        self._start = self._read_start()
        self._sizes = deque(self._read_sizes())  # of the entries, from the oldest
        self._total = sum(self._sizes)

    # what the core reads

    def hard_state(self) -> RaftHardState:
        """See `IRaftStorage`."""
        data = self._store.get(HARD_STATE_KEY)
        if data is None:
            raise Corrupt("the log has no term and vote")
        return _decode(RaftHardState, data, "term and vote")

    def snapshot(self) -> RaftSnapshot:
        """See `IRaftStorage`."""
        return self._start

    def last_index(self) -> int:
        """See `IRaftStorage`."""
        return self._start.index + len(self._sizes)

    def term(self, index: int) -> int:
        """See `IRaftStorage`."""
        data = self._store.get(entry_key(index))
        if data is None:
            raise Corrupt(f"the log has no entry {index}")
        return _entry(index, data).term

    def entries(self, first: int, end: int, most_bytes: int) -> Sequence[RaftEntry]:
        """See `IRaftStorage`."""
        found: list[RaftEntry] = []
        total = 0
        for index, data in self._records(first, end):
            if index != first + len(found):
                raise Corrupt(f"the log has no entry {first + len(found)}, but an entry {index}")
            total += len(data)
            if found and total > most_bytes:
                return found
            found.append(_entry(index, data))
        if not found or (len(found) < end - first and total <= most_bytes):
            raise Corrupt(f"the log has no entry {first + len(found)}")
        return found

    # what the engine writes

    def writes(self, hard_state: RaftHardState | None, entries: Sequence[RaftEntry], last: int) -> list[Write]:
        """What makes these the hard state, and the end of the log.

        :param last: the newest entry that is there when this is written; what comes after `entries` is removed.
        """
        found: list[Write] = []
        if hard_state is not None:
            found.append(Put(HARD_STATE_KEY, hard_state.SerializeToString()))
        found += (Put(entry_key(entry.index), entry.SerializeToString()) for entry in entries)
        if entries:
            found += (Delete(entry_key(index)) for index in range(entries[-1].index + 1, last + 1))
        return found

    def written(self, entries: Sequence[RaftEntry]) -> None:
        """These are the end of the log now."""
        if not entries:
            return
        for _ in range(self.last_index() - entries[0].index + 1):
            self._total -= self._sizes.pop()
        sizes = [len(entry.data) + ENTRY_OVERHEAD for entry in entries]
        self._sizes += sizes
        self._total += sum(sizes)

    def compaction(self, start: RaftSnapshot) -> list[Write]:
        """What removes the entries up to `start`."""
        gone: list[Write] = [Delete(entry_key(index)) for index in range(self._start.index + 1, start.index + 1)]
        return [*gone, Put(SNAPSHOT_KEY, start.SerializeToString())]

    def compacted(self, start: RaftSnapshot) -> None:
        """That was written."""
        for _ in range(start.index - self._start.index):
            self._total -= self._sizes.popleft()
        self._start = start

    def verdict(self, why: str) -> list[Write]:
        """What makes this storage one that is never used again."""
        return [Put(VERDICT_KEY, why.encode())]

    # how large it is

    @property
    def total_bytes(self) -> int:
        """What the entries take in memory, about, if they all were there."""
        return self._total

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._sizes)

    def excess(self, most_entries: int, most_bytes: int, at_most: int) -> int:
        """How many of the oldest entries must go to meet both bounds, but no more than `at_most`."""
        left, gone = self._total, 0
        for size in self._sizes:
            if gone >= at_most or (len(self._sizes) - gone <= most_entries and left <= most_bytes):
                break
            left -= size
            gone += 1
        return gone

    def _begin(self, replica: int, membership: Membership | None, incarnation: int) -> bytes:
        if next(iter(self._store.iterate(b"\x00", b"\xff")), None) is not None:
            raise Corrupt("the log has entries, and no identity")
        hard_state, entries = RaftHardState(), []
        if membership is not None:
            hard_state, first = bootstrap(membership)
            entries.append(first)
        identity = _identity(incarnation, replica) + (b"" if membership else _JOINED)
        self._store.write([Put(IDENTITY_KEY, identity), *self.writes(hard_state, entries, 0)], True)
        return identity

    def _read_start(self) -> RaftSnapshot:
        data = self._store.get(SNAPSHOT_KEY)
        return RaftSnapshot() if data is None else _decode(RaftSnapshot, data, "beginning")

    def _read_sizes(self) -> list[int]:
        sizes: list[int] = []
        for index, data in self._records(0, 1 << 62):
            if index != self._start.index + 1 + len(sizes):
                raise Corrupt(f"the log has no entry {self._start.index + 1 + len(sizes)}, but an entry {index}")
            sizes.append(len(_entry(index, data).data) + ENTRY_OVERHEAD)
        return sizes

    def _records(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        for key, data in self._store.iterate(entry_key(first), entry_key(end)):
            yield int.from_bytes(key[1:], "big"), data


def begin_at(store: IKeyValueStore, replica: int, index: int, incarnation: int) -> None:
    """Make, in an empty store, the log of a lone replica that begins after `index`, whose effects its database holds;
    in one synced write."""
    start = snapshot(index, FIRST_TERM, Membership({replica: incarnation}))
    hard_state = RaftHardState(term=FIRST_TERM, committed=index)
    store.write(
        [
            Put(IDENTITY_KEY, _identity(incarnation, replica)),
            Put(HARD_STATE_KEY, hard_state.SerializeToString()),
            Put(SNAPSHOT_KEY, start.SerializeToString()),
        ],
        True,
    )


def reset(store: IKeyValueStore, start: RaftSnapshot) -> None:
    """Make `start` the beginning of a log without entries, in one synced write. Doing it again does nothing.

    :raises Corrupt: there is no log.
    """
    if store.get(IDENTITY_KEY) is None:
        raise Corrupt("a database is to be installed, and there is no log to begin after it")
    gone: list[Write] = [Delete(key) for key, _ in store.iterate(entry_key(0), b"f")]
    store.write([*gone, Put(SNAPSHOT_KEY, start.SerializeToString())], True)


def _entry(index: int, data: bytes) -> RaftEntry:
    entry = _decode(RaftEntry, data, f"entry {index}")
    if entry.index != index:
        raise Corrupt(f"the log has entry {entry.index} in the place of entry {index}")
    return entry


def _identity(incarnation: int, replica: int) -> bytes:
    return incarnation.to_bytes(8, "big") + replica.to_bytes(8, "big")


def _incarnation(identity: bytes, replica: int) -> int:
    if len(identity) < IDENTITY_SIZE or identity[IDENTITY_SIZE:] not in (b"", _JOINED):
        raise Corrupt(f"the log's identity has {len(identity)} bytes, not {IDENTITY_SIZE}")
    owner = int.from_bytes(identity[8:IDENTITY_SIZE], "big")
    if owner != replica:
        raise Misconfigured([f"this is the log of replica {owner:x}, not of replica {replica:x}"])
    return int.from_bytes(identity[:8], "big")
