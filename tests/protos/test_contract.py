"""Properties of the contract itself: nothing that is absent, empty, zero or from the future may read as verified."""

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

from counterseal.core.model import Reason
from counterseal.v1 import error_reason_pb2, keys_pb2, verification_pb2

FILES: tuple[FileDescriptor, ...] = (error_reason_pb2.DESCRIPTOR, keys_pb2.DESCRIPTOR, verification_pb2.DESCRIPTOR)


def messages() -> Iterator[Descriptor]:
    waiting = [message for file in FILES for message in file.message_types_by_name.values()]
    while waiting:
        message = waiting.pop()
        waiting.extend(message.nested_types)
        if not message.GetOptions().map_entry:
            yield message


def enums() -> Iterator[EnumDescriptor]:
    for file in FILES:
        yield from file.enum_types_by_name.values()
    for message in messages():
        yield from message.enum_types


def length_delimited(number: int, content: bytes) -> bytes:
    """Return one field of wire type 2, with `content` of at most 127 bytes."""
    tag = number << 3 | 2
    return (bytes([tag & 0x7F | 0x80, tag >> 7]) if tag > 127 else bytes([tag])) + bytes([len(content)]) + content


@pytest.mark.parametrize("enum", list(enums()), ids=lambda enum: enum.name)
def test_zero_of_every_enum_means_unspecified(enum: EnumDescriptor) -> None:
    assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")


def test_an_unset_outcome_is_not_verified() -> None:
    response = verification_pb2.VerifyResponse.FromString(b"")
    assert response.WhichOneof("outcome") is None
    assert not response.HasField("verified")


@pytest.mark.parametrize("number", [3, 15, 16, 99])
def test_an_outcome_from_the_future_is_not_verified(number: int) -> None:
    known = {field.number for field in verification_pb2.VerifyResponse.DESCRIPTOR.fields}
    assert number not in known, "pick a number that the contract does not use"
    response = verification_pb2.VerifyResponse.FromString(length_delimited(number, b""))
    assert response.WhichOneof("outcome") is None


def test_an_outcome_that_is_known_is_read() -> None:
    """The counter-test: these bytes are read as outcomes at all."""
    response = verification_pb2.VerifyResponse.FromString(length_delimited(1, b""))
    assert response.WhichOneof("outcome") == "verified"
    response = verification_pb2.VerifyResponse.FromString(length_delimited(2, b""))
    assert response.WhichOneof("outcome") == "rejected"


@pytest.mark.parametrize("number", [30, 99])
def test_a_payload_duty_from_the_future_is_not_done(number: int) -> None:
    duty = verification_pb2.PayloadDuty.FromString(length_delimited(number, b""))
    assert duty.WhichOneof("duty") is None
    assert verification_pb2.PayloadDuty.FromString(length_delimited(1, b"")).WhichOneof("duty") == "already_checked"


def test_a_reason_from_the_future_stays_a_refusal() -> None:
    rejected = verification_pb2.Rejected.FromString(b"\x08\xe7\x07")
    assert rejected.reason == 999
    response = verification_pb2.VerifyResponse(rejected=rejected)
    assert verification_pb2.VerifyResponse.FromString(response.SerializeToString()).WhichOneof("outcome") == "rejected"


def test_reasons_of_the_core_and_of_the_wire_are_the_same() -> None:
    wire = {name.removeprefix("REJECTION_REASON_") for name in verification_pb2.RejectionReason.keys()}  # noqa: SIM118 (no mapping)
    assert wire - {"UNSPECIFIED"} == {reason.value for reason in Reason}


# Text in which a byte off the wire must never travel: HTTP does not promise UTF-8, and maps lose repeats and order.
BYTES_OFF_THE_WIRE = {
    "HttpRequest": {"target", "content", "content_sha256"},
    "Header": {"value"},
    "StringToSign": {"string_to_sign"},
}


@pytest.mark.parametrize("name", BYTES_OFF_THE_WIRE)
def test_what_came_off_the_wire_is_bytes(name: str) -> None:
    message = verification_pb2.DESCRIPTOR.message_types_by_name[name]
    of_type_bytes = {field.name for field in message.fields if field.type == FieldDescriptor.TYPE_BYTES}
    assert of_type_bytes == BYTES_OFF_THE_WIRE[name]


def test_only_labels_are_maps() -> None:
    maps = {f"{message.name}.{field.name}" for message in messages() for field in message.fields if is_map(field)}
    assert maps == {"Key.labels", "IssueKeyRequest.labels", "Verified.labels"}


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def test_a_secret_is_returned_where_it_is_made_alone() -> None:
    secret = {
        f"{message.name}.{field.name}" for message in messages() for field in message.fields if field.name.endswith("secret")
    }
    given = {"IssueKeyRequest.imported_secret", "ImportedSecret.secret", "RotateKeyRequest.imported_secret"}
    assert secret == given | {"IssueKeyResponse.secret", "RotateKeyResponse.secret"}
