from coname.messages import client_pb2 as _client_pb2
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
    __slots__ = ("Update", "Epoch")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    Update: _client_pb2.SignedEntryUpdate
    Epoch: _client_pb2.SignedEpochHead
    def __init__(self, Update: _Optional[_Union[_client_pb2.SignedEntryUpdate, _Mapping]] = ..., Epoch: _Optional[_Union[_client_pb2.SignedEpochHead, _Mapping]] = ...) -> None: ...

class Nothing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
