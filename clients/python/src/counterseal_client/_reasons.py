"""Why a call failed, as the service says it beside the code: the `ErrorInfo` of a `google.rpc.Status`."""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

CALLER_LIMIT: Final = "CALLER_LIMIT"

_KEY: Final = "grpc-status-details-bin"
_DOMAIN: Final = "counterseal"
_ERROR_INFO: Final = "/google.rpc.ErrorInfo"
# Far above what an error of the service takes.
_MOST_BYTES: Final = 16_384
_PACKAGE: Final = "counterseal_client"
_FIELD: Final = descriptor_pb2.FieldDescriptorProto


def _message_classes() -> tuple[Any, Any]:
    """Return what is read of the two messages. Their own package would be a dependency for this alone."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}/reasons.proto", package=_PACKAGE, syntax="proto3")
    fields = {
        "Status": (("code", 1, _FIELD.TYPE_INT32, False), ("details", 3, _FIELD.TYPE_BYTES, True)),
        "ErrorInfo": (("reason", 1, _FIELD.TYPE_STRING, False), ("domain", 2, _FIELD.TYPE_STRING, False)),
    }
    for name, parts in fields.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in parts:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            message.field.add(name=field, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    status, info = (pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in fields)
    return message_factory.GetMessageClass(status), message_factory.GetMessageClass(info)


_Status, _ErrorInfo = _message_classes()


def reason_in(metadata: Iterable[tuple[str, str | bytes]] | None, code: int) -> str:
    """Return the service's reason by name, e.g. `CALLER_LIMIT`; empty when there is none, or none to trust.

    `metadata` is the call's trailing metadata, `code` the number of its code: what contradicts it is not believed.
    """
    found = [value for key, value in metadata or () if key == _KEY]
    if len(found) != 1 or not isinstance(found[0], bytes) or len(found[0]) > _MOST_BYTES:
        return ""
    try:
        rich = _Status.FromString(found[0])
        infos = [_info(detail) for detail in rich.details] if rich.code == code else []
    except DecodeError:
        return ""
    return next((info.reason for info in infos if info is not None and info.domain == _DOMAIN), "")


def _info(detail: bytes) -> Any:
    """Return the ErrorInfo in a detail, None for another kind of detail. Raises DecodeError."""
    wrapped = any_pb2.Any.FromString(detail)
    return _ErrorInfo.FromString(wrapped.value) if wrapped.type_url.endswith(_ERROR_INFO) else None
