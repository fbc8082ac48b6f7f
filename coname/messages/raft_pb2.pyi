from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RaftEntryKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RAFT_NORMAL: _ClassVar[RaftEntryKind]
    RAFT_MEMBERSHIP: _ClassVar[RaftEntryKind]
    RAFT_EMPTY: _ClassVar[RaftEntryKind]
RAFT_NORMAL: RaftEntryKind
RAFT_MEMBERSHIP: RaftEntryKind
RAFT_EMPTY: RaftEntryKind

class RaftMessage(_message.Message):
    __slots__ = ("sender", "recipient", "incarnation", "term", "recollection", "vote_request", "vote_answer", "append", "append_answer", "heartbeat", "heartbeat_answer", "snapshot", "timeout_now", "proposal", "roll_call", "roll_answer", "introduction")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    RECOLLECTION_FIELD_NUMBER: _ClassVar[int]
    VOTE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    VOTE_ANSWER_FIELD_NUMBER: _ClassVar[int]
    APPEND_FIELD_NUMBER: _ClassVar[int]
    APPEND_ANSWER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_ANSWER_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_NOW_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    ROLL_CALL_FIELD_NUMBER: _ClassVar[int]
    ROLL_ANSWER_FIELD_NUMBER: _ClassVar[int]
    INTRODUCTION_FIELD_NUMBER: _ClassVar[int]
    sender: int
    recipient: int
    incarnation: int
    term: int
    recollection: RaftRecollection
    vote_request: RaftVoteRequest
    vote_answer: RaftVoteAnswer
    append: RaftAppend
    append_answer: RaftAppendAnswer
    heartbeat: RaftHeartbeat
    heartbeat_answer: RaftHeartbeatAnswer
    snapshot: RaftSnapshot
    timeout_now: RaftTimeoutNow
    proposal: RaftProposal
    roll_call: RaftRollCall
    roll_answer: RaftRollAnswer
    introduction: RaftIntroduction
    def __init__(self, sender: _Optional[int] = ..., recipient: _Optional[int] = ..., incarnation: _Optional[int] = ..., term: _Optional[int] = ..., recollection: _Optional[_Union[RaftRecollection, _Mapping]] = ..., vote_request: _Optional[_Union[RaftVoteRequest, _Mapping]] = ..., vote_answer: _Optional[_Union[RaftVoteAnswer, _Mapping]] = ..., append: _Optional[_Union[RaftAppend, _Mapping]] = ..., append_answer: _Optional[_Union[RaftAppendAnswer, _Mapping]] = ..., heartbeat: _Optional[_Union[RaftHeartbeat, _Mapping]] = ..., heartbeat_answer: _Optional[_Union[RaftHeartbeatAnswer, _Mapping]] = ..., snapshot: _Optional[_Union[RaftSnapshot, _Mapping]] = ..., timeout_now: _Optional[_Union[RaftTimeoutNow, _Mapping]] = ..., proposal: _Optional[_Union[RaftProposal, _Mapping]] = ..., roll_call: _Optional[_Union[RaftRollCall, _Mapping]] = ..., roll_answer: _Optional[_Union[RaftRollAnswer, _Mapping]] = ..., introduction: _Optional[_Union[RaftIntroduction, _Mapping]] = ...) -> None: ...

class RaftRecollection(_message.Message):
    __slots__ = ("incarnation", "term", "index")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    incarnation: int
    term: int
    index: int
    def __init__(self, incarnation: _Optional[int] = ..., term: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...

class RaftEntry(_message.Message):
    __slots__ = ("term", "index", "kind", "data")
    TERM_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    term: int
    index: int
    kind: RaftEntryKind
    data: bytes
    def __init__(self, term: _Optional[int] = ..., index: _Optional[int] = ..., kind: _Optional[_Union[RaftEntryKind, str]] = ..., data: _Optional[bytes] = ...) -> None: ...

class RaftMember(_message.Message):
    __slots__ = ("id", "incarnation", "learner")
    ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    LEARNER_FIELD_NUMBER: _ClassVar[int]
    id: int
    incarnation: int
    learner: bool
    def __init__(self, id: _Optional[int] = ..., incarnation: _Optional[int] = ..., learner: _Optional[bool] = ...) -> None: ...

class RaftMembership(_message.Message):
    __slots__ = ("members",)
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[RaftMember]
    def __init__(self, members: _Optional[_Iterable[_Union[RaftMember, _Mapping]]] = ...) -> None: ...

class RaftMembershipEntry(_message.Message):
    __slots__ = ("membership", "context")
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    membership: RaftMembership
    context: bytes
    def __init__(self, membership: _Optional[_Union[RaftMembership, _Mapping]] = ..., context: _Optional[bytes] = ...) -> None: ...

class RaftVoteRequest(_message.Message):
    __slots__ = ("trial", "forced", "term", "last_index", "last_term")
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    FORCED_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    LAST_INDEX_FIELD_NUMBER: _ClassVar[int]
    LAST_TERM_FIELD_NUMBER: _ClassVar[int]
    trial: bool
    forced: bool
    term: int
    last_index: int
    last_term: int
    def __init__(self, trial: _Optional[bool] = ..., forced: _Optional[bool] = ..., term: _Optional[int] = ..., last_index: _Optional[int] = ..., last_term: _Optional[int] = ...) -> None: ...

class RaftVoteAnswer(_message.Message):
    __slots__ = ("trial", "granted", "term")
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    trial: bool
    granted: bool
    term: int
    def __init__(self, trial: _Optional[bool] = ..., granted: _Optional[bool] = ..., term: _Optional[int] = ...) -> None: ...

class RaftAppend(_message.Message):
    __slots__ = ("previous_index", "previous_term", "entries", "committed", "stored")
    PREVIOUS_INDEX_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_TERM_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    previous_index: int
    previous_term: int
    entries: _containers.RepeatedCompositeFieldContainer[RaftEntry]
    committed: int
    stored: int
    def __init__(self, previous_index: _Optional[int] = ..., previous_term: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[RaftEntry, _Mapping]]] = ..., committed: _Optional[int] = ..., stored: _Optional[int] = ...) -> None: ...

class RaftAppendAnswer(_message.Message):
    __slots__ = ("refused", "index", "hint_index", "hint_term")
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    HINT_INDEX_FIELD_NUMBER: _ClassVar[int]
    HINT_TERM_FIELD_NUMBER: _ClassVar[int]
    refused: bool
    index: int
    hint_index: int
    hint_term: int
    def __init__(self, refused: _Optional[bool] = ..., index: _Optional[int] = ..., hint_index: _Optional[int] = ..., hint_term: _Optional[int] = ...) -> None: ...

class RaftHeartbeat(_message.Message):
    __slots__ = ("committed", "stored")
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    committed: int
    stored: int
    def __init__(self, committed: _Optional[int] = ..., stored: _Optional[int] = ...) -> None: ...

class RaftHeartbeatAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RaftSnapshot(_message.Message):
    __slots__ = ("index", "term", "membership")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    index: int
    term: int
    membership: RaftMembership
    def __init__(self, index: _Optional[int] = ..., term: _Optional[int] = ..., membership: _Optional[_Union[RaftMembership, _Mapping]] = ...) -> None: ...

class RaftTimeoutNow(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RaftProposal(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, data: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RaftRollCall(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: int
    def __init__(self, session: _Optional[int] = ...) -> None: ...

class RaftRollAnswer(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: int
    def __init__(self, session: _Optional[int] = ...) -> None: ...

class RaftIntroduction(_message.Message):
    __slots__ = ("applied", "places")
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    applied: int
    places: _containers.RepeatedCompositeFieldContainer[RaftPlace]
    def __init__(self, applied: _Optional[int] = ..., places: _Optional[_Iterable[_Union[RaftPlace, _Mapping]]] = ...) -> None: ...

class RaftPlace(_message.Message):
    __slots__ = ("id", "address")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: int
    address: str
    def __init__(self, id: _Optional[int] = ..., address: _Optional[str] = ...) -> None: ...

class RaftHardState(_message.Message):
    __slots__ = ("term", "vote", "committed", "witnesses")
    TERM_FIELD_NUMBER: _ClassVar[int]
    VOTE_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    term: int
    vote: int
    committed: int
    witnesses: _containers.RepeatedCompositeFieldContainer[RaftWitness]
    def __init__(self, term: _Optional[int] = ..., vote: _Optional[int] = ..., committed: _Optional[int] = ..., witnesses: _Optional[_Iterable[_Union[RaftWitness, _Mapping]]] = ...) -> None: ...

class RaftWitness(_message.Message):
    __slots__ = ("id", "incarnation", "term", "index")
    ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    id: int
    incarnation: int
    term: int
    index: int
    def __init__(self, id: _Optional[int] = ..., incarnation: _Optional[int] = ..., term: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...
