"""`Connection` may name fields that every intermediary then takes away: never one that is signed."""

from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from tests.core.subjects import PLAIN, signed, verdict

HEADER = signed()


def with_connection(*values: bytes) -> HttpRequest:
    return replace(HEADER, headers=(*HEADER.headers, *((b"connection", value) for value in values)))


@pytest.mark.parametrize(
    "value",
    [
        b"x-amz-acl", b"close, x-amz-acl", b"close,X-Amz-Acl ", b"x-amz-date", b"content-type", b"host", b"Authorization",
        b"content-length", b"x-other,\tx-amz-content-sha256,close", b"signature", b"digest",
    ],
)  # fmt: skip
def test_a_signed_field_is_not_taken_away(value: bytes) -> None:
    for values in ((value,), (b"close", value), (value, b"close")):
        found = verdict(with_connection(*values))
        assert isinstance(found, Rejected)
        assert (found.reason, found.detail.split(":")[0]) == (Reason.MALFORMED, "header connection")


@pytest.mark.parametrize(
    "value",
    [b"close", b"keep-alive", b"Keep-Alive", b"Upgrade", b"TE", b"", b",", b"x-amz", b"upgrade, http2-settings", b"\xff"],
)
def test_what_connection_may_say(value: bytes) -> None:
    assert isinstance(verdict(with_connection(value)), Verified)


def test_the_plain_request_has_the_fields_that_are_named_here() -> None:
    assert {b"x-amz-acl", b"content-type"} <= {name for name, _ in PLAIN.headers}
