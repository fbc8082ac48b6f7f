from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LookupRequest(_message.Message):
    __slots__ = ("epoch", "user_id", "quorum_requirement")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    QUORUM_REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    user_id: str
    quorum_requirement: QuorumExpr
    def __init__(self, epoch: _Optional[int] = ..., user_id: _Optional[str] = ..., quorum_requirement: _Optional[_Union[QuorumExpr, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("update", "profile", "lookup_parameters", "email_proof")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    LOOKUP_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    EMAIL_PROOF_FIELD_NUMBER: _ClassVar[int]
    update: SignedEntryUpdate
    profile: bytes
    lookup_parameters: LookupRequest
    email_proof: EmailProof
    def __init__(self, update: _Optional[_Union[SignedEntryUpdate, _Mapping]] = ..., profile: _Optional[bytes] = ..., lookup_parameters: _Optional[_Union[LookupRequest, _Mapping]] = ..., email_proof: _Optional[_Union[EmailProof, _Mapping]] = ...) -> None: ...

class PolicyChangesRequest(_message.Message):
    __slots__ = ("after",)
    AFTER_FIELD_NUMBER: _ClassVar[int]
    after: int
    def __init__(self, after: _Optional[int] = ...) -> None: ...

class PolicyChanges(_message.Message):
    __slots__ = ("changes", "more")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[RatifiedHead]
    more: bool
    def __init__(self, changes: _Optional[_Iterable[_Union[RatifiedHead, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class RatifiedHead(_message.Message):
    __slots__ = ("ratifications",)
    RATIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    ratifications: _containers.RepeatedCompositeFieldContainer[SignedEpochHead]
    def __init__(self, ratifications: _Optional[_Iterable[_Union[SignedEpochHead, _Mapping]]] = ...) -> None: ...

class LookupProof(_message.Message):
    __slots__ = ("user_id", "index", "index_proof", "ratifications", "tree_proof", "entry", "profile")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INDEX_PROOF_FIELD_NUMBER: _ClassVar[int]
    RATIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    TREE_PROOF_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    index: bytes
    index_proof: bytes
    ratifications: _containers.RepeatedCompositeFieldContainer[SignedEpochHead]
    tree_proof: TreeProof
    entry: bytes
    profile: bytes
    def __init__(self, user_id: _Optional[str] = ..., index: _Optional[bytes] = ..., index_proof: _Optional[bytes] = ..., ratifications: _Optional[_Iterable[_Union[SignedEpochHead, _Mapping]]] = ..., tree_proof: _Optional[_Union[TreeProof, _Mapping]] = ..., entry: _Optional[bytes] = ..., profile: _Optional[bytes] = ...) -> None: ...

class TreeProof(_message.Message):
    __slots__ = ("neighbors", "existing_index", "existing_entry_hash")
    NEIGHBORS_FIELD_NUMBER: _ClassVar[int]
    EXISTING_INDEX_FIELD_NUMBER: _ClassVar[int]
    EXISTING_ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    neighbors: _containers.RepeatedScalarFieldContainer[bytes]
    existing_index: bytes
    existing_entry_hash: bytes
    def __init__(self, neighbors: _Optional[_Iterable[bytes]] = ..., existing_index: _Optional[bytes] = ..., existing_entry_hash: _Optional[bytes] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("index", "version", "update_policy", "profile_commitment")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_POLICY_FIELD_NUMBER: _ClassVar[int]
    PROFILE_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    index: bytes
    version: int
    update_policy: AuthorizationPolicy
    profile_commitment: bytes
    def __init__(self, index: _Optional[bytes] = ..., version: _Optional[int] = ..., update_policy: _Optional[_Union[AuthorizationPolicy, _Mapping]] = ..., profile_commitment: _Optional[bytes] = ...) -> None: ...

class SignedEntryUpdate(_message.Message):
    __slots__ = ("new_entry", "signatures")
    class SignaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: bytes
        def __init__(self, key: _Optional[int] = ..., value: _Optional[bytes] = ...) -> None: ...
    NEW_ENTRY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    new_entry: bytes
    signatures: _containers.ScalarMap[int, bytes]
    def __init__(self, new_entry: _Optional[bytes] = ..., signatures: _Optional[_Mapping[int, bytes]] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("nonce", "keys")
    class KeysEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    NONCE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    keys: _containers.ScalarMap[str, bytes]
    def __init__(self, nonce: _Optional[bytes] = ..., keys: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class SignedEpochHead(_message.Message):
    __slots__ = ("head", "signatures")
    class SignaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: bytes
        def __init__(self, key: _Optional[int] = ..., value: _Optional[bytes] = ...) -> None: ...
    HEAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    head: bytes
    signatures: _containers.ScalarMap[int, bytes]
    def __init__(self, head: _Optional[bytes] = ..., signatures: _Optional[_Mapping[int, bytes]] = ...) -> None: ...

class TimestampedEpochHead(_message.Message):
    __slots__ = ("head", "timestamp")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    head: bytes
    timestamp: Timestamp
    def __init__(self, head: _Optional[bytes] = ..., timestamp: _Optional[_Union[Timestamp, _Mapping]] = ...) -> None: ...

class EpochHead(_message.Message):
    __slots__ = ("realm", "epoch", "root_hash", "issue_time", "previous_summary_hash", "next_epoch_policy")
    REALM_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    ROOT_HASH_FIELD_NUMBER: _ClassVar[int]
    ISSUE_TIME_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SUMMARY_HASH_FIELD_NUMBER: _ClassVar[int]
    NEXT_EPOCH_POLICY_FIELD_NUMBER: _ClassVar[int]
    realm: str
    epoch: int
    root_hash: bytes
    issue_time: Timestamp
    previous_summary_hash: bytes
    next_epoch_policy: AuthorizationPolicy
    def __init__(self, realm: _Optional[str] = ..., epoch: _Optional[int] = ..., root_hash: _Optional[bytes] = ..., issue_time: _Optional[_Union[Timestamp, _Mapping]] = ..., previous_summary_hash: _Optional[bytes] = ..., next_epoch_policy: _Optional[_Union[AuthorizationPolicy, _Mapping]] = ...) -> None: ...

class AuthorizationPolicy(_message.Message):
    __slots__ = ("public_keys", "quorum")
    class PublicKeysEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: PublicKey
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[PublicKey, _Mapping]] = ...) -> None: ...
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    QUORUM_FIELD_NUMBER: _ClassVar[int]
    public_keys: _containers.MessageMap[int, PublicKey]
    quorum: QuorumExpr
    def __init__(self, public_keys: _Optional[_Mapping[int, PublicKey]] = ..., quorum: _Optional[_Union[QuorumExpr, _Mapping]] = ...) -> None: ...

class PublicKey(_message.Message):
    __slots__ = ("ed25519",)
    ED25519_FIELD_NUMBER: _ClassVar[int]
    ed25519: bytes
    def __init__(self, ed25519: _Optional[bytes] = ...) -> None: ...

class QuorumExpr(_message.Message):
    __slots__ = ("threshold", "candidates", "subexpressions")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    SUBEXPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    threshold: int
    candidates: _containers.RepeatedScalarFieldContainer[int]
    subexpressions: _containers.RepeatedCompositeFieldContainer[QuorumExpr]
    def __init__(self, threshold: _Optional[int] = ..., candidates: _Optional[_Iterable[int]] = ..., subexpressions: _Optional[_Iterable[_Union[QuorumExpr, _Mapping]]] = ...) -> None: ...

class EmailProof(_message.Message):
    __slots__ = ("dkim_proof", "oidc_token", "saml_response")
    DKIM_PROOF_FIELD_NUMBER: _ClassVar[int]
    OIDC_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SAML_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    dkim_proof: bytes
    oidc_token: str
    saml_response: str
    def __init__(self, dkim_proof: _Optional[bytes] = ..., oidc_token: _Optional[str] = ..., saml_response: _Optional[str] = ...) -> None: ...

class Timestamp(_message.Message):
    __slots__ = ("seconds", "nanos")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    NANOS_FIELD_NUMBER: _ClassVar[int]
    seconds: int
    nanos: int
    def __init__(self, seconds: _Optional[int] = ..., nanos: _Optional[int] = ...) -> None: ...

class Duration(_message.Message):
    __slots__ = ("seconds", "nanos")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    NANOS_FIELD_NUMBER: _ClassVar[int]
    seconds: int
    nanos: int
    def __init__(self, seconds: _Optional[int] = ..., nanos: _Optional[int] = ...) -> None: ...
