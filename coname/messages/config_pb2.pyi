from coname.messages import client_pb2 as _client_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VRFSuite(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VRF_2017: _ClassVar[VRFSuite]
    RFC9381: _ClassVar[VRFSuite]

class ClientAuthType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NO_CLIENT_CERT: _ClassVar[ClientAuthType]
    REQUEST_CLIENT_CERT: _ClassVar[ClientAuthType]
    REQUIRE_ANY_CLIENT_CERT: _ClassVar[ClientAuthType]
    VERIFY_CLIENT_CERT_IF_GIVEN: _ClassVar[ClientAuthType]
    REQUIRE_AND_VERIFY_CLIENT_CERT: _ClassVar[ClientAuthType]

class TLSVersion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TLSVersion_UNSPECIFIED: _ClassVar[TLSVersion]
    VERSION_SSL30: _ClassVar[TLSVersion]
    VERSION_TLS10: _ClassVar[TLSVersion]
    VERSION_TLS11: _ClassVar[TLSVersion]
    VERSION_TLS12: _ClassVar[TLSVersion]
    VERSION_TLS13: _ClassVar[TLSVersion]

class CipherSuite(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CipherSuite_UNSPECIFIED: _ClassVar[CipherSuite]
    TLS_RSA_WITH_RC4_128_SHA: _ClassVar[CipherSuite]
    TLS_RSA_WITH_3DES_EDE_CBC_SHA: _ClassVar[CipherSuite]
    TLS_RSA_WITH_AES_128_CBC_SHA: _ClassVar[CipherSuite]
    TLS_RSA_WITH_AES_256_CBC_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_RSA_WITH_RC4_128_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: _ClassVar[CipherSuite]
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: _ClassVar[CipherSuite]
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: _ClassVar[CipherSuite]
    TLS_FALLBACK_SCSV: _ClassVar[CipherSuite]

class CurveID(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CurveID_UNSPECIFIED: _ClassVar[CurveID]
    P256: _ClassVar[CurveID]
    P384: _ClassVar[CurveID]
    P521: _ClassVar[CurveID]
VRF_2017: VRFSuite
RFC9381: VRFSuite
NO_CLIENT_CERT: ClientAuthType
REQUEST_CLIENT_CERT: ClientAuthType
REQUIRE_ANY_CLIENT_CERT: ClientAuthType
VERIFY_CLIENT_CERT_IF_GIVEN: ClientAuthType
REQUIRE_AND_VERIFY_CLIENT_CERT: ClientAuthType
TLSVersion_UNSPECIFIED: TLSVersion
VERSION_SSL30: TLSVersion
VERSION_TLS10: TLSVersion
VERSION_TLS11: TLSVersion
VERSION_TLS12: TLSVersion
VERSION_TLS13: TLSVersion
CipherSuite_UNSPECIFIED: CipherSuite
TLS_RSA_WITH_RC4_128_SHA: CipherSuite
TLS_RSA_WITH_3DES_EDE_CBC_SHA: CipherSuite
TLS_RSA_WITH_AES_128_CBC_SHA: CipherSuite
TLS_RSA_WITH_AES_256_CBC_SHA: CipherSuite
TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: CipherSuite
TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: CipherSuite
TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: CipherSuite
TLS_ECDHE_RSA_WITH_RC4_128_SHA: CipherSuite
TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: CipherSuite
TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: CipherSuite
TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: CipherSuite
TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: CipherSuite
TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: CipherSuite
TLS_FALLBACK_SCSV: CipherSuite
CurveID_UNSPECIFIED: CurveID
P256: CurveID
P384: CurveID
P521: CurveID

class Config(_message.Message):
    __slots__ = ("realms",)
    REALMS_FIELD_NUMBER: _ClassVar[int]
    realms: _containers.RepeatedCompositeFieldContainer[RealmConfig]
    def __init__(self, realms: _Optional[_Iterable[_Union[RealmConfig, _Mapping]]] = ...) -> None: ...

class RealmConfig(_message.Message):
    __slots__ = ("RealmName", "domains", "addr", "URL", "VRFPublic", "verification_policy", "epoch_time_to_live", "tree_nonce", "client_tls", "vrf_suite", "signer_names", "keyserver_auth", "addrs", "URLs", "keyserver_auth_since")
    class SignerNamesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    REALMNAME_FIELD_NUMBER: _ClassVar[int]
    DOMAINS_FIELD_NUMBER: _ClassVar[int]
    ADDR_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    VRFPUBLIC_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_POLICY_FIELD_NUMBER: _ClassVar[int]
    EPOCH_TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    TREE_NONCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TLS_FIELD_NUMBER: _ClassVar[int]
    VRF_SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_NAMES_FIELD_NUMBER: _ClassVar[int]
    KEYSERVER_AUTH_FIELD_NUMBER: _ClassVar[int]
    ADDRS_FIELD_NUMBER: _ClassVar[int]
    URLS_FIELD_NUMBER: _ClassVar[int]
    KEYSERVER_AUTH_SINCE_FIELD_NUMBER: _ClassVar[int]
    RealmName: str
    domains: _containers.RepeatedScalarFieldContainer[str]
    addr: str
    URL: str
    VRFPublic: bytes
    verification_policy: _client_pb2.AuthorizationPolicy
    epoch_time_to_live: _client_pb2.Duration
    tree_nonce: bytes
    client_tls: TLSConfig
    vrf_suite: VRFSuite
    signer_names: _containers.ScalarMap[int, str]
    keyserver_auth: _client_pb2.AuthorizationPolicy
    addrs: _containers.RepeatedScalarFieldContainer[str]
    URLs: _containers.RepeatedScalarFieldContainer[str]
    keyserver_auth_since: int
    def __init__(self, RealmName: _Optional[str] = ..., domains: _Optional[_Iterable[str]] = ..., addr: _Optional[str] = ..., URL: _Optional[str] = ..., VRFPublic: _Optional[bytes] = ..., verification_policy: _Optional[_Union[_client_pb2.AuthorizationPolicy, _Mapping]] = ..., epoch_time_to_live: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., tree_nonce: _Optional[bytes] = ..., client_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., vrf_suite: _Optional[_Union[VRFSuite, str]] = ..., signer_names: _Optional[_Mapping[int, str]] = ..., keyserver_auth: _Optional[_Union[_client_pb2.AuthorizationPolicy, _Mapping]] = ..., addrs: _Optional[_Iterable[str]] = ..., URLs: _Optional[_Iterable[str]] = ..., keyserver_auth_since: _Optional[int] = ...) -> None: ...

class ReplicaConfig(_message.Message):
    __slots__ = ("keyserver_config", "replica_id", "signing_key_id", "public_addr", "public_tls", "verifier_addr", "verifier_tls", "hkp_addr", "hkp_tls", "httpfront_addr", "httpfront_tls", "raft_addr", "raft_tls", "leveldb_path", "raft_heartbeat", "lagging_verifier_scan", "client_timeout", "limits", "manhole", "joining", "httpfront_url", "known_replicas", "client_cert_addr", "etcd")
    KEYSERVER_CONFIG_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_ADDR_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_TLS_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_ADDR_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_TLS_FIELD_NUMBER: _ClassVar[int]
    HKP_ADDR_FIELD_NUMBER: _ClassVar[int]
    HKP_TLS_FIELD_NUMBER: _ClassVar[int]
    HTTPFRONT_ADDR_FIELD_NUMBER: _ClassVar[int]
    HTTPFRONT_TLS_FIELD_NUMBER: _ClassVar[int]
    RAFT_ADDR_FIELD_NUMBER: _ClassVar[int]
    RAFT_TLS_FIELD_NUMBER: _ClassVar[int]
    LEVELDB_PATH_FIELD_NUMBER: _ClassVar[int]
    RAFT_HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    LAGGING_VERIFIER_SCAN_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MANHOLE_FIELD_NUMBER: _ClassVar[int]
    JOINING_FIELD_NUMBER: _ClassVar[int]
    HTTPFRONT_URL_FIELD_NUMBER: _ClassVar[int]
    KNOWN_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_CERT_ADDR_FIELD_NUMBER: _ClassVar[int]
    ETCD_FIELD_NUMBER: _ClassVar[int]
    keyserver_config: KeyserverConfig
    replica_id: int
    signing_key_id: str
    public_addr: str
    public_tls: TLSConfig
    verifier_addr: str
    verifier_tls: TLSConfig
    hkp_addr: str
    hkp_tls: TLSConfig
    httpfront_addr: str
    httpfront_tls: TLSConfig
    raft_addr: str
    raft_tls: TLSConfig
    leveldb_path: str
    raft_heartbeat: _client_pb2.Duration
    lagging_verifier_scan: int
    client_timeout: _client_pb2.Duration
    limits: Limits
    manhole: ManholeConfig
    joining: bool
    httpfront_url: str
    known_replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    client_cert_addr: str
    etcd: EtcdConfig
    def __init__(self, keyserver_config: _Optional[_Union[KeyserverConfig, _Mapping]] = ..., replica_id: _Optional[int] = ..., signing_key_id: _Optional[str] = ..., public_addr: _Optional[str] = ..., public_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., verifier_addr: _Optional[str] = ..., verifier_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., hkp_addr: _Optional[str] = ..., hkp_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., httpfront_addr: _Optional[str] = ..., httpfront_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., raft_addr: _Optional[str] = ..., raft_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., leveldb_path: _Optional[str] = ..., raft_heartbeat: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., lagging_verifier_scan: _Optional[int] = ..., client_timeout: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., manhole: _Optional[_Union[ManholeConfig, _Mapping]] = ..., joining: _Optional[bool] = ..., httpfront_url: _Optional[str] = ..., known_replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., client_cert_addr: _Optional[str] = ..., etcd: _Optional[_Union[EtcdConfig, _Mapping]] = ...) -> None: ...

class EtcdConfig(_message.Message):
    __slots__ = ("endpoints", "prefix", "authority", "certificate", "key_id", "username", "password_id", "compacted_by_others", "accepted_cluster", "begin_after")
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_ID_FIELD_NUMBER: _ClassVar[int]
    COMPACTED_BY_OTHERS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_CLUSTER_FIELD_NUMBER: _ClassVar[int]
    BEGIN_AFTER_FIELD_NUMBER: _ClassVar[int]
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    prefix: str
    authority: str
    certificate: str
    key_id: str
    username: str
    password_id: str
    compacted_by_others: bool
    accepted_cluster: int
    begin_after: int
    def __init__(self, endpoints: _Optional[_Iterable[str]] = ..., prefix: _Optional[str] = ..., authority: _Optional[str] = ..., certificate: _Optional[str] = ..., key_id: _Optional[str] = ..., username: _Optional[str] = ..., password_id: _Optional[str] = ..., compacted_by_others: _Optional[bool] = ..., accepted_cluster: _Optional[int] = ..., begin_after: _Optional[int] = ...) -> None: ...

class KeyserverConfig(_message.Message):
    __slots__ = ("server_id", "realm", "vrf_key_id", "min_epoch_interval", "max_epoch_interval", "proposal_retry_interval", "initial_replicas", "registration_policy", "vrf_suite", "tree_nonce", "domains", "verification_policy", "verifiers", "unbound_proofs", "proof_clock_skew")
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    REALM_FIELD_NUMBER: _ClassVar[int]
    VRF_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_EPOCH_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    MAX_EPOCH_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_RETRY_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    INITIAL_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_POLICY_FIELD_NUMBER: _ClassVar[int]
    VRF_SUITE_FIELD_NUMBER: _ClassVar[int]
    TREE_NONCE_FIELD_NUMBER: _ClassVar[int]
    DOMAINS_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_POLICY_FIELD_NUMBER: _ClassVar[int]
    VERIFIERS_FIELD_NUMBER: _ClassVar[int]
    UNBOUND_PROOFS_FIELD_NUMBER: _ClassVar[int]
    PROOF_CLOCK_SKEW_FIELD_NUMBER: _ClassVar[int]
    server_id: int
    realm: str
    vrf_key_id: str
    min_epoch_interval: _client_pb2.Duration
    max_epoch_interval: _client_pb2.Duration
    proposal_retry_interval: _client_pb2.Duration
    initial_replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    registration_policy: _containers.RepeatedCompositeFieldContainer[RegistrationPolicy]
    vrf_suite: VRFSuite
    tree_nonce: bytes
    domains: _containers.RepeatedScalarFieldContainer[str]
    verification_policy: _client_pb2.AuthorizationPolicy
    verifiers: _containers.RepeatedCompositeFieldContainer[Verifier]
    unbound_proofs: bool
    proof_clock_skew: _client_pb2.Duration
    def __init__(self, server_id: _Optional[int] = ..., realm: _Optional[str] = ..., vrf_key_id: _Optional[str] = ..., min_epoch_interval: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., max_epoch_interval: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., proposal_retry_interval: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., initial_replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., registration_policy: _Optional[_Iterable[_Union[RegistrationPolicy, _Mapping]]] = ..., vrf_suite: _Optional[_Union[VRFSuite, str]] = ..., tree_nonce: _Optional[bytes] = ..., domains: _Optional[_Iterable[str]] = ..., verification_policy: _Optional[_Union[_client_pb2.AuthorizationPolicy, _Mapping]] = ..., verifiers: _Optional[_Iterable[_Union[Verifier, _Mapping]]] = ..., unbound_proofs: _Optional[bool] = ..., proof_clock_skew: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ...) -> None: ...

class Verifier(_message.Message):
    __slots__ = ("id", "public_keys")
    ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    id: int
    public_keys: _containers.RepeatedCompositeFieldContainer[_client_pb2.PublicKey]
    def __init__(self, id: _Optional[int] = ..., public_keys: _Optional[_Iterable[_Union[_client_pb2.PublicKey, _Mapping]]] = ...) -> None: ...

class Replica(_message.Message):
    __slots__ = ("id", "public_keys", "raft_addr")
    ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    RAFT_ADDR_FIELD_NUMBER: _ClassVar[int]
    id: int
    public_keys: _containers.RepeatedCompositeFieldContainer[_client_pb2.PublicKey]
    raft_addr: str
    def __init__(self, id: _Optional[int] = ..., public_keys: _Optional[_Iterable[_Union[_client_pb2.PublicKey, _Mapping]]] = ..., raft_addr: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("entry_bytes", "profile_bytes", "policy_keys", "quorum_depth", "quorum_size", "request_bytes", "connections", "pending_updates", "user_id_bytes", "cache_bytes", "raft_log_entries", "raft_log_bytes")
    ENTRY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    POLICY_KEYS_FIELD_NUMBER: _ClassVar[int]
    QUORUM_DEPTH_FIELD_NUMBER: _ClassVar[int]
    QUORUM_SIZE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    PENDING_UPDATES_FIELD_NUMBER: _ClassVar[int]
    USER_ID_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAFT_LOG_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    RAFT_LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    entry_bytes: int
    profile_bytes: int
    policy_keys: int
    quorum_depth: int
    quorum_size: int
    request_bytes: int
    connections: int
    pending_updates: int
    user_id_bytes: int
    cache_bytes: int
    raft_log_entries: int
    raft_log_bytes: int
    def __init__(self, entry_bytes: _Optional[int] = ..., profile_bytes: _Optional[int] = ..., policy_keys: _Optional[int] = ..., quorum_depth: _Optional[int] = ..., quorum_size: _Optional[int] = ..., request_bytes: _Optional[int] = ..., connections: _Optional[int] = ..., pending_updates: _Optional[int] = ..., user_id_bytes: _Optional[int] = ..., cache_bytes: _Optional[int] = ..., raft_log_entries: _Optional[int] = ..., raft_log_bytes: _Optional[int] = ...) -> None: ...

class ManholeConfig(_message.Message):
    __slots__ = ("addr", "host_key_id", "authorized_keys")
    ADDR_FIELD_NUMBER: _ClassVar[int]
    HOST_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZED_KEYS_FIELD_NUMBER: _ClassVar[int]
    addr: str
    host_key_id: str
    authorized_keys: str
    def __init__(self, addr: _Optional[str] = ..., host_key_id: _Optional[str] = ..., authorized_keys: _Optional[str] = ...) -> None: ...

class RegistrationPolicy(_message.Message):
    __slots__ = ("insecure_skip_email_proof", "email_proof_by_dkim", "email_proof_by_client_cert", "email_proof_by_oidc", "email_proof_by_saml")
    INSECURE_SKIP_EMAIL_PROOF_FIELD_NUMBER: _ClassVar[int]
    EMAIL_PROOF_BY_DKIM_FIELD_NUMBER: _ClassVar[int]
    EMAIL_PROOF_BY_CLIENT_CERT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_PROOF_BY_OIDC_FIELD_NUMBER: _ClassVar[int]
    EMAIL_PROOF_BY_SAML_FIELD_NUMBER: _ClassVar[int]
    insecure_skip_email_proof: bool
    email_proof_by_dkim: EmailProofByDKIM
    email_proof_by_client_cert: EmailProofByClientCert
    email_proof_by_oidc: EmailProofByOIDC
    email_proof_by_saml: EmailProofBySAML
    def __init__(self, insecure_skip_email_proof: _Optional[bool] = ..., email_proof_by_dkim: _Optional[_Union[EmailProofByDKIM, _Mapping]] = ..., email_proof_by_client_cert: _Optional[_Union[EmailProofByClientCert, _Mapping]] = ..., email_proof_by_oidc: _Optional[_Union[EmailProofByOIDC, _Mapping]] = ..., email_proof_by_saml: _Optional[_Union[EmailProofBySAML, _Mapping]] = ...) -> None: ...

class EmailProofByDKIM(_message.Message):
    __slots__ = ("allowed_domains", "to_addr", "subject_prefix", "dns_servers")
    ALLOWED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    TO_ADDR_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_PREFIX_FIELD_NUMBER: _ClassVar[int]
    DNS_SERVERS_FIELD_NUMBER: _ClassVar[int]
    allowed_domains: _containers.RepeatedScalarFieldContainer[str]
    to_addr: str
    subject_prefix: str
    dns_servers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, allowed_domains: _Optional[_Iterable[str]] = ..., to_addr: _Optional[str] = ..., subject_prefix: _Optional[str] = ..., dns_servers: _Optional[_Iterable[str]] = ...) -> None: ...

class EmailProofByClientCert(_message.Message):
    __slots__ = ("allowed_domains", "ca_cert", "crl_file")
    ALLOWED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    CA_CERT_FIELD_NUMBER: _ClassVar[int]
    CRL_FILE_FIELD_NUMBER: _ClassVar[int]
    allowed_domains: _containers.RepeatedScalarFieldContainer[str]
    ca_cert: bytes
    crl_file: str
    def __init__(self, allowed_domains: _Optional[_Iterable[str]] = ..., ca_cert: _Optional[bytes] = ..., crl_file: _Optional[str] = ...) -> None: ...

class OIDCConfig(_message.Message):
    __slots__ = ("allowed_domains", "discovery_url", "issuer", "clientID", "validity", "scope", "client_secret_id", "name")
    ALLOWED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    DISCOVERY_URL_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CLIENTID_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    allowed_domains: _containers.RepeatedScalarFieldContainer[str]
    discovery_url: str
    issuer: str
    clientID: str
    validity: _client_pb2.Duration
    scope: str
    client_secret_id: str
    name: str
    def __init__(self, allowed_domains: _Optional[_Iterable[str]] = ..., discovery_url: _Optional[str] = ..., issuer: _Optional[str] = ..., clientID: _Optional[str] = ..., validity: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., scope: _Optional[str] = ..., client_secret_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class EmailProofByOIDC(_message.Message):
    __slots__ = ("oidc_config",)
    OIDC_CONFIG_FIELD_NUMBER: _ClassVar[int]
    oidc_config: _containers.RepeatedCompositeFieldContainer[OIDCConfig]
    def __init__(self, oidc_config: _Optional[_Iterable[_Union[OIDCConfig, _Mapping]]] = ...) -> None: ...

class EmailProofBySAML(_message.Message):
    __slots__ = ("allowed_domains", "idp_metadata_url", "consumer_service_url", "service_provider_tls", "validity", "idp_metadata_file", "idp_entity_id", "entity_id", "email_attribute")
    ALLOWED_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    IDP_METADATA_URL_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_SERVICE_URL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_PROVIDER_TLS_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    IDP_METADATA_FILE_FIELD_NUMBER: _ClassVar[int]
    IDP_ENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    allowed_domains: _containers.RepeatedScalarFieldContainer[str]
    idp_metadata_url: str
    consumer_service_url: str
    service_provider_tls: TLSConfig
    validity: _client_pb2.Duration
    idp_metadata_file: str
    idp_entity_id: str
    entity_id: str
    email_attribute: str
    def __init__(self, allowed_domains: _Optional[_Iterable[str]] = ..., idp_metadata_url: _Optional[str] = ..., consumer_service_url: _Optional[str] = ..., service_provider_tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., validity: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., idp_metadata_file: _Optional[str] = ..., idp_entity_id: _Optional[str] = ..., entity_id: _Optional[str] = ..., email_attribute: _Optional[str] = ...) -> None: ...

class VerifierConfig(_message.Message):
    __slots__ = ("id", "signing_key_id", "realm", "tls", "keyserver_addr", "initial_keyserver_auth", "tree_nonce", "leveldb_path", "require_transcripts", "clock_tolerance", "sign_within", "evidence_folder", "metrics_addr")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    REALM_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    KEYSERVER_ADDR_FIELD_NUMBER: _ClassVar[int]
    INITIAL_KEYSERVER_AUTH_FIELD_NUMBER: _ClassVar[int]
    TREE_NONCE_FIELD_NUMBER: _ClassVar[int]
    LEVELDB_PATH_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_TRANSCRIPTS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    SIGN_WITHIN_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FOLDER_FIELD_NUMBER: _ClassVar[int]
    METRICS_ADDR_FIELD_NUMBER: _ClassVar[int]
    id: int
    signing_key_id: str
    realm: str
    tls: TLSConfig
    keyserver_addr: str
    initial_keyserver_auth: _client_pb2.AuthorizationPolicy
    tree_nonce: bytes
    leveldb_path: str
    require_transcripts: bool
    clock_tolerance: _client_pb2.Duration
    sign_within: _client_pb2.Duration
    evidence_folder: str
    metrics_addr: str
    def __init__(self, id: _Optional[int] = ..., signing_key_id: _Optional[str] = ..., realm: _Optional[str] = ..., tls: _Optional[_Union[TLSConfig, _Mapping]] = ..., keyserver_addr: _Optional[str] = ..., initial_keyserver_auth: _Optional[_Union[_client_pb2.AuthorizationPolicy, _Mapping]] = ..., tree_nonce: _Optional[bytes] = ..., leveldb_path: _Optional[str] = ..., require_transcripts: _Optional[bool] = ..., clock_tolerance: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., sign_within: _Optional[_Union[_client_pb2.Duration, _Mapping]] = ..., evidence_folder: _Optional[str] = ..., metrics_addr: _Optional[str] = ...) -> None: ...

class CertificateAndKeyID(_message.Message):
    __slots__ = ("certificate", "key_id", "OCSP_staple")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OCSP_STAPLE_FIELD_NUMBER: _ClassVar[int]
    certificate: _containers.RepeatedScalarFieldContainer[bytes]
    key_id: str
    OCSP_staple: bytes
    def __init__(self, certificate: _Optional[_Iterable[bytes]] = ..., key_id: _Optional[str] = ..., OCSP_staple: _Optional[bytes] = ...) -> None: ...

class TLSConfig(_message.Message):
    __slots__ = ("certificates", "root_cas", "next_protos", "server_name", "client_auth", "client_cas", "cipher_suites", "prefer_server_cipher_suites", "session_tickets_enabled", "session_ticket_key_id", "min_version", "max_version", "curve_preferences")
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    ROOT_CAS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PROTOS_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_AUTH_FIELD_NUMBER: _ClassVar[int]
    CLIENT_CAS_FIELD_NUMBER: _ClassVar[int]
    CIPHER_SUITES_FIELD_NUMBER: _ClassVar[int]
    PREFER_SERVER_CIPHER_SUITES_FIELD_NUMBER: _ClassVar[int]
    SESSION_TICKETS_ENABLED_FIELD_NUMBER: _ClassVar[int]
    SESSION_TICKET_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_VERSION_FIELD_NUMBER: _ClassVar[int]
    CURVE_PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    certificates: _containers.RepeatedCompositeFieldContainer[CertificateAndKeyID]
    root_cas: _containers.RepeatedScalarFieldContainer[bytes]
    next_protos: _containers.RepeatedScalarFieldContainer[str]
    server_name: str
    client_auth: ClientAuthType
    client_cas: _containers.RepeatedScalarFieldContainer[bytes]
    cipher_suites: _containers.RepeatedScalarFieldContainer[CipherSuite]
    prefer_server_cipher_suites: bool
    session_tickets_enabled: bool
    session_ticket_key_id: str
    min_version: TLSVersion
    max_version: TLSVersion
    curve_preferences: _containers.RepeatedScalarFieldContainer[CurveID]
    def __init__(self, certificates: _Optional[_Iterable[_Union[CertificateAndKeyID, _Mapping]]] = ..., root_cas: _Optional[_Iterable[bytes]] = ..., next_protos: _Optional[_Iterable[str]] = ..., server_name: _Optional[str] = ..., client_auth: _Optional[_Union[ClientAuthType, str]] = ..., client_cas: _Optional[_Iterable[bytes]] = ..., cipher_suites: _Optional[_Iterable[_Union[CipherSuite, str]]] = ..., prefer_server_cipher_suites: _Optional[bool] = ..., session_tickets_enabled: _Optional[bool] = ..., session_ticket_key_id: _Optional[str] = ..., min_version: _Optional[_Union[TLSVersion, str]] = ..., max_version: _Optional[_Union[TLSVersion, str]] = ..., curve_preferences: _Optional[_Iterable[_Union[CurveID, str]]] = ...) -> None: ...
