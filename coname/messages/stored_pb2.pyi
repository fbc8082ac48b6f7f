from coname.messages import config_pb2 as _config_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplicaRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOTER: _ClassVar[ReplicaRole]
    LEARNER: _ClassVar[ReplicaRole]
    JOINING: _ClassVar[ReplicaRole]
    ENTERING: _ClassVar[ReplicaRole]
    LEAVING: _ClassVar[ReplicaRole]
VOTER: ReplicaRole
LEARNER: ReplicaRole
JOINING: ReplicaRole
ENTERING: ReplicaRole
LEAVING: ReplicaRole

class ReplicaState(_message.Message):
    __slots__ = ("applied_index", "closed_epoch", "ratified_epoch", "verifier_log_length", "next_node", "users", "frontier", "replicas", "announced_epoch")
    APPLIED_INDEX_FIELD_NUMBER: _ClassVar[int]
    CLOSED_EPOCH_FIELD_NUMBER: _ClassVar[int]
    RATIFIED_EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_LOG_LENGTH_FIELD_NUMBER: _ClassVar[int]
    NEXT_NODE_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    FRONTIER_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCED_EPOCH_FIELD_NUMBER: _ClassVar[int]
    applied_index: int
    closed_epoch: int
    ratified_epoch: int
    verifier_log_length: int
    next_node: int
    users: int
    frontier: _containers.RepeatedCompositeFieldContainer[SignerProgress]
    replicas: _containers.RepeatedCompositeFieldContainer[ReplicaRecord]
    announced_epoch: int
    def __init__(self, applied_index: _Optional[int] = ..., closed_epoch: _Optional[int] = ..., ratified_epoch: _Optional[int] = ..., verifier_log_length: _Optional[int] = ..., next_node: _Optional[int] = ..., users: _Optional[int] = ..., frontier: _Optional[_Iterable[_Union[SignerProgress, _Mapping]]] = ..., replicas: _Optional[_Iterable[_Union[ReplicaRecord, _Mapping]]] = ..., announced_epoch: _Optional[int] = ...) -> None: ...

class ReplicaRecord(_message.Message):
    __slots__ = ("replica", "role")
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    replica: _config_pb2.Replica
    role: ReplicaRole
    def __init__(self, replica: _Optional[_Union[_config_pb2.Replica, _Mapping]] = ..., role: _Optional[_Union[ReplicaRole, str]] = ...) -> None: ...

class SignerProgress(_message.Message):
    __slots__ = ("epoch", "signers")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SIGNERS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    signers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, epoch: _Optional[int] = ..., signers: _Optional[_Iterable[int]] = ...) -> None: ...

class EpochRecord(_message.Message):
    __slots__ = ("tree_root", "head", "timestamped_head", "head_slot", "transcript")
    TREE_ROOT_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMPED_HEAD_FIELD_NUMBER: _ClassVar[int]
    HEAD_SLOT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    tree_root: bytes
    head: bytes
    timestamped_head: bytes
    head_slot: int
    transcript: bytes
    def __init__(self, tree_root: _Optional[bytes] = ..., head: _Optional[bytes] = ..., timestamped_head: _Optional[bytes] = ..., head_slot: _Optional[int] = ..., transcript: _Optional[bytes] = ...) -> None: ...
