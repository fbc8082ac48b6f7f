"""Whether a message can have been sent by a peer that keeps the rules, as far as the message itself shows.

Nothing here depends on the replica's state but its id. What passes is safe to compute with: numbers are bounded,
entries are without gaps and in ascending terms, and say nothing newer than their sender's term.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coname.messages.raft_pb2 import RaftAppend, RaftEntryKind, RaftMessage
from coname.replication.raft.errors import MessageRefused
from coname.replication.raft.settings import MOST_ENTRIES, MOST_NUMBER, Settings


def check(message: RaftMessage, settings: Settings) -> str:
    """Check a message's form; returns the name of its body.

    :raises MessageRefused: it is not for this replica, or malformed.
    """
    kind: str | None = message.WhichOneof("body")
    if kind is None:
        raise MessageRefused("a message without a body that this version knows")
    if message.recipient != settings.id:
        raise MessageRefused(f"a message for replica {message.recipient}, not for {settings.id}")
    if message.sender in (0, settings.id):
        raise MessageRefused(f"a message in the name of replica {message.sender}")
    if not message.incarnation:
        raise MessageRefused("the sender's incarnation is missing")
    recalled = message.recollection
    _bounded("term", message.term)
    _bounded("recollection", max(recalled.term, recalled.index))
    by_kind = _CHECKS.get(kind)
    if by_kind is not None:
        by_kind(message, settings)
    return kind


def _bounded(what: str, number: int) -> None:
    if number >= MOST_NUMBER:
        raise MessageRefused(f"the {what} {number} is impossible")


def _check_vote_request(message: RaftMessage, settings: Settings) -> None:
    request = message.vote_request
    _bounded("vote's term", request.term)
    _bounded("log", request.last_index)
    if request.last_term > message.term:
        raise MessageRefused(f"a candidate of term {message.term} with an entry of term {request.last_term}")
    if request.term != message.term + request.trial:
        raise MessageRefused(f"a vote for term {request.term} is asked for in term {message.term}")


def _check_append(message: RaftMessage, settings: Settings) -> None:
    append = message.append
    _bounded("index", append.previous_index)
    _bounded("commit index", max(append.committed, append.stored))
    if len(append.entries) > MOST_ENTRIES:
        raise MessageRefused(f"{len(append.entries)} entries in a message; {MOST_ENTRIES} are the most")
    _check_entries(append, message.term, settings)


def _check_entries(append: RaftAppend, newest: int, settings: Settings) -> None:
    index, term = append.previous_index, append.previous_term
    for entry in append.entries:
        index += 1
        if entry.index != index:
            raise MessageRefused(f"entry {entry.index} in the place of entry {index}")
        if entry.term < term or not entry.term:
            raise MessageRefused(f"entry {index} is of term {entry.term}, after one of term {term}")
        if entry.kind not in _KINDS:
            raise MessageRefused(f"entry {index} is of the unknown kind {entry.kind}")
        if len(entry.data) > settings.entry_bytes:
            raise MessageRefused(f"entry {index} has {len(entry.data)} bytes; {settings.entry_bytes} are the most")
        term = entry.term
    if term > newest:
        raise MessageRefused(f"an entry of term {term} from a leader of term {newest}")


def _check_append_answer(message: RaftMessage, settings: Settings) -> None:
    answer = message.append_answer
    _bounded("index", answer.index)
    _bounded("term", answer.hint_term)
    if answer.refused and answer.hint_index > answer.index:
        raise MessageRefused(f"the hint {answer.hint_index} for the refused entry {answer.index}")


def _check_heartbeat(message: RaftMessage, settings: Settings) -> None:
    _bounded("commit index", max(message.heartbeat.committed, message.heartbeat.stored))


def _check_snapshot(message: RaftMessage, settings: Settings) -> None:
    snapshot = message.snapshot
    _bounded("index", snapshot.index)
    if not snapshot.index or not 0 < snapshot.term <= message.term:
        raise MessageRefused(f"a snapshot of entry {snapshot.index}, term {snapshot.term}, in term {message.term}")


def _check_proposal(message: RaftMessage, settings: Settings) -> None:
    data = message.proposal.data
    if len(data) > MOST_ENTRIES or sum(map(len, data)) > settings.forwarded_bytes:
        raise MessageRefused(f"{len(data)} proposals in a message, too many or too long")
    if any(len(one) > settings.entry_bytes for one in data):
        raise MessageRefused(f"a proposal is longer than {settings.entry_bytes} bytes")


_KINDS = frozenset(RaftEntryKind.values())
_CHECKS: Mapping[str, Callable[[RaftMessage, Settings], None]] = {
    "vote_request": _check_vote_request,
    "append": _check_append,
    "append_answer": _check_append_answer,
    "heartbeat": _check_heartbeat,
    "snapshot": _check_snapshot,
    "proposal": _check_proposal,
}
