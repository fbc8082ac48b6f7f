"""Where the log lies in etcd, and what its records look like.

=====================  ==========================================================================================
key, after the prefix  value
=====================  ==========================================================================================
``id``                 16 random bytes, made with the log: which log this is
``tail``               index of the newest entry, a space, its chain hash in hexadecimal
``log/INDEX``          chain hash (32 bytes), then what was proposed
``leader``             the replica that holds the lease
``applied/REPLICA``    up to where that replica's database holds the log, durably
=====================  ==========================================================================================

An index has 20 digits, so that etcd's order is the log's. An entry's chain hash covers its data and the chain hash
before it, down to the log's id: whoever knows the hash at one index knows whether a log is the same up to there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from coname.core.hashes import shake
from coname.errors import Corrupt

CHAIN_SIZE = 32
"""Bytes of a chain hash."""

_DIGITS = 20


@dataclass(frozen=True, slots=True, order=True)
class Tail:
    """A place in the log, and the chain hash that says what the log is up to there."""

    index: int
    chain: bytes

    def then(self, data: bytes) -> Tail:
        """The place of an entry that follows this one."""
        return Tail(self.index + 1, shake(self.chain + data, CHAIN_SIZE))

    def encode(self) -> bytes:
        """The value of the key ``tail``."""
        return b"%0*d %s" % (_DIGITS, self.index, self.chain.hex().encode())


def beginning(log_id: bytes, index: int = 0) -> Tail:
    """The place before the first entry; the log of a new realm begins after 0."""
    return Tail(index, shake(b"coname log" + log_id, CHAIN_SIZE))


def decode_tail(value: bytes) -> Tail:
    """:raises coname.errors.Corrupt: it is none."""
    index, _, chain = value.partition(b" ")
    try:
        tail = Tail(int(index), bytes.fromhex(chain.decode()))
    except ValueError:
        tail = Tail(-1, b"")
    if tail.index < 0 or tail.encode() != value:
        raise Corrupt(f"the key `tail` in etcd holds {value[:100]!r}, which this program does not write")
    return tail


class Record(NamedTuple):
    """The value of an entry's key."""

    chain: bytes
    data: bytes

    def encode(self) -> bytes:
        """As it is stored."""
        return self.chain + self.data


def decode_record(value: bytes) -> Record:
    """:raises coname.errors.Corrupt: it is too short to be one."""
    if len(value) < CHAIN_SIZE:
        raise Corrupt(f"an entry of the log in etcd has {len(value)} bytes, which is less than its hash alone")
    return Record(value[:CHAIN_SIZE], value[CHAIN_SIZE:])


class Keys:
    """The keys below one prefix.

    :ivar logs: what the keys of all entries begin with; they are less than `logs_end`.
    :ivar applied: the same for what replicas have applied; less than `applied_end`.
    """

    def __init__(self, prefix: str) -> None:
        """:param prefix: one realm's own, such as ``/coname/example.com``."""
        base = prefix.rstrip("/").encode() + b"/"
        self.identity = base + b"id"
        self.tail = base + b"tail"
        self.leader = base + b"leader"
        self.logs, self.logs_end = base + b"log/", base + b"log0"
        self.applied, self.applied_end = base + b"applied/", base + b"applied0"

    def entry(self, index: int) -> bytes:
        """The key of one entry."""
        return self.logs + b"%0*d" % (_DIGITS, index)

    def index_of(self, key: bytes) -> int:
        """The index that an entry's key names. Raises `Corrupt` if it is no entry's."""
        digits = key.removeprefix(self.logs)
        if len(digits) != _DIGITS or not digits.isdigit():
            raise Corrupt(f"{key!r} lies among the entries of the log in etcd, and is none")
        return int(digits)
