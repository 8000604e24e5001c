"""Security tokens: unsigned, in two places, wrong, missing, or for a key that has none."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from tests.core import sloppy
from tests.core.attacks.parts import parameter_value
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import (
    KEY,
    PLAIN,
    SECURITY_TOKEN,
    TEMPORARY,
    TEMPORARY_KEY,
    and_header,
    presigned,
    signed,
    verdict,
    with_header,
    without_header,
)

TOKEN = b"x-amz-security-token"
HEADER = signed(PLAIN, TEMPORARY)
QUERY = presigned(PLAIN, TEMPORARY)

HEADERS = (
    Attack("token-of-another", lambda r: with_header(r, TOKEN, b"other"), Reason.MISMATCH),
    Attack("token-empty", lambda r: with_header(r, TOKEN, b""), Reason.MALFORMED),
    Attack("token-with-a-blank", lambda r: with_header(r, TOKEN, b"a b"), Reason.MALFORMED),
    Attack("token-of-utf8", lambda r: with_header(r, TOKEN, b"\xc3\xa9"), Reason.MALFORMED),
    Attack("token-of-9-kB", lambda r: with_header(r, TOKEN, b"a" * 8193), Reason.MALFORMED),
    Attack("token-twice", lambda r: and_header(r, TOKEN, SECURITY_TOKEN.encode()), Reason.MALFORMED),
    Attack("token-gone", lambda r: without_header(r, TOKEN), Reason.MALFORMED),
    Attack("token-in-the-query-too", lambda r: replace(r, target=r.target + b"&X-Amz-Security-Token=x"), Reason.AMBIGUOUS),
    Attack(
        "token-in-the-query-in-lower-case", lambda r: replace(r, target=r.target + b"&x-amz-security-token=x"), Reason.AMBIGUOUS
    ),
)
QUERIES = (
    Attack("token-of-another", parameter_value(b"X-Amz-Security-Token", b"other"), Reason.MISMATCH),
    Attack("token-empty", parameter_value(b"X-Amz-Security-Token", b""), Reason.MALFORMED),
    Attack("token-with-a-blank", parameter_value(b"X-Amz-Security-Token", b"a%20b"), Reason.MALFORMED),
    Attack("token-twice", lambda r: replace(r, target=r.target + b"&X-Amz-Security-Token=x"), Reason.MALFORMED),
    Attack("token-in-a-header-too", lambda r: and_header(r, TOKEN, SECURITY_TOKEN.encode()), Reason.AMBIGUOUS),
)


@rows(HEADERS)
def test_header(row: Attack) -> None:
    refused(HEADER, row, key=TEMPORARY_KEY)


@rows(QUERIES)
def test_query(row: Attack) -> None:
    refused(QUERY, row, key=TEMPORARY_KEY)


@pytest.mark.parametrize("request_", [HEADER, QUERY], ids=["header", "query"])
def test_a_token_for_a_key_that_has_none(request_: HttpRequest) -> None:
    assert isinstance(verdict(request_, key=TEMPORARY_KEY), Verified)
    found = verdict(request_, key=KEY)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH


@pytest.mark.parametrize("request_", [signed(), presigned()], ids=["header", "query"])
@pytest.mark.parametrize(
    "stored", [TEMPORARY_KEY.security_token_sha256, hashlib.sha256(b"").digest(), b""], ids=["token", "empty", "no hash"]
)
def test_no_token_for_a_key_that_has_one(request_: HttpRequest, stored: bytes) -> None:
    """Also for a key whose stored hash is that of nothing: a missing token is not an empty one."""
    found = verdict(request_, key=replace(KEY, security_token_sha256=stored))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH


def test_a_token_that_was_signed_with_by_a_holder_of_the_key_but_is_another() -> None:
    other = replace(TEMPORARY, security_token="stolen-from-elsewhere")
    for request in (signed(PLAIN, other), presigned(PLAIN, other)):
        found = verdict(request, key=TEMPORARY_KEY)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.MISMATCH


def test_a_token_that_is_not_signed() -> None:
    names = b"content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date"
    found = verdict(sloppy.sign(and_header(PLAIN, TOKEN, SECURITY_TOKEN.encode()), names=names), key=TEMPORARY_KEY)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.NOT_COVERED
