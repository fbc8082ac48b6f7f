"""Each registration proof lets somebody in once: what the replicated state remembers of those that did.

Every replica computes the same from the log alone, so whichever replica is asked, and however often, a proof is used
once. A record is kept until no replica takes the proof any more, by the times of the epochs: those are in the log too.
Between the end of its record and a step that comes late, the step is refused for its age.

Two tables: ``q`` has a record's end by the proof's id, ``w`` the ids in order of their ends.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from coname.core.text import quoted
from coname.errors import Corrupt, RegistrationExpired, RegistrationRefused, RegistrationReplayed
from coname.keyserver import tables
from coname.messages.replication_pb2 import ProofRecord

ID_SIZE = 32
_TIME = 8
_LAST = 2**64 - 2

FORGOTTEN_AT_ONCE = 4096
"""Records that one epoch removes at the most: as many as it may have added in a second of the greatest load. What is
left over goes with the next."""


class Writer(tables.Writer, Protocol):
    """What the present log entry comes to."""

    def delete(self, key: bytes) -> None: ...


def use(transaction: Writer, record: ProofRecord, user_id: str, closed_at: int) -> None:
    """Remember that the proof of `record` has let `user_id` in.

    :param closed_at: when the newest epoch was closed, in seconds since 1970; 0 before the first.
    :raises RegistrationReplayed: it has let somebody in before.
    :raises RegistrationExpired: its record would be forgotten already.
    """
    if len(record.id) != ID_SIZE:
        raise RegistrationRefused(f"a proof's id has {len(record.id)} bytes, not {ID_SIZE}")
    if transaction.get(_proof_key(record.id)) is not None:
        raise RegistrationReplayed(f"the proof for {quoted(user_id)} has been used already; prove the address anew")
    if record.expires <= closed_at:
        raise RegistrationExpired(f"the proof for {quoted(user_id)} was used too late; prove the address anew")
    end = record.expires.to_bytes(_TIME, "big")
    transaction.put(_proof_key(record.id), end)
    transaction.put(_end_key(end, record.id), b"")


def forget(scanner: tables.Scanner, transaction: Writer, closed_at: int) -> Generator[None, None, None]:
    """Remove records that have ended when an epoch is closed at `closed_at`, in seconds since 1970.

    Yields after each; removes no more than `FORGOTTEN_AT_ONCE`.

    :param scanner: the database as it is before the present log entry.
    """
    stop = b"w" + (min(max(0, closed_at), _LAST) + 1).to_bytes(_TIME, "big")
    for count, (key, _) in enumerate(scanner.iterate(b"w", stop), 1):
        if len(key) != 1 + _TIME + ID_SIZE:
            raise Corrupt(f"a stored proof's end has a key of {len(key)} bytes")
        transaction.delete(key)
        transaction.delete(_proof_key(key[1 + _TIME :]))
        if count == FORGOTTEN_AT_ONCE:
            return
        yield


def _proof_key(proof: bytes) -> bytes:
    return b"q" + proof


def _end_key(end: bytes, proof: bytes) -> bytes:
    return b"w" + end + proof
