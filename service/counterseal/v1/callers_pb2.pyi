from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CallerRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALLER_ROLE_UNSPECIFIED: _ClassVar[CallerRole]
    CALLER_ROLE_ADMIN: _ClassVar[CallerRole]
    CALLER_ROLE_AUDITOR: _ClassVar[CallerRole]
    CALLER_ROLE_GATEWAY: _ClassVar[CallerRole]
    CALLER_ROLE_LEASE: _ClassVar[CallerRole]
    CALLER_ROLE_SESSIONS: _ClassVar[CallerRole]

class CallerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALLER_STATE_UNSPECIFIED: _ClassVar[CallerState]
    CALLER_STATE_ACTIVE: _ClassVar[CallerState]
    CALLER_STATE_DISABLED: _ClassVar[CallerState]
CALLER_ROLE_UNSPECIFIED: CallerRole
CALLER_ROLE_ADMIN: CallerRole
CALLER_ROLE_AUDITOR: CallerRole
CALLER_ROLE_GATEWAY: CallerRole
CALLER_ROLE_LEASE: CallerRole
CALLER_ROLE_SESSIONS: CallerRole
CALLER_STATE_UNSPECIFIED: CallerState
CALLER_STATE_ACTIVE: CallerState
CALLER_STATE_DISABLED: CallerState

class Caller(_message.Message):
    __slots__ = ("name", "role", "state", "description", "san", "has_bearer_token", "limits", "create_time", "update_time", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SAN_FIELD_NUMBER: _ClassVar[int]
    HAS_BEARER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: CallerRole
    state: CallerState
    description: str
    san: str
    has_bearer_token: bool
    limits: CallerLimits
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, name: _Optional[str] = ..., role: _Optional[_Union[CallerRole, str]] = ..., state: _Optional[_Union[CallerState, str]] = ..., description: _Optional[str] = ..., san: _Optional[str] = ..., has_bearer_token: bool = ..., limits: _Optional[_Union[CallerLimits, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class CallerLimits(_message.Message):
    __slots__ = ("tenants", "schemes", "regions", "services", "string_to_sign", "calls_per_second", "burst", "concurrent_calls")
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    SCHEMES_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    STRING_TO_SIGN_FIELD_NUMBER: _ClassVar[int]
    CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_CALLS_FIELD_NUMBER: _ClassVar[int]
    tenants: _containers.RepeatedScalarFieldContainer[str]
    schemes: _containers.RepeatedScalarFieldContainer[str]
    regions: _containers.RepeatedScalarFieldContainer[str]
    services: _containers.RepeatedScalarFieldContainer[str]
    string_to_sign: bool
    calls_per_second: int
    burst: int
    concurrent_calls: int
    def __init__(self, tenants: _Optional[_Iterable[str]] = ..., schemes: _Optional[_Iterable[str]] = ..., regions: _Optional[_Iterable[str]] = ..., services: _Optional[_Iterable[str]] = ..., string_to_sign: bool = ..., calls_per_second: _Optional[int] = ..., burst: _Optional[int] = ..., concurrent_calls: _Optional[int] = ...) -> None: ...

class CreateCallerRequest(_message.Message):
    __slots__ = ("caller", "bearer_token")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    BEARER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    bearer_token: bool
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., bearer_token: bool = ...) -> None: ...

class CreateCallerResponse(_message.Message):
    __slots__ = ("caller", "bearer_token")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    BEARER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    bearer_token: str
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., bearer_token: _Optional[str] = ...) -> None: ...

class GetCallerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCallerResponse(_message.Message):
    __slots__ = ("caller",)
    CALLER_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ...) -> None: ...

class ListCallersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCallersResponse(_message.Message):
    __slots__ = ("callers", "next_page_token")
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    callers: _containers.RepeatedCompositeFieldContainer[Caller]
    next_page_token: str
    def __init__(self, callers: _Optional[_Iterable[_Union[Caller, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateCallerRequest(_message.Message):
    __slots__ = ("caller", "update_mask")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateCallerResponse(_message.Message):
    __slots__ = ("caller",)
    CALLER_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ...) -> None: ...

class RotateCallerTokenRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RotateCallerTokenResponse(_message.Message):
    __slots__ = ("caller", "bearer_token")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    BEARER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    bearer_token: str
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., bearer_token: _Optional[str] = ...) -> None: ...

class DeleteCallerRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteCallerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
