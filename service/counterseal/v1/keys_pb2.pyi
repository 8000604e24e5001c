from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplayPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLAY_POLICY_UNSPECIFIED: _ClassVar[ReplayPolicy]
    REPLAY_POLICY_SINGLE_USE: _ClassVar[ReplayPolicy]
    REPLAY_POLICY_REUSABLE: _ClassVar[ReplayPolicy]

class KeyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_STATE_UNSPECIFIED: _ClassVar[KeyState]
    KEY_STATE_ACTIVE: _ClassVar[KeyState]
    KEY_STATE_DISABLED: _ClassVar[KeyState]
    KEY_STATE_REVOKED: _ClassVar[KeyState]

class KeyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_KIND_UNSPECIFIED: _ClassVar[KeyKind]
    KEY_KIND_SYMMETRIC: _ClassVar[KeyKind]
    KEY_KIND_PUBLIC: _ClassVar[KeyKind]
    KEY_KIND_BEARER: _ClassVar[KeyKind]
REPLAY_POLICY_UNSPECIFIED: ReplayPolicy
REPLAY_POLICY_SINGLE_USE: ReplayPolicy
REPLAY_POLICY_REUSABLE: ReplayPolicy
KEY_STATE_UNSPECIFIED: KeyState
KEY_STATE_ACTIVE: KeyState
KEY_STATE_DISABLED: KeyState
KEY_STATE_REVOKED: KeyState
KEY_KIND_UNSPECIFIED: KeyKind
KEY_KIND_SYMMETRIC: KeyKind
KEY_KIND_PUBLIC: KeyKind
KEY_KIND_BEARER: KeyKind

class Key(_message.Message):
    __slots__ = ("key_id", "tenant", "principal", "description", "labels", "allowed_schemes", "state", "kind", "not_before_time", "expire_time", "create_time", "update_time", "revoke_time", "revoke_reason", "etag", "has_security_token", "algorithm", "public_key_pem", "policy", "secrets", "last_use_time", "session_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_SCHEMES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVOKE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVOKE_REASON_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    HAS_SECURITY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_PEM_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    tenant: str
    principal: str
    description: str
    labels: _containers.ScalarMap[str, str]
    allowed_schemes: _containers.RepeatedScalarFieldContainer[str]
    state: KeyState
    kind: KeyKind
    not_before_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    revoke_time: _timestamp_pb2.Timestamp
    revoke_reason: str
    etag: str
    has_security_token: bool
    algorithm: str
    public_key_pem: str
    policy: KeyPolicy
    secrets: _containers.RepeatedCompositeFieldContainer[SecretVersion]
    last_use_time: _timestamp_pb2.Timestamp
    session_id: str
    def __init__(self, key_id: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., description: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., allowed_schemes: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[KeyState, str]] = ..., kind: _Optional[_Union[KeyKind, str]] = ..., not_before_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., revoke_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., revoke_reason: _Optional[str] = ..., etag: _Optional[str] = ..., has_security_token: bool = ..., algorithm: _Optional[str] = ..., public_key_pem: _Optional[str] = ..., policy: _Optional[_Union[KeyPolicy, _Mapping]] = ..., secrets: _Optional[_Iterable[_Union[SecretVersion, _Mapping]]] = ..., last_use_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., session_id: _Optional[str] = ...) -> None: ...

class KeyPolicy(_message.Message):
    __slots__ = ("source_networks", "regions", "services", "methods", "path_prefixes", "replay")
    SOURCE_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    source_networks: _containers.RepeatedScalarFieldContainer[str]
    regions: _containers.RepeatedScalarFieldContainer[str]
    services: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedScalarFieldContainer[str]
    path_prefixes: _containers.RepeatedScalarFieldContainer[str]
    replay: ReplayPolicy
    def __init__(self, source_networks: _Optional[_Iterable[str]] = ..., regions: _Optional[_Iterable[str]] = ..., services: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[str]] = ..., path_prefixes: _Optional[_Iterable[str]] = ..., replay: _Optional[_Union[ReplayPolicy, str]] = ...) -> None: ...

class SecretVersion(_message.Message):
    __slots__ = ("version", "create_time", "end_time", "last_use_time")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    version: int
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    last_use_time: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_use_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class IssueKeyRequest(_message.Message):
    __slots__ = ("tenant", "principal", "description", "labels", "allowed_schemes", "not_before_time", "expire_time", "imported_secret", "public_key", "bearer_token", "request_id", "policy")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_SCHEMES_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_SECRET_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    BEARER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    principal: str
    description: str
    labels: _containers.ScalarMap[str, str]
    allowed_schemes: _containers.RepeatedScalarFieldContainer[str]
    not_before_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    imported_secret: ImportedSecret
    public_key: PublicKeyMaterial
    bearer_token: BearerTokenMaterial
    request_id: str
    policy: KeyPolicy
    def __init__(self, tenant: _Optional[str] = ..., principal: _Optional[str] = ..., description: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., allowed_schemes: _Optional[_Iterable[str]] = ..., not_before_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., imported_secret: _Optional[_Union[ImportedSecret, _Mapping]] = ..., public_key: _Optional[_Union[PublicKeyMaterial, _Mapping]] = ..., bearer_token: _Optional[_Union[BearerTokenMaterial, _Mapping]] = ..., request_id: _Optional[str] = ..., policy: _Optional[_Union[KeyPolicy, _Mapping]] = ...) -> None: ...

class ImportedSecret(_message.Message):
    __slots__ = ("key_id", "secret", "security_token")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    SECURITY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    secret: bytes
    security_token: str
    def __init__(self, key_id: _Optional[str] = ..., secret: _Optional[bytes] = ..., security_token: _Optional[str] = ...) -> None: ...

class PublicKeyMaterial(_message.Message):
    __slots__ = ("key_id", "pem", "jwk", "raw", "algorithm")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PEM_FIELD_NUMBER: _ClassVar[int]
    JWK_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    pem: str
    jwk: str
    raw: bytes
    algorithm: str
    def __init__(self, key_id: _Optional[str] = ..., pem: _Optional[str] = ..., jwk: _Optional[str] = ..., raw: _Optional[bytes] = ..., algorithm: _Optional[str] = ...) -> None: ...

class BearerTokenMaterial(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IssueKeyResponse(_message.Message):
    __slots__ = ("key", "secret")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    key: Key
    secret: str
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class GetKeyRequest(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    def __init__(self, key_id: _Optional[str] = ...) -> None: ...

class GetKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: Key
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant", "principal", "state", "unused_since_time", "expire_before_time", "secret_created_before_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UNUSED_SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    SECRET_CREATED_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant: str
    principal: str
    state: KeyState
    unused_since_time: _timestamp_pb2.Timestamp
    expire_before_time: _timestamp_pb2.Timestamp
    secret_created_before_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., state: _Optional[_Union[KeyState, str]] = ..., unused_since_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_before_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., secret_created_before_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys", "next_page_token")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[Key]
    next_page_token: str
    def __init__(self, keys: _Optional[_Iterable[_Union[Key, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateKeyRequest(_message.Message):
    __slots__ = ("key", "update_mask")
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    key: Key
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: Key
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ...) -> None: ...

class RevokeRequest(_message.Message):
    __slots__ = ("key_id", "reason", "wait")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    reason: str
    wait: bool
    def __init__(self, key_id: _Optional[str] = ..., reason: _Optional[str] = ..., wait: bool = ...) -> None: ...

class RevokeResponse(_message.Message):
    __slots__ = ("key", "revoke_effective_time")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVOKE_EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    key: Key
    revoke_effective_time: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ..., revoke_effective_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RotateKeyRequest(_message.Message):
    __slots__ = ("key_id", "overlap", "etag", "imported_secret", "request_id")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_SECRET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    overlap: _duration_pb2.Duration
    etag: str
    imported_secret: bytes
    request_id: str
    def __init__(self, key_id: _Optional[str] = ..., overlap: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., etag: _Optional[str] = ..., imported_secret: _Optional[bytes] = ..., request_id: _Optional[str] = ...) -> None: ...

class RotateKeyResponse(_message.Message):
    __slots__ = ("key", "secret", "previous_end_time")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_END_TIME_FIELD_NUMBER: _ClassVar[int]
    key: Key
    secret: str
    previous_end_time: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ..., secret: _Optional[str] = ..., previous_end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
