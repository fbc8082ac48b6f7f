from coname.messages import client_pb2 as _client_pb2
from coname.messages import verification_pb2 as _verification_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerifierState(_message.Message):
    __slots__ = ("realm", "id", "tree_nonce", "epoch", "next_node")
    REALM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TREE_NONCE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NEXT_NODE_FIELD_NUMBER: _ClassVar[int]
    realm: str
    id: int
    tree_nonce: bytes
    epoch: int
    next_node: int
    def __init__(self, realm: _Optional[str] = ..., id: _Optional[int] = ..., tree_nonce: _Optional[bytes] = ..., epoch: _Optional[int] = ..., next_node: _Optional[int] = ...) -> None: ...

class WitnessedHead(_message.Message):
    __slots__ = ("signed", "transcript", "position")
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    signed: _client_pb2.SignedEpochHead
    transcript: _verification_pb2.SignedTranscript
    position: int
    def __init__(self, signed: _Optional[_Union[_client_pb2.SignedEpochHead, _Mapping]] = ..., transcript: _Optional[_Union[_verification_pb2.SignedTranscript, _Mapping]] = ..., position: _Optional[int] = ...) -> None: ...

class VerifiedEpoch(_message.Message):
    __slots__ = ("head", "tree_root", "own")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    TREE_ROOT_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    head: WitnessedHead
    tree_root: bytes
    own: _client_pb2.SignedEpochHead
    def __init__(self, head: _Optional[_Union[WitnessedHead, _Mapping]] = ..., tree_root: _Optional[bytes] = ..., own: _Optional[_Union[_client_pb2.SignedEpochHead, _Mapping]] = ...) -> None: ...

class StoredViolation(_message.Message):
    __slots__ = ("rule", "account", "epoch", "noticed_at")
    RULE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NOTICED_AT_FIELD_NUMBER: _ClassVar[int]
    rule: str
    account: str
    epoch: int
    noticed_at: _client_pb2.Timestamp
    def __init__(self, rule: _Optional[str] = ..., account: _Optional[str] = ..., epoch: _Optional[int] = ..., noticed_at: _Optional[_Union[_client_pb2.Timestamp, _Mapping]] = ...) -> None: ...
