from coname.messages import client_pb2 as _client_pb2
from coname.messages import verification_pb2 as _verification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EvidenceBundle(_message.Message):
    __slots__ = ("format", "realm", "rule", "account", "witness", "noticed_at", "heads", "transcripts", "updates", "entries", "policy_changes")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REALM_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    WITNESS_FIELD_NUMBER: _ClassVar[int]
    NOTICED_AT_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPTS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    POLICY_CHANGES_FIELD_NUMBER: _ClassVar[int]
    format: int
    realm: str
    rule: str
    account: str
    witness: str
    noticed_at: _client_pb2.Timestamp
    heads: _containers.RepeatedCompositeFieldContainer[_client_pb2.SignedEpochHead]
    transcripts: _containers.RepeatedCompositeFieldContainer[_verification_pb2.SignedTranscript]
    updates: _containers.RepeatedCompositeFieldContainer[_client_pb2.SignedEntryUpdate]
    entries: _containers.RepeatedCompositeFieldContainer[ProvenEntry]
    policy_changes: _containers.RepeatedCompositeFieldContainer[_client_pb2.RatifiedHead]
    def __init__(self, format: _Optional[int] = ..., realm: _Optional[str] = ..., rule: _Optional[str] = ..., account: _Optional[str] = ..., witness: _Optional[str] = ..., noticed_at: _Optional[_Union[_client_pb2.Timestamp, _Mapping]] = ..., heads: _Optional[_Iterable[_Union[_client_pb2.SignedEpochHead, _Mapping]]] = ..., transcripts: _Optional[_Iterable[_Union[_verification_pb2.SignedTranscript, _Mapping]]] = ..., updates: _Optional[_Iterable[_Union[_client_pb2.SignedEntryUpdate, _Mapping]]] = ..., entries: _Optional[_Iterable[_Union[ProvenEntry, _Mapping]]] = ..., policy_changes: _Optional[_Iterable[_Union[_client_pb2.RatifiedHead, _Mapping]]] = ...) -> None: ...

class ProvenEntry(_message.Message):
    __slots__ = ("head", "index", "tree_proof", "entry")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TREE_PROOF_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    head: int
    index: bytes
    tree_proof: _client_pb2.TreeProof
    entry: bytes
    def __init__(self, head: _Optional[int] = ..., index: _Optional[bytes] = ..., tree_proof: _Optional[_Union[_client_pb2.TreeProof, _Mapping]] = ..., entry: _Optional[bytes] = ...) -> None: ...
