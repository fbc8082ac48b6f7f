from coname.messages import client_pb2 as _client_pb2
from coname.messages import config_pb2 as _config_pb2
from coname.messages import verification_pb2 as _verification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LogEntry(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[KeyserverStep]
    def __init__(self, steps: _Optional[_Iterable[_Union[KeyserverStep, _Mapping]]] = ...) -> None: ...

class KeyserverStep(_message.Message):
    __slots__ = ("UID", "epoch_delimiter", "replica_signed", "verifier_signed", "update", "replica_change", "transcript")
    UID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_DELIMITER_FIELD_NUMBER: _ClassVar[int]
    REPLICA_SIGNED_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_SIGNED_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    REPLICA_CHANGE_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    UID: int
    epoch_delimiter: EpochDelimiter
    replica_signed: _client_pb2.SignedEpochHead
    verifier_signed: _client_pb2.SignedEpochHead
    update: AdmittedUpdate
    replica_change: ReplicaChange
    transcript: _verification_pb2.SignedTranscript
    def __init__(self, UID: _Optional[int] = ..., epoch_delimiter: _Optional[_Union[EpochDelimiter, _Mapping]] = ..., replica_signed: _Optional[_Union[_client_pb2.SignedEpochHead, _Mapping]] = ..., verifier_signed: _Optional[_Union[_client_pb2.SignedEpochHead, _Mapping]] = ..., update: _Optional[_Union[AdmittedUpdate, _Mapping]] = ..., replica_change: _Optional[_Union[ReplicaChange, _Mapping]] = ..., transcript: _Optional[_Union[_verification_pb2.SignedTranscript, _Mapping]] = ...) -> None: ...

class AdmittedUpdate(_message.Message):
    __slots__ = ("update", "profile", "user_id", "index_proof", "proof")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_PROOF_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    update: _client_pb2.SignedEntryUpdate
    profile: bytes
    user_id: str
    index_proof: bytes
    proof: ProofRecord
    def __init__(self, update: _Optional[_Union[_client_pb2.SignedEntryUpdate, _Mapping]] = ..., profile: _Optional[bytes] = ..., user_id: _Optional[str] = ..., index_proof: _Optional[bytes] = ..., proof: _Optional[_Union[ProofRecord, _Mapping]] = ...) -> None: ...

class ProofRecord(_message.Message):
    __slots__ = ("id", "expires", "kind", "issuer", "subject", "bound")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    expires: int
    kind: str
    issuer: str
    subject: str
    bound: bool
    def __init__(self, id: _Optional[bytes] = ..., expires: _Optional[int] = ..., kind: _Optional[str] = ..., issuer: _Optional[str] = ..., subject: _Optional[str] = ..., bound: _Optional[bool] = ...) -> None: ...

class EpochDelimiter(_message.Message):
    __slots__ = ("epoch_number", "timestamp")
    EPOCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    epoch_number: int
    timestamp: _client_pb2.Timestamp
    def __init__(self, epoch_number: _Optional[int] = ..., timestamp: _Optional[_Union[_client_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReplicaChange(_message.Message):
    __slots__ = ("add", "promote", "remove", "learner")
    ADD_FIELD_NUMBER: _ClassVar[int]
    PROMOTE_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    LEARNER_FIELD_NUMBER: _ClassVar[int]
    add: _config_pb2.Replica
    promote: int
    remove: int
    learner: bool
    def __init__(self, add: _Optional[_Union[_config_pb2.Replica, _Mapping]] = ..., promote: _Optional[int] = ..., remove: _Optional[int] = ..., learner: _Optional[bool] = ...) -> None: ...
