from coname.messages import client_pb2 as _client_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerifierStreamRequest(_message.Message):
    __slots__ = ("start", "page_size")
    START_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    start: int
    page_size: int
    def __init__(self, start: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class VerifierStep(_message.Message):
    __slots__ = ("Update", "Epoch", "transcript")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    Update: _client_pb2.SignedEntryUpdate
    Epoch: _client_pb2.SignedEpochHead
    transcript: SignedTranscript
    def __init__(self, Update: _Optional[_Union[_client_pb2.SignedEntryUpdate, _Mapping]] = ..., Epoch: _Optional[_Union[_client_pb2.SignedEpochHead, _Mapping]] = ..., transcript: _Optional[_Union[SignedTranscript, _Mapping]] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("realm", "epoch", "head_summary", "first_step", "head_step", "updates_hash")
    REALM_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    HEAD_SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    HEAD_STEP_FIELD_NUMBER: _ClassVar[int]
    UPDATES_HASH_FIELD_NUMBER: _ClassVar[int]
    realm: str
    epoch: int
    head_summary: bytes
    first_step: int
    head_step: int
    updates_hash: bytes
    def __init__(self, realm: _Optional[str] = ..., epoch: _Optional[int] = ..., head_summary: _Optional[bytes] = ..., first_step: _Optional[int] = ..., head_step: _Optional[int] = ..., updates_hash: _Optional[bytes] = ...) -> None: ...

class SignedTranscript(_message.Message):
    __slots__ = ("transcript", "signatures")
    class SignaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: bytes
        def __init__(self, key: _Optional[int] = ..., value: _Optional[bytes] = ...) -> None: ...
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    transcript: bytes
    signatures: _containers.ScalarMap[int, bytes]
    def __init__(self, transcript: _Optional[bytes] = ..., signatures: _Optional[_Mapping[int, bytes]] = ...) -> None: ...

class Nothing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
