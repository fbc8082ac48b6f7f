from coname.messages import config_pb2 as _config_pb2
from coname.messages import replication_pb2 as _replication_pb2
from coname.messages import stored_pb2 as _stored_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClusterRequest(_message.Message):
    __slots__ = ("status", "change")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    status: ClusterStatusRequest
    change: _replication_pb2.ReplicaChange
    def __init__(self, status: _Optional[_Union[ClusterStatusRequest, _Mapping]] = ..., change: _Optional[_Union[_replication_pb2.ReplicaChange, _Mapping]] = ...) -> None: ...

class ClusterStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClusterAnswer(_message.Message):
    __slots__ = ("error", "status")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    error: ClusterError
    status: ClusterStatus
    def __init__(self, error: _Optional[_Union[ClusterError, _Mapping]] = ..., status: _Optional[_Union[ClusterStatus, _Mapping]] = ...) -> None: ...

class ClusterError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ClusterStatus(_message.Message):
    __slots__ = ("realm", "answered_by", "leader", "epoch", "applied", "standing", "members")
    REALM_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_BY_FIELD_NUMBER: _ClassVar[int]
    LEADER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    realm: str
    answered_by: int
    leader: int
    epoch: int
    applied: int
    standing: str
    members: _containers.RepeatedCompositeFieldContainer[ClusterMember]
    def __init__(self, realm: _Optional[str] = ..., answered_by: _Optional[int] = ..., leader: _Optional[int] = ..., epoch: _Optional[int] = ..., applied: _Optional[int] = ..., standing: _Optional[str] = ..., members: _Optional[_Iterable[_Union[ClusterMember, _Mapping]]] = ...) -> None: ...

class ClusterMember(_message.Message):
    __slots__ = ("replica", "role", "known", "connected", "in_log", "votes", "behind")
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    IN_LOG_FIELD_NUMBER: _ClassVar[int]
    VOTES_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    replica: _config_pb2.Replica
    role: _stored_pb2.ReplicaRole
    known: bool
    connected: bool
    in_log: bool
    votes: bool
    behind: int
    def __init__(self, replica: _Optional[_Union[_config_pb2.Replica, _Mapping]] = ..., role: _Optional[_Union[_stored_pb2.ReplicaRole, str]] = ..., known: _Optional[bool] = ..., connected: _Optional[bool] = ..., in_log: _Optional[bool] = ..., votes: _Optional[bool] = ..., behind: _Optional[int] = ...) -> None: ...
