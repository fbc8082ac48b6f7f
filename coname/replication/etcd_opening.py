"""Which log is it? The checks before a replica follows a log in etcd.

A log that lost its end, and was written on, holds other entries than the ones that replicas have applied and signed
for: a fork. So a replica goes on only if what etcd holds is the continuation of what its own database holds:

- the log's id and the cluster's id are the ones remembered (a new cluster id is what a restored etcd has);
- the log is no shorter than it was ever seen;
- the entry up to where the database stands has the hash remembered for it;
- the entries after it are all there.

Everything else is refused, with what to do. Where etcd holds no log, one is made by a replica that has applied nothing
and remembers nothing, or by the one whose operator names the very index that its database stands at.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from coname.errors import Corrupt
from coname.messages.etcd_pb2 import ResponseHeader, TxnRequest
from coname.replication.etcd_keys import Keys, Tail, beginning, decode_record, decode_tail
from coname.replication.etcd_memory import Memory
from coname.replication.etcd_requests import Etcd, absent, do, found, found_one, get, get_range, put

JOIN_ANEW = "it must join anew, with another replica's database (see “etcd” in the how-to guides)"
STOP_ALL = "stop all replicas, and see “etcd was restored” in the how-to guide on etcd before anything is written"


class Opened(NamedTuple):
    """A log that may be followed.

    :ivar position: where the replica's database stands in it. :ivar tail: its end.
    """

    log_id: bytes
    cluster_id: int
    position: Tail
    tail: Tail


class _Found(NamedTuple):
    """What etcd holds."""

    log_id: bytes | None
    cluster_id: int
    tail: Tail | None
    at_applied: bytes | None  # the hash of the entry that was applied last
    first: int | None  # the oldest entry kept


class Allowed(NamedTuple):
    """What the operator says is right although it does not look so.

    :ivar cluster: a cluster id that is not the one remembered; 0: none.
    :ivar begin_after: where this replica's database stands, and a new log is to begin; 0: nowhere.
    """

    cluster: int = 0
    begin_after: int = 0


async def open_log(etcd: Etcd, keys: Keys, memory: Memory, applied: int, allowed: Allowed) -> Opened:
    """Look at the log, make it if there is none and this replica is to, and check it.

    :raises coname.errors.Corrupt: this replica may not follow it; the message says what to do.
    :raises coname.errors.Unavailable: etcd does not answer.
    """
    seen = await _look(etcd, keys, applied)
    if seen.log_id is None and _may_make(memory, applied, allowed):
        made = await _make(etcd, keys, applied)
        seen = await _look(etcd, keys, applied)
        if made is not None and seen.log_id == made:
            place = beginning(made, applied)
            return Opened(made, seen.cluster_id, place, seen.tail or place)
    if seen.log_id is None or seen.tail is None:
        raise Corrupt(
            f"etcd holds no log under {keys.identity.decode()!r}, but this replica has applied one up to entry "
            f"{applied}: the prefix or the endpoints are wrong, or etcd has lost its data; {STOP_ALL}"
        )
    check_cluster(memory, seen.cluster_id, allowed.cluster)
    check_length(memory, seen.tail, applied)
    position = _position(memory, seen.log_id, applied)
    _check_entries(seen, position)
    return Opened(seen.log_id, seen.cluster_id, position, seen.tail)


def _may_make(memory: Memory, applied: int, allowed: Allowed) -> bool:
    if applied == 0:
        return memory.log is None
    if applied != allowed.begin_after:
        return False
    if memory.unapplied_elsewhere(applied):
        raise Corrupt(
            "this database holds entries of its former log that it has not applied; start it once with the former "
            "engine, and stop it in order, before it changes to etcd"
        )
    return True


async def _look(etcd: Etcd, keys: Keys, applied: int) -> _Found:
    answer = await etcd.txn(
        do(
            get(keys.identity),
            get(keys.tail),
            get(keys.entry(applied)),
            get_range(keys.logs, keys.logs_end, limit=1, keys_only=True),
        )
    )
    identity, tail, entry = (found_one(answer, place) for place in range(3))
    first = found(answer, 3)
    return _Found(
        log_id=identity.value if identity else None,
        cluster_id=answer.header.cluster_id,
        tail=decode_tail(tail.value) if tail else None,
        at_applied=decode_record(entry.value).chain if entry else None,
        first=keys.index_of(first[0].key) if first else None,
    )


async def _make(etcd: Etcd, keys: Keys, applied: int) -> bytes | None:
    """The new log's id; None if another replica was faster."""
    log_id = secrets.token_bytes(16)
    operations = [put(keys.identity, log_id), put(keys.tail, beginning(log_id, applied).encode())]
    answer = await etcd.txn(TxnRequest(compare=[absent(keys.identity), absent(keys.tail)], success=operations))
    return log_id if answer.succeeded else None


def check_cluster(memory: Memory, cluster_id: int, accepted: int) -> None:
    """:raises coname.errors.Corrupt: another cluster answers than the one that was followed."""
    if memory.log is None or cluster_id in (memory.log.cluster_id, accepted):
        return
    raise Corrupt(
        f"the etcd cluster that answers has the id {cluster_id}, the one that this replica followed had "
        f"{memory.log.cluster_id}: the endpoints are wrong, or etcd was restored from a snapshot. If it was, {STOP_ALL}"
    )


def check_length(memory: Memory, tail: Tail, least: int) -> None:
    """:raises coname.errors.Corrupt: the log was longer once."""
    longest = max(least, memory.log.tail if memory.log else 0)
    if tail.index < longest:
        raise Corrupt(
            f"the log in etcd ends at entry {tail.index}, but it had {longest} once: etcd was put back to an earlier "
            f"state, and entries that were acknowledged are lost there; {STOP_ALL}"
        )


def _position(memory: Memory, log_id: bytes, applied: int) -> Tail:
    """Where the database stands in the log of that id, by its own account."""
    if memory.log is not None and memory.log.log_id != log_id:
        raise Corrupt(
            "the log in etcd is another one than this replica's database has followed: the prefix or the endpoints "
            f"are wrong, or it was deleted and made anew; {STOP_ALL}"
        )
    if applied == 0:
        return beginning(log_id)
    chain = memory.chain_at(applied)
    if chain is None:
        raise Corrupt(
            f"this database has applied {applied} entries of a log, and not of the one in etcd: it was written with "
            f"another replication engine, or is damaged; {JOIN_ANEW}"
        )
    return Tail(applied, chain)


def _check_entries(seen: _Found, position: Tail) -> None:
    """What follows `position` must all be there; what lies at it must be what was applied."""
    at_position = seen.at_applied
    if seen.tail is not None and seen.tail.index == position.index:
        at_position = seen.tail.chain
    elif seen.first is None or seen.first > position.index + 1:
        raise Corrupt(missing_entries(position.index, seen.first))
    if at_position is not None and at_position != position.chain:
        raise Corrupt(
            f"entry {position.index} of the log in etcd is not the one that this replica has applied: etcd was put "
            f"back to an earlier state and written on, so that there are two histories; {STOP_ALL}"
        )


def missing_entries(applied: int, first: int | None) -> str:
    """The sentence for a replica that the log does not reach back to."""
    kept = "no entry at all" if first is None else f"nothing before entry {first}"
    return (
        f"this replica has applied entries up to {applied}, and etcd keeps {kept}: the replica was restored from a "
        f"backup or was away for too long; {JOIN_ANEW}"
    )


class ClusterGuard:
    """Looks at each answer's header, whether it is the same cluster still."""

    def __init__(self, cluster_id: int) -> None:
        self._cluster_id = cluster_id

    def check(self, header: ResponseHeader) -> None:
        """:raises coname.errors.Corrupt: it is another one."""
        if header.cluster_id != self._cluster_id:
            raise Corrupt(
                f"an etcd cluster of the id {header.cluster_id} answered instead of {self._cluster_id}: the endpoints "
                f"lead to different clusters, or etcd was restored from a snapshot. If it was, {STOP_ALL}"
            )
