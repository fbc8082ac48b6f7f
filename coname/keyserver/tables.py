"""Where each kind of record lives in a replica's database.

=====  ===========================================  ======================================================
table  key                                          value
=====  ===========================================  ======================================================
``m``  nothing                                      `ReplicaState`
``l``  log index                                    a log entry that the single-machine engine keeps
``v``  verifier log index                           `VerifierStep`
``i``  user id                                      its index (32 bytes) and the VRF's proof of it
``u``  index                                        epoch and verifier log index of the newest entry
``h``  index, epoch                                 verifier log index of an entry that has been replaced
``p``  verifier log index of the entry              `Profile`
``e``  epoch                                        `EpochRecord`
``r``  epoch, key id of the signer                  `SignedEpochHead` with that one signature
``c``  epoch                                        `AuthorizationPolicy` that ratifies from that epoch on
``s``  epoch, key id of a replica                   its signature on the transcript, until the epoch is ratified
``f``  epoch                                        who has signed it, in bits (`coname.keyserver.frontier`)
``n``  nothing                                      the key ids of all who have signed, in order of their bits
``t``  node number                                  a tree node (`coname.storage.tree`)
``q``  id of a registration proof                   until when it is remembered (`coname.keyserver.proof_records`)
``w``  that time, id of the proof                   nothing
``x``  nothing, or log index                        what the etcd engine remembers of the log
=====  ===========================================  ======================================================

Numbers in keys are big-endian, so that LevelDB's order is theirs. An entry is stored once, in the verifier log. A
record that does not decode raises `Corrupt`; only a missing record reads as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from coname.core.types import Epoch, Index, KeyId
from coname.errors import Corrupt
from coname.interfaces import Put
from coname.messages.client_pb2 import AuthorizationPolicy, SignedEntryUpdate, SignedEpochHead
from coname.messages.stored_pb2 import EpochRecord, ReplicaState
from coname.messages.verification_pb2 import VerifierStep
from coname.storage.records import decode

STATE_KEY = b"m"
SIGNERS_KEY = b"n"
INDEX_SIZE = 32
_NUMBER = 6  # bytes of a stored epoch or verifier log index: enough for a million a second for nine years


class Reader(Protocol):
    """What the tables are read through: a store, or a transaction on one."""

    def get(self, key: bytes) -> bytes | None: ...


class Scanner(Reader, Protocol):
    """A `Reader` that also iterates."""

    def iterate(self, start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]: ...


class Writer(Reader, Protocol):
    """What the tables are written through."""

    def put(self, key: bytes, value: bytes) -> None: ...


class EntryPlace(NamedTuple):
    """Which epoch an entry is in the tree from, and where its update lies in the verifier log."""

    epoch: Epoch
    position: int


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _required(data: bytes | None, what: str) -> bytes:
    if data is None:
        raise Corrupt(f"the stored {what} is missing")
    return data


def read_state(reader: Reader) -> ReplicaState:
    """Where the state machine stands; the initial state in an empty database."""
    data = reader.get(STATE_KEY)
    return ReplicaState() if data is None else decode(ReplicaState, data, "replica state")


def write_state(writer: Writer, state: ReplicaState) -> None:
    """Store where the state machine stands."""
    writer.put(STATE_KEY, state.SerializeToString())


def step_key(position: int) -> bytes:
    """The key of a verifier log step."""
    return b"v" + _number(position)


def read_update(reader: Reader, position: int) -> SignedEntryUpdate:
    """The update at a verifier log index. Raises `Corrupt` if there is none."""
    what = f"verifier log step {position}"
    step = decode(VerifierStep, _required(reader.get(b"v" + _number(position)), what), what)
    if step.WhichOneof("type") != "Update":
        raise Corrupt(f"the stored {what} is not an update")
    return step.Update


def user_key(user_id: str) -> bytes:
    """The key of what is kept of a user id."""
    return b"i" + user_id.encode()


def read_user(reader: Reader, user_id: str) -> tuple[Index, bytes] | None:
    """The index of a registered user id and the proof of it, or None if it was never registered."""
    data = reader.get(user_key(user_id))
    if data is None:
        return None
    if len(data) <= INDEX_SIZE:
        raise Corrupt(f"the stored index of {user_id!r} is cut short ({len(data)} bytes)")
    return Index(data[:INDEX_SIZE]), data[INDEX_SIZE:]


def newest_place(reader: Reader, index: Index) -> EntryPlace | None:
    """The place of the newest entry at `index`, in the tree already or not; None if there is none."""
    data = reader.get(b"u" + index)
    if data is None:
        return None
    if len(data) != 2 * _NUMBER:
        raise Corrupt(f"the stored place of the entry at index {index.hex()} has {len(data)} bytes, not {2 * _NUMBER}")
    return EntryPlace(Epoch(int.from_bytes(data[:_NUMBER], "big")), int.from_bytes(data[_NUMBER:], "big"))


def place_at(scanner: Scanner, index: Index, epoch: Epoch) -> EntryPlace | None:
    """The place of the entry that the tree of `epoch` holds at `index`; None if it holds none."""
    place = newest_place(scanner, index)
    if place is None or place.epoch <= epoch:
        return place
    prefix = b"h" + index
    for key, value in scanner.iterate(prefix, prefix + _number(epoch + 1), reverse=True):
        return EntryPlace(Epoch(int.from_bytes(key[-8:], "big")), int.from_bytes(value, "big"))
    return None


def write_place(writer: Writer, index: Index, place: EntryPlace) -> None:
    """Make `place` the newest at `index`. What an earlier epoch's tree holds stays found by `place_at`."""
    previous = newest_place(writer, index)
    if previous is not None and previous.epoch < place.epoch:
        writer.put(b"h" + index + _number(previous.epoch), previous.position.to_bytes(_NUMBER, "big"))
    writer.put(b"u" + index, place.epoch.to_bytes(_NUMBER, "big") + place.position.to_bytes(_NUMBER, "big"))


def profile_key(position: int) -> bytes:
    """The key of the profile that came with the update at a verifier log index."""
    return b"p" + _number(position)


def read_profile(reader: Reader, position: int) -> bytes:
    """The profile that came with the update at a verifier log index. Raises `Corrupt` if there is none."""
    return _required(reader.get(b"p" + _number(position)), f"profile of verifier log step {position}")


def epoch_key(epoch: Epoch) -> bytes:
    """The key of an epoch's record."""
    return b"e" + _number(epoch)


def read_epoch(reader: Reader, epoch: Epoch) -> EpochRecord:
    """A closed epoch. Raises `Corrupt` if it is not there: the caller knows which epochs were closed."""
    what = f"record of epoch {epoch}"
    return decode(EpochRecord, _required(reader.get(b"e" + _number(epoch)), what), what)


def policy_key(epoch: Epoch) -> bytes:
    """The key of the policy that ratifies from an epoch on."""
    return b"c" + _number(epoch)


def read_policies(scanner: Scanner, first: Epoch = Epoch(0)) -> Iterator[tuple[Epoch, AuthorizationPolicy]]:  # noqa: B008
    """The policies that took the place of the configured one, and the epochs from which on, oldest first.

    :param first: leave out those that begin before it.
    """
    for key, value in scanner.iterate(b"c" + _number(first), b"d"):
        epoch = Epoch(int.from_bytes(key[1:], "big"))
        yield epoch, decode(AuthorizationPolicy, value, f"policy from epoch {epoch} on")


def ratification_key(epoch: Epoch, signer: KeyId) -> bytes:
    """The key of one signature on an epoch's head."""
    return b"r" + _number(epoch) + _number(signer)


def transcript_signature_key(epoch: Epoch, signer: KeyId) -> bytes:
    """The key of one replica's signature on the transcript of an epoch that is not ratified."""
    return b"s" + _number(epoch) + _number(signer)


def read_signers(scanner: Scanner, epoch: Epoch) -> set[KeyId]:
    """Who has signed an epoch's head."""
    found = scanner.iterate(b"r" + _number(epoch), b"r" + _number(epoch + 1))
    return {KeyId(int.from_bytes(key[-8:], "big")) for key, _ in found}


def read_ratification(reader: Reader, epoch: Epoch, signer: KeyId) -> SignedEpochHead | None:
    """One signer's signature on an epoch's head; None if there is none."""
    data = reader.get(ratification_key(epoch, signer))
    return None if data is None else decode(SignedEpochHead, data, f"signature of {signer:x} on epoch {epoch}")


def read_ratifications(scanner: Scanner, epoch: Epoch) -> dict[KeyId, SignedEpochHead]:
    """All signatures on an epoch's head, by signer."""
    found = {}
    for key, value in scanner.iterate(b"r" + _number(epoch), b"r" + _number(epoch + 1)):
        signer = KeyId(int.from_bytes(key[-8:], "big"))
        found[signer] = decode(SignedEpochHead, value, f"signature of {signer:x} on epoch {epoch}")
    return found


def read_signer_numbers(reader: Reader) -> list[KeyId]:
    """All who have signed, in order of their bits in the frontier."""
    data = reader.get(SIGNERS_KEY) or b""
    if len(data) % 8:
        raise Corrupt(f"the stored list of signers has {len(data)} bytes, which is no multiple of 8")
    return [KeyId(int.from_bytes(data[place : place + 8], "big")) for place in range(0, len(data), 8)]


def signer_numbers(ids: list[KeyId]) -> bytes:
    """The record that `read_signer_numbers` reads."""
    return b"".join(map(_number, ids))


def frontier_key(epoch: Epoch) -> bytes:
    """The key of the frontier's pair of an epoch."""
    return b"f" + _number(epoch)


def frontier_record(epoch: Epoch, signers: int) -> Put:
    """The frontier's pair of an epoch."""
    return Put(frontier_key(epoch), signers.to_bytes((signers.bit_length() + 7) // 8, "big"))


def read_frontier(scanner: Scanner) -> Iterator[tuple[Epoch, int]]:
    """The frontier's pairs, oldest first."""
    for key, value in scanner.iterate(b"f", b"g"):
        yield Epoch(int.from_bytes(key[1:], "big")), int.from_bytes(value, "big")
