from counterseal.v1 import keys_pb2 as _keys_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_ACTIVE: _ClassVar[SessionState]
    SESSION_STATE_ENDED: _ClassVar[SessionState]
    SESSION_STATE_EXPIRED: _ClassVar[SessionState]

class SessionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_REASON_UNSPECIFIED: _ClassVar[SessionReason]
    SESSION_REASON_CREDENTIALS: _ClassVar[SessionReason]
    SESSION_REASON_THROTTLED: _ClassVar[SessionReason]
    SESSION_REASON_ID_TOKEN: _ClassVar[SessionReason]
    SESSION_REASON_UNKNOWN: _ClassVar[SessionReason]
    SESSION_REASON_OVER: _ClassVar[SessionReason]
    SESSION_REASON_REUSED: _ClassVar[SessionReason]
    SESSION_REASON_TOO_MANY_KEYS: _ClassVar[SessionReason]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_ACTIVE: SessionState
SESSION_STATE_ENDED: SessionState
SESSION_STATE_EXPIRED: SessionState
SESSION_REASON_UNSPECIFIED: SessionReason
SESSION_REASON_CREDENTIALS: SessionReason
SESSION_REASON_THROTTLED: SessionReason
SESSION_REASON_ID_TOKEN: SessionReason
SESSION_REASON_UNKNOWN: SessionReason
SESSION_REASON_OVER: SessionReason
SESSION_REASON_REUSED: SessionReason
SESSION_REASON_TOO_MANY_KEYS: SessionReason

class Session(_message.Message):
    __slots__ = ("session_id", "tenant", "principal", "state", "method", "client", "create_time", "refresh_time", "expire_time", "idle_expire_time", "end_time", "end_reason")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    IDLE_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    END_REASON_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    tenant: str
    principal: str
    state: SessionState
    method: str
    client: ClientDetails
    create_time: _timestamp_pb2.Timestamp
    refresh_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    idle_expire_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    end_reason: str
    def __init__(self, session_id: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., state: _Optional[_Union[SessionState, str]] = ..., method: _Optional[str] = ..., client: _Optional[_Union[ClientDetails, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., refresh_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., idle_expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_reason: _Optional[str] = ...) -> None: ...

class ClientDetails(_message.Message):
    __slots__ = ("source_address", "user_agent")
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    source_address: str
    user_agent: str
    def __init__(self, source_address: _Optional[str] = ..., user_agent: _Optional[str] = ...) -> None: ...

class SessionPublicKey(_message.Message):
    __slots__ = ("jwk", "pem", "raw")
    JWK_FIELD_NUMBER: _ClassVar[int]
    PEM_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    jwk: str
    pem: str
    raw: bytes
    def __init__(self, jwk: _Optional[str] = ..., pem: _Optional[str] = ..., raw: _Optional[bytes] = ...) -> None: ...

class SignedIn(_message.Message):
    __slots__ = ("session", "refresh_token", "access_token", "key", "server_time")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    session: Session
    refresh_token: str
    access_token: AccessToken
    key: SessionKey
    server_time: _timestamp_pb2.Timestamp
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., refresh_token: _Optional[str] = ..., access_token: _Optional[_Union[AccessToken, _Mapping]] = ..., key: _Optional[_Union[SessionKey, _Mapping]] = ..., server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AccessToken(_message.Message):
    __slots__ = ("token", "key_id", "expire_time")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    token: str
    key_id: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[str] = ..., key_id: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SessionKey(_message.Message):
    __slots__ = ("key_id", "algorithm", "expire_time")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    algorithm: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, key_id: _Optional[str] = ..., algorithm: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SessionRefused(_message.Message):
    __slots__ = ("reason", "detail", "retry_after", "server_time")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    reason: SessionReason
    detail: str
    retry_after: _duration_pb2.Duration
    server_time: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[_Union[SessionReason, str]] = ..., detail: _Optional[str] = ..., retry_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SignInRequest(_message.Message):
    __slots__ = ("tenant", "principal", "password", "client", "access_token", "public_key")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    principal: str
    password: str
    client: ClientDetails
    access_token: bool
    public_key: SessionPublicKey
    def __init__(self, tenant: _Optional[str] = ..., principal: _Optional[str] = ..., password: _Optional[str] = ..., client: _Optional[_Union[ClientDetails, _Mapping]] = ..., access_token: bool = ..., public_key: _Optional[_Union[SessionPublicKey, _Mapping]] = ...) -> None: ...

class SignInResponse(_message.Message):
    __slots__ = ("signed_in", "refused")
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    signed_in: SignedIn
    refused: SessionRefused
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., refused: _Optional[_Union[SessionRefused, _Mapping]] = ...) -> None: ...

class ExchangeRequest(_message.Message):
    __slots__ = ("id_token", "nonce", "client", "access_token", "public_key")
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    id_token: str
    nonce: str
    client: ClientDetails
    access_token: bool
    public_key: SessionPublicKey
    def __init__(self, id_token: _Optional[str] = ..., nonce: _Optional[str] = ..., client: _Optional[_Union[ClientDetails, _Mapping]] = ..., access_token: bool = ..., public_key: _Optional[_Union[SessionPublicKey, _Mapping]] = ...) -> None: ...

class ExchangeResponse(_message.Message):
    __slots__ = ("signed_in", "refused")
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    signed_in: SignedIn
    refused: SessionRefused
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., refused: _Optional[_Union[SessionRefused, _Mapping]] = ...) -> None: ...

class RefreshRequest(_message.Message):
    __slots__ = ("refresh_token", "request_id", "access_token", "public_key")
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    request_id: str
    access_token: bool
    public_key: SessionPublicKey
    def __init__(self, refresh_token: _Optional[str] = ..., request_id: _Optional[str] = ..., access_token: bool = ..., public_key: _Optional[_Union[SessionPublicKey, _Mapping]] = ...) -> None: ...

class RefreshResponse(_message.Message):
    __slots__ = ("signed_in", "refused")
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    signed_in: SignedIn
    refused: SessionRefused
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., refused: _Optional[_Union[SessionRefused, _Mapping]] = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ("access_token", "refresh_token", "session_id", "wait")
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    refresh_token: str
    session_id: str
    wait: bool
    def __init__(self, access_token: _Optional[str] = ..., refresh_token: _Optional[str] = ..., session_id: _Optional[str] = ..., wait: bool = ...) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = ("signed_out", "refused")
    SIGNED_OUT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    signed_out: SignedOut
    refused: SessionRefused
    def __init__(self, signed_out: _Optional[_Union[SignedOut, _Mapping]] = ..., refused: _Optional[_Union[SessionRefused, _Mapping]] = ...) -> None: ...

class SignedOut(_message.Message):
    __slots__ = ("session", "effective_time")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    session: Session
    effective_time: _timestamp_pb2.Timestamp
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., effective_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant", "principal", "include_over")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_OVER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant: str
    principal: str
    include_over: bool
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., include_over: bool = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RegisterSessionKeyRequest(_message.Message):
    __slots__ = ("access_token", "session_id", "public_key")
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    session_id: str
    public_key: SessionPublicKey
    def __init__(self, access_token: _Optional[str] = ..., session_id: _Optional[str] = ..., public_key: _Optional[_Union[SessionPublicKey, _Mapping]] = ...) -> None: ...

class RegisterSessionKeyResponse(_message.Message):
    __slots__ = ("key", "refused")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    key: SessionKey
    refused: SessionRefused
    def __init__(self, key: _Optional[_Union[SessionKey, _Mapping]] = ..., refused: _Optional[_Union[SessionRefused, _Mapping]] = ...) -> None: ...

class IssueTemporaryCredentialsRequest(_message.Message):
    __slots__ = ("access_token", "session_id", "duration", "policy", "allowed_schemes")
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_SCHEMES_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    session_id: str
    duration: _duration_pb2.Duration
    policy: _keys_pb2.KeyPolicy
    allowed_schemes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, access_token: _Optional[str] = ..., session_id: _Optional[str] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., policy: _Optional[_Union[_keys_pb2.KeyPolicy, _Mapping]] = ..., allowed_schemes: _Optional[_Iterable[str]] = ...) -> None: ...

class IssueTemporaryCredentialsResponse(_message.Message):
    __slots__ = ("credentials", "refused")
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    credentials: TemporaryCredentials
    refused: SessionRefused
    def __init__(self, credentials: _Optional[_Union[TemporaryCredentials, _Mapping]] = ..., refused: _Optional[_Union[SessionRefused, _Mapping]] = ...) -> None: ...

class TemporaryCredentials(_message.Message):
    __slots__ = ("key_id", "secret", "security_token", "expire_time")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    SECURITY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    secret: str
    security_token: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, key_id: _Optional[str] = ..., secret: _Optional[str] = ..., security_token: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
