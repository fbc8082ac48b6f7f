"""What a replica remembers of the log in etcd, in its own database: by this it notices that etcd, or its own disk, was
put back to an earlier day.

=====  ==========  ===============================================================================
table  key         value
=====  ==========  ===============================================================================
``x``  nothing     `RememberedLog`: which log, in which cluster, and the greatest index seen there
``x``  log index   the chain hash of that entry, from the newest one applied durably on
=====  ==========  ===============================================================================

An entry's hash is written before the entry is delivered, and LevelDB keeps the order of writes: wherever the state
stands after a crash, the hash for that index is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from coname.errors import Corrupt
from coname.interfaces import Delete, IKeyValueStore, Put, Write
from coname.messages.etcd_pb2 import RememberedLog
from coname.replication.etcd_keys import Tail

_PREFIX = b"x"


def _key(index: int) -> bytes:
    return _PREFIX + index.to_bytes(8, "big")


class Memory:
    """The table ``x`` of a store.

    :ivar log: what is remembered; None in a database that never followed a log in etcd.
    """

    def __init__(self, store: IKeyValueStore) -> None:
        """:raises coname.errors.Corrupt: what is remembered does not decode."""
        self._store = store
        data = store.get(_PREFIX)
        try:
            self.log = None if data is None else RememberedLog.FromString(data)
        except DecodeError:
            raise Corrupt("what this database remembers of the log in etcd is damaged") from None
        oldest = next(iter(store.iterate(_key(0), b"y")), None)
        self._oldest = int.from_bytes(oldest[0][1:], "big") if oldest else 1

    def chain_at(self, index: int) -> bytes | None:
        """The hash of an entry that was delivered here; None if it is not known."""
        return self._store.get(_key(index))

    def unapplied_elsewhere(self, applied: int) -> bool:
        """Whether the single-machine engine has left entries in its table ``l`` that come after `applied`."""
        newest = next(iter(self._store.iterate(b"l", b"m", reverse=True)), None)
        return newest is not None and int.from_bytes(newest[0][1:], "big") > applied

    def began(self, log_id: bytes, cluster_id: int, position: Tail, tail: int) -> list[Write]:
        """Follow this log from now on, from `position`.

        :param tail: where it ends. What is remembered of another log no longer counts.
        """
        longest = self.log.tail if self.log is not None and self.log.log_id == log_id else 0
        self.log = RememberedLog(log_id=log_id, cluster_id=cluster_id, tail=max(tail, longest))
        return [self._record(), Put(_key(position.index), position.chain)]

    def delivered(self, places: Sequence[Tail], tail: int, applied: int) -> list[Write]:
        """What to write before entries are delivered.

        :param places: of these entries. :param tail: the greatest index seen in etcd.
        :param applied: hashes before this index are never asked for again.
        """
        writes: list[Write] = [Put(_key(place.index), place.chain) for place in places]
        writes += [Delete(_key(index)) for index in range(self._oldest, applied)]
        self._oldest = max(self._oldest, applied)
        if self.log is not None and tail > self.log.tail:
            self.log.tail = tail
            writes.append(self._record())
        return writes

    def _record(self) -> Put:
        if self.log is None:
            raise RuntimeError("no log is followed")
        return Put(_PREFIX, self.log.SerializeToString())
