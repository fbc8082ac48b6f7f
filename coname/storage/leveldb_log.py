"""What LevelDB lets pass in its write-ahead log, checked before it opens a database.

LevelDB keeps recent writes in log files until they are in tables, and replays these files when it opens. Each record is
one batch; it begins with the sequence number of its first write and the number of its writes. Found in LevelDB 1.22's
sources, and by damaging its files; with ``paranoid_checks``, as we open it:

==============================================  ====================================================================
a record whose checksum is wrong                LevelDB refuses to open: `Corrupt`. Without ``paranoid_checks`` it would
                                                drop up to 32 KiB of batches and go on behind them
a torn last record, as kill -9 leaves it        recovers the batches before it. What was synced is before it
the file is cut short; or a record's length,    the same: the last batches are gone without a word, since that looks
damaged in its last 32 KiB, leads beyond its    like a torn record. What is left is a prefix of the batches
end
a last record whose middle was never written    as if its checksum were wrong: it refuses. Loss of power could leave
                                                this on a file system that lengthens a file before its content is on
                                                disk (tried here: kill -9; not: loss of power)
a stretch of zeros                              LevelDB takes it for preallocated space and goes on with the next block
                                                of 32 KiB: **a hole**, if a batch happens to begin there
a log file that is not the last ends early      LevelDB goes on with the next file: **a hole**
the oldest file that is needed is missing, or   LevelDB begins with what is there: **a hole**; in the latter case it
the manifest has lost its last records          also deletes the tables it no longer knows
==============================================  ====================================================================

A hole is worse than a lost end: the state would claim to include log entries whose effects are missing. So the holes
are ours to find, here:

1. the log file that the manifest asks for is there;
2. from its first batch to the last of the newest file, each batch's sequence number continues the one before.

Checksums are left to LevelDB. Wherever this reader stops for another reason, LevelDB stops too, or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 32768
_HEADER = 7  # checksum (4), length (2, little-endian), kind (1)
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_BATCH_HEADER = 12  # sequence number (8), number of writes (4), little-endian

_STRING, _NUMBER = True, False
_EDIT_FIELDS: dict[int, tuple[bool, ...]] = {
    1: (_STRING,),  # comparator
    2: (_NUMBER,),  # oldest log file that is needed
    3: (_NUMBER,),  # next file number
    4: (_NUMBER,),  # last sequence number
    5: (_NUMBER, _STRING),  # compaction pointer: level, key
    6: (_NUMBER, _NUMBER),  # deleted table: level, file
    7: (_NUMBER, _NUMBER, _NUMBER, _STRING, _STRING),  # new table: level, file, size, first key, last key
    9: (_NUMBER,),  # previous log file, of old versions
}
_EDIT_LOG_NUMBER = 2


def check_logs(path: Path) -> None:
    """Check the log files of the database in the folder `path`, which must have a CURRENT file and not be open.

    :raises Corrupt: a replay would leave a hole.
    :raises OSError: a file cannot be read.
    """
    oldest = _oldest_log(path)
    logs = {int(file.stem): file for file in path.glob("*.log") if file.stem.isdecimal()}
    if oldest and oldest not in logs:
        raise Corrupt(f"{path} is damaged: the log file {oldest:06}.log is missing, or the manifest lost its end")
    expected = None
    for number in sorted(number for number in logs if number >= oldest):
        for record in records(logs[number].read_bytes(), _BATCH_HEADER):
            sequence, count = int.from_bytes(record[:8], "little"), int.from_bytes(record[8:12], "little")
            if expected is not None and sequence != expected:
                raise Corrupt(
                    f"{path} is damaged: in {number:06}.log, batch {sequence} follows where {expected} should"
                )
            expected = sequence + count


def records(data: bytes, size: int | None = None) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, until its end or the first that is not whole.

    A zeroed stretch is skipped as LevelDB does.

    :param size: how many bytes of each record are wanted; None: all.
    """
    at = 0
    record: bytearray | None = None
    while at + _HEADER <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _HEADER:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if not length and not kind:
            at += left
            continue
        payload = at + _HEADER
        at = payload + length
        if length > left - _HEADER or at > len(data):
            return
        if kind in (_FULL, _FIRST):
            record = bytearray()
        if record is None or not _FULL <= kind <= _LAST:
            return
        record += data[payload : at if size is None else min(at, payload + max(0, size - len(record)))]
        if kind in (_FULL, _LAST):
            yield bytes(record)
            record = None


def _oldest_log(path: Path) -> int:
    """The number of the oldest log file that the manifest still needs; 0: none."""
    name = (path / "CURRENT").read_text().strip()
    oldest = 0
    for edit in records((path / name).read_bytes()):
        try:
            oldest = _log_number(edit) or oldest
        except (IndexError, KeyError):
            raise Corrupt(f"{path} is damaged: {name} is not a manifest") from None
    return oldest


def _log_number(edit: bytes) -> int | None:
    """The log file's number in a record of the manifest, if it names one."""
    at = 0
    found = None
    while at < len(edit):
        tag, at = _varint(edit, at)
        for is_string in _EDIT_FIELDS[tag]:
            number, at = _varint(edit, at)
            if is_string:
                at += number
            elif tag == _EDIT_LOG_NUMBER:
                found = number
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, seven bits a byte, and where the next field begins."""
    number = shift = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return number | data[at] << shift, at + 1
