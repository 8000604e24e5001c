from counterseal.v1 import keys_pb2 as _keys_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECTION_REASON_UNSPECIFIED: _ClassVar[RejectionReason]
    REJECTION_REASON_UNSIGNED: _ClassVar[RejectionReason]
    REJECTION_REASON_MALFORMED: _ClassVar[RejectionReason]
    REJECTION_REASON_AMBIGUOUS: _ClassVar[RejectionReason]
    REJECTION_REASON_UNSUPPORTED_SCHEME: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_OLD: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_NEW: _ClassVar[RejectionReason]
    REJECTION_REASON_NOT_COVERED: _ClassVar[RejectionReason]
    REJECTION_REASON_UNKNOWN_KEY: _ClassVar[RejectionReason]
    REJECTION_REASON_MISMATCH: _ClassVar[RejectionReason]
    REJECTION_REASON_KEY_DISABLED: _ClassVar[RejectionReason]
    REJECTION_REASON_KEY_REVOKED: _ClassVar[RejectionReason]
    REJECTION_REASON_KEY_EXPIRED: _ClassVar[RejectionReason]
    REJECTION_REASON_OUT_OF_SCOPE: _ClassVar[RejectionReason]
    REJECTION_REASON_PAYLOAD_MISMATCH: _ClassVar[RejectionReason]
    REJECTION_REASON_REPLAYED: _ClassVar[RejectionReason]
    REJECTION_REASON_BODY_REQUIRED: _ClassVar[RejectionReason]
    REJECTION_REASON_THROTTLED: _ClassVar[RejectionReason]
REJECTION_REASON_UNSPECIFIED: RejectionReason
REJECTION_REASON_UNSIGNED: RejectionReason
REJECTION_REASON_MALFORMED: RejectionReason
REJECTION_REASON_AMBIGUOUS: RejectionReason
REJECTION_REASON_UNSUPPORTED_SCHEME: RejectionReason
REJECTION_REASON_TOO_OLD: RejectionReason
REJECTION_REASON_TOO_NEW: RejectionReason
REJECTION_REASON_NOT_COVERED: RejectionReason
REJECTION_REASON_UNKNOWN_KEY: RejectionReason
REJECTION_REASON_MISMATCH: RejectionReason
REJECTION_REASON_KEY_DISABLED: RejectionReason
REJECTION_REASON_KEY_REVOKED: RejectionReason
REJECTION_REASON_KEY_EXPIRED: RejectionReason
REJECTION_REASON_OUT_OF_SCOPE: RejectionReason
REJECTION_REASON_PAYLOAD_MISMATCH: RejectionReason
REJECTION_REASON_REPLAYED: RejectionReason
REJECTION_REASON_BODY_REQUIRED: RejectionReason
REJECTION_REASON_THROTTLED: RejectionReason

class VerifyRequest(_message.Message):
    __slots__ = ("http_request", "string_to_sign", "demand", "request_id", "lease_signing_key")
    HTTP_REQUEST_FIELD_NUMBER: _ClassVar[int]
    STRING_TO_SIGN_FIELD_NUMBER: _ClassVar[int]
    DEMAND_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
    http_request: HttpRequest
    string_to_sign: StringToSign
    demand: Demand
    request_id: str
    lease_signing_key: bool
    def __init__(self, http_request: _Optional[_Union[HttpRequest, _Mapping]] = ..., string_to_sign: _Optional[_Union[StringToSign, _Mapping]] = ..., demand: _Optional[_Union[Demand, _Mapping]] = ..., request_id: _Optional[str] = ..., lease_signing_key: bool = ...) -> None: ...

class HttpRequest(_message.Message):
    __slots__ = ("method", "scheme", "target", "headers", "content", "content_sha256", "source_address", "trailers")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TRAILERS_FIELD_NUMBER: _ClassVar[int]
    method: str
    scheme: str
    target: bytes
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    content: bytes
    content_sha256: bytes
    source_address: str
    trailers: _containers.RepeatedCompositeFieldContainer[Header]
    def __init__(self, method: _Optional[str] = ..., scheme: _Optional[str] = ..., target: _Optional[bytes] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ..., content: _Optional[bytes] = ..., content_sha256: _Optional[bytes] = ..., source_address: _Optional[str] = ..., trailers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: bytes
    def __init__(self, name: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class StringToSign(_message.Message):
    __slots__ = ("scheme", "credential", "string_to_sign", "signature", "security_token", "valid_for", "source_address")
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    STRING_TO_SIGN_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SECURITY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VALID_FOR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    scheme: str
    credential: str
    string_to_sign: bytes
    signature: str
    security_token: str
    valid_for: _duration_pb2.Duration
    source_address: str
    def __init__(self, scheme: _Optional[str] = ..., credential: _Optional[str] = ..., string_to_sign: _Optional[bytes] = ..., signature: _Optional[str] = ..., security_token: _Optional[str] = ..., valid_for: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., source_address: _Optional[str] = ...) -> None: ...

class Demand(_message.Message):
    __slots__ = ("allowed_schemes", "regions", "services", "required_headers", "tenants", "key_id", "label", "tag", "required_components")
    ALLOWED_SCHEMES_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_HEADERS_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    allowed_schemes: _containers.RepeatedScalarFieldContainer[str]
    regions: _containers.RepeatedScalarFieldContainer[str]
    services: _containers.RepeatedScalarFieldContainer[str]
    required_headers: _containers.RepeatedScalarFieldContainer[str]
    tenants: _containers.RepeatedScalarFieldContainer[str]
    key_id: str
    label: str
    tag: str
    required_components: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, allowed_schemes: _Optional[_Iterable[str]] = ..., regions: _Optional[_Iterable[str]] = ..., services: _Optional[_Iterable[str]] = ..., required_headers: _Optional[_Iterable[str]] = ..., tenants: _Optional[_Iterable[str]] = ..., key_id: _Optional[str] = ..., label: _Optional[str] = ..., tag: _Optional[str] = ..., required_components: _Optional[_Iterable[str]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("verified", "rejected")
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    verified: Verified
    rejected: Rejected
    def __init__(self, verified: _Optional[_Union[Verified, _Mapping]] = ..., rejected: _Optional[_Union[Rejected, _Mapping]] = ...) -> None: ...

class Verified(_message.Message):
    __slots__ = ("key_id", "principal", "tenant", "labels", "scheme", "signed_time", "valid_until_time", "coverage", "payload_duty", "scope", "verified_path", "secret_version", "session_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    SIGNED_TIME_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_DUTY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_PATH_FIELD_NUMBER: _ClassVar[int]
    SECRET_VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    principal: str
    tenant: str
    labels: _containers.ScalarMap[str, str]
    scheme: str
    signed_time: _timestamp_pb2.Timestamp
    valid_until_time: _timestamp_pb2.Timestamp
    coverage: Coverage
    payload_duty: PayloadDuty
    scope: Scope
    verified_path: bytes
    secret_version: int
    session_id: str
    def __init__(self, key_id: _Optional[str] = ..., principal: _Optional[str] = ..., tenant: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., scheme: _Optional[str] = ..., signed_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., coverage: _Optional[_Union[Coverage, _Mapping]] = ..., payload_duty: _Optional[_Union[PayloadDuty, _Mapping]] = ..., scope: _Optional[_Union[Scope, _Mapping]] = ..., verified_path: _Optional[bytes] = ..., secret_version: _Optional[int] = ..., session_id: _Optional[str] = ...) -> None: ...

class Scope(_message.Message):
    __slots__ = ("date", "region", "service")
    DATE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    date: str
    region: str
    service: str
    def __init__(self, date: _Optional[str] = ..., region: _Optional[str] = ..., service: _Optional[str] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("headers", "method", "path", "query", "components")
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    headers: _containers.RepeatedScalarFieldContainer[str]
    method: bool
    path: bool
    query: bool
    components: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, headers: _Optional[_Iterable[str]] = ..., method: bool = ..., path: bool = ..., query: bool = ..., components: _Optional[_Iterable[str]] = ...) -> None: ...

class PayloadDuty(_message.Message):
    __slots__ = ("already_checked", "body_sha256", "chunk_signed", "chunk_unsigned", "unsigned", "left_to_caller", "body_digests")
    class AlreadyChecked(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class BodySha256(_message.Message):
        __slots__ = ("sha256",)
        SHA256_FIELD_NUMBER: _ClassVar[int]
        sha256: bytes
        def __init__(self, sha256: _Optional[bytes] = ...) -> None: ...
    class BodyDigests(_message.Message):
        __slots__ = ("digests",)
        DIGESTS_FIELD_NUMBER: _ClassVar[int]
        digests: _containers.RepeatedCompositeFieldContainer[PayloadDuty.Digest]
        def __init__(self, digests: _Optional[_Iterable[_Union[PayloadDuty.Digest, _Mapping]]] = ...) -> None: ...
    class Digest(_message.Message):
        __slots__ = ("algorithm", "value")
        ALGORITHM_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        algorithm: str
        value: bytes
        def __init__(self, algorithm: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    class ChunkSigned(_message.Message):
        __slots__ = ("algorithm", "seed_signature", "timestamp", "scope", "signed_trailer", "decoded_length", "trailers", "continuation", "signing_key")
        ALGORITHM_FIELD_NUMBER: _ClassVar[int]
        SEED_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        SCOPE_FIELD_NUMBER: _ClassVar[int]
        SIGNED_TRAILER_FIELD_NUMBER: _ClassVar[int]
        DECODED_LENGTH_FIELD_NUMBER: _ClassVar[int]
        TRAILERS_FIELD_NUMBER: _ClassVar[int]
        CONTINUATION_FIELD_NUMBER: _ClassVar[int]
        SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
        algorithm: str
        seed_signature: str
        timestamp: str
        scope: str
        signed_trailer: bool
        decoded_length: int
        trailers: _containers.RepeatedScalarFieldContainer[str]
        continuation: bytes
        signing_key: bytes
        def __init__(self, algorithm: _Optional[str] = ..., seed_signature: _Optional[str] = ..., timestamp: _Optional[str] = ..., scope: _Optional[str] = ..., signed_trailer: bool = ..., decoded_length: _Optional[int] = ..., trailers: _Optional[_Iterable[str]] = ..., continuation: _Optional[bytes] = ..., signing_key: _Optional[bytes] = ...) -> None: ...
    class ChunkUnsigned(_message.Message):
        __slots__ = ("decoded_length", "trailers")
        DECODED_LENGTH_FIELD_NUMBER: _ClassVar[int]
        TRAILERS_FIELD_NUMBER: _ClassVar[int]
        decoded_length: int
        trailers: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, decoded_length: _Optional[int] = ..., trailers: _Optional[_Iterable[str]] = ...) -> None: ...
    class Unsigned(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class LeftToCaller(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    ALREADY_CHECKED_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    CHUNK_SIGNED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_UNSIGNED_FIELD_NUMBER: _ClassVar[int]
    UNSIGNED_FIELD_NUMBER: _ClassVar[int]
    LEFT_TO_CALLER_FIELD_NUMBER: _ClassVar[int]
    BODY_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    already_checked: PayloadDuty.AlreadyChecked
    body_sha256: PayloadDuty.BodySha256
    chunk_signed: PayloadDuty.ChunkSigned
    chunk_unsigned: PayloadDuty.ChunkUnsigned
    unsigned: PayloadDuty.Unsigned
    left_to_caller: PayloadDuty.LeftToCaller
    body_digests: PayloadDuty.BodyDigests
    def __init__(self, already_checked: _Optional[_Union[PayloadDuty.AlreadyChecked, _Mapping]] = ..., body_sha256: _Optional[_Union[PayloadDuty.BodySha256, _Mapping]] = ..., chunk_signed: _Optional[_Union[PayloadDuty.ChunkSigned, _Mapping]] = ..., chunk_unsigned: _Optional[_Union[PayloadDuty.ChunkUnsigned, _Mapping]] = ..., unsigned: _Optional[_Union[PayloadDuty.Unsigned, _Mapping]] = ..., left_to_caller: _Optional[_Union[PayloadDuty.LeftToCaller, _Mapping]] = ..., body_digests: _Optional[_Union[PayloadDuty.BodyDigests, _Mapping]] = ...) -> None: ...

class Rejected(_message.Message):
    __slots__ = ("reason", "detail", "server_time", "allowed_skew", "public_error")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_SKEW_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_ERROR_FIELD_NUMBER: _ClassVar[int]
    reason: RejectionReason
    detail: str
    server_time: _timestamp_pb2.Timestamp
    allowed_skew: _duration_pb2.Duration
    public_error: PublicError
    def __init__(self, reason: _Optional[_Union[RejectionReason, str]] = ..., detail: _Optional[str] = ..., server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., allowed_skew: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., public_error: _Optional[_Union[PublicError, _Mapping]] = ...) -> None: ...

class PublicError(_message.Message):
    __slots__ = ("code", "http_status", "message", "headers")
    CODE_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    code: str
    http_status: int
    message: str
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    def __init__(self, code: _Optional[str] = ..., http_status: _Optional[int] = ..., message: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ...) -> None: ...

class VerifyChunksRequest(_message.Message):
    __slots__ = ("continuation", "chunks", "trailer", "request_id")
    CONTINUATION_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    continuation: bytes
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    trailer: Trailer
    request_id: str
    def __init__(self, continuation: _Optional[bytes] = ..., chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ..., trailer: _Optional[_Union[Trailer, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("sha256", "signature")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    signature: str
    def __init__(self, sha256: _Optional[bytes] = ..., signature: _Optional[str] = ...) -> None: ...

class Trailer(_message.Message):
    __slots__ = ("sha256", "signature")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    signature: str
    def __init__(self, sha256: _Optional[bytes] = ..., signature: _Optional[str] = ...) -> None: ...

class VerifyChunksResponse(_message.Message):
    __slots__ = ("verified", "rejected")
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    verified: ChunksVerified
    rejected: Rejected
    def __init__(self, verified: _Optional[_Union[ChunksVerified, _Mapping]] = ..., rejected: _Optional[_Union[Rejected, _Mapping]] = ...) -> None: ...

class ChunksVerified(_message.Message):
    __slots__ = ("continuation", "complete")
    CONTINUATION_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    continuation: bytes
    complete: bool
    def __init__(self, continuation: _Optional[bytes] = ..., complete: bool = ...) -> None: ...

class ListSchemesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSchemesResponse(_message.Message):
    __slots__ = ("schemes",)
    SCHEMES_FIELD_NUMBER: _ClassVar[int]
    schemes: _containers.RepeatedCompositeFieldContainer[Scheme]
    def __init__(self, schemes: _Optional[_Iterable[_Union[Scheme, _Mapping]]] = ...) -> None: ...

class Scheme(_message.Message):
    __slots__ = ("name", "title", "key_kinds", "enabled", "timeless", "names_key", "weakness")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    KEY_KINDS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    TIMELESS_FIELD_NUMBER: _ClassVar[int]
    NAMES_KEY_FIELD_NUMBER: _ClassVar[int]
    WEAKNESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    key_kinds: _containers.RepeatedScalarFieldContainer[_keys_pb2.KeyKind]
    enabled: bool
    timeless: bool
    names_key: bool
    weakness: str
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., key_kinds: _Optional[_Iterable[_Union[_keys_pb2.KeyKind, str]]] = ..., enabled: bool = ..., timeless: bool = ..., names_key: bool = ..., weakness: _Optional[str] = ...) -> None: ...
