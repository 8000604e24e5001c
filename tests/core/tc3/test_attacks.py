"""ATTACKS for Tencent's signatures: one change in a request that verifies."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, StringToSignSubject, Verified, Window
from counterseal.core.payload import AlreadyChecked, BodySha256, Unsigned
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.tc3 import Tc3, canonical_request
from counterseal.core.verify import conclude, examine
from tests.core.oss4.exchange import NOW, edit, edit_target, header_of, put, refused, verdict

SECRET = b"a secret as the console shows it"
KEY = Key(key_id="AKIDEXAMPLE", tenant="acme", secret=SECRET, allowed_schemes=frozenset({"tc3"}), state=KeyState.ACTIVE)
CREDENTIALS = Credentials(key_id="AKIDEXAMPLE", secret=SECRET)
PLAIN = HttpRequest(
    method=b"POST",
    target=b"/?b=2&a=1",
    headers=(
        (b"host", b"cvm.tencentcloudapi.com"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"x-tc-action", b"DescribeInstances"),
    ),
    content=b'{"Limit": 1}',
)
SCHEME = Tc3()
DAY = b"2026-09-21"


def signed(request: HttpRequest = PLAIN, now: int = NOW, **options: str) -> HttpRequest:
    return SCHEME.sign(request, CREDENTIALS, Signing(now=now, options=options))


SIGNED = signed()


def test_what_is_signed_here_verifies() -> None:
    found = verdict(SIGNED, KEY)
    assert isinstance(found, Verified)
    assert found.payload_duty == AlreadyChecked()
    assert found.coverage.headers == (b"content-type", b"host", b"x-tc-action", b"x-tc-timestamp")
    assert header_of(SIGNED, b"authorization").startswith(
        b"TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2026-09-21/cvm/tc3_request, SignedHeaders="
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"TC3-HMAC-SHA256 ", b"TC3-HMAC-SHA256"),
        (b"TC3-HMAC-SHA256", b"TC3-HMAC-SHA256X"),
        (b"TC3-HMAC-SHA256", b"tc3-hmac-sha256"),
        (b"TC3-HMAC-SHA256", b"AWS4-HMAC-SHA256"),
        (b"tc3_request", b"aws4_request"),
        (b"tc3_request", b"tc3_request/x"),
        (DAY, b"20260921"),
        (DAY, b"2026-09-22"),
        (DAY + b"/cvm", DAY + b"/ap-guangzhou/cvm"),
        (b"/cvm/", b"//"),
        (b"/cvm", b""),
        (b"SignedHeaders", b"AdditionalHeaders"),
        (b"content-type;host;", b"host;content-type;"),
        (b"content-type;host;", b"content-type;content-type;host;"),
        (b"x-tc-action;", b"x-absent;"),
        (b"Signature=", b"Signature=0"),
        (b"Signature=", b"Signature=,Signature="),
        (b"Credential=", b"Credential=x,Credential="),
    ],
)
def test_authorization_is_read_exactly(old: bytes, new: bytes) -> None:
    found = verdict(edit(SIGNED, b"authorization", old, new), KEY)
    assert isinstance(found, Rejected)
    assert found.reason in {Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME}


@pytest.mark.parametrize("text", [b"", b"0", b"179000000", b"1790000000.0", b"+790000000", b"17900000000", b"20260921T141320Z"])
def test_times_that_are_none(text: bytes) -> None:
    refused(put(SIGNED, b"x-tc-timestamp", text), KEY, Reason.MALFORMED)


def test_time() -> None:
    refused(put(SIGNED, b"x-tc-timestamp"), KEY, Reason.MALFORMED)
    dated = put(put(SIGNED, b"x-tc-timestamp"), b"date", b"Mon, 21 Sep 2026 14:13:20 GMT")
    assert "x-tc-timestamp" in refused(dated, KEY, Reason.MALFORMED)
    refused(put(SIGNED, b"x-tc-timestamp", b"%d" % NOW, b"%d" % NOW), KEY, Reason.MALFORMED)
    refused(put(SIGNED, b"x-tc-timestamp", b"%d" % (NOW + 1)), KEY, Reason.MISMATCH)
    refused(SIGNED, KEY, Reason.TOO_OLD, now=NOW + 901)
    refused(SIGNED, KEY, Reason.TOO_NEW, now=NOW - 901)
    # Its text is in the string to sign, so it need not be a signed header as well.
    names = edit(SIGNED, b"authorization", b";x-tc-timestamp", b"")
    refused(names, KEY, Reason.MISMATCH)


def test_what_must_be_signed() -> None:
    for name in (b"content-type", b"host"):
        listed = edit(SIGNED, b"authorization", name + b";", b"")
        assert name.decode() in refused(listed, KEY, Reason.NOT_COVERED)
    with pytest.raises(ValueError, match="content-type"):
        signed(put(PLAIN, b"content-type"))
    with pytest.raises(ValueError, match="host"):
        signed(put(PLAIN, b"host"))


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, method=b"PUT"),
        lambda r: edit_target(r, b"/?", b"/a?"),
        lambda r: edit_target(r, b"b=2&a=1", b"a=1&b=2"),
        lambda r: edit_target(r, b"b=2", b"b=%32"),
        lambda r: edit_target(r, b"?b=2&a=1", b""),
        lambda r: put(r, b"host", b"cvm.example.com"),
        lambda r: put(r, b"content-type", b"text/plain"),
        lambda r: put(r, b"x-tc-action", b"TerminateInstances"),
        lambda r: replace(r, content=b"{}"),
        lambda r: replace(r, content=b""),
        lambda r: put(r, b"x-tc-content-sha256", b"UNSIGNED-PAYLOAD"),
    ],
)
def test_one_change(change: object) -> None:
    assert callable(change)
    refused(change(SIGNED), KEY, Reason.MISMATCH)


def test_a_signed_header_given_twice() -> None:
    refused(replace(SIGNED, headers=(*SIGNED.headers, (b"x-tc-action", b"Other"))), KEY, Reason.MALFORMED)


def test_headers_that_clients_leave_unsigned_are_a_matter_of_demand() -> None:
    added = replace(SIGNED, headers=(*SIGNED.headers, (b"x-tc-region", b"ap-guangzhou")))
    assert isinstance(verdict(added, KEY), Verified)
    refused(added, KEY, Reason.NOT_COVERED, demand=Demand(required_headers=frozenset({b"x-tc-region"})))
    refused(added, KEY, Reason.OUT_OF_SCOPE, demand=Demand(regions=frozenset({"ap-guangzhou"})))
    refused(added, KEY, Reason.OUT_OF_SCOPE, demand=Demand(services=frozenset({"cbs"})))
    assert isinstance(verdict(added, KEY, demand=Demand(services=frozenset({"cvm"}))), Verified)


def test_payload() -> None:
    unsigned = signed(payload="UNSIGNED-PAYLOAD")
    found = verdict(replace(unsigned, content=b"anything"), KEY)
    assert isinstance(found, Verified)
    assert found.payload_duty == Unsigned()
    refused(put(unsigned, b"x-tc-content-sha256"), KEY, Reason.MALFORMED)
    for word in (b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"unsigned-payload", b"", b"0" * 63):
        refused(put(unsigned, b"x-tc-content-sha256", word), KEY, Reason.MALFORMED)
    refused(replace(SIGNED, content=None), KEY, Reason.BODY_REQUIRED)
    stated = signed(payload=hashlib.sha256(b'{"Limit": 1}').hexdigest())
    found = verdict(replace(stated, content=None), KEY)
    assert isinstance(found, Verified)
    assert isinstance(found.payload_duty, BodySha256)
    refused(replace(stated, content=b"other"), KEY, Reason.PAYLOAD_MISMATCH)


def test_security_token() -> None:
    refused(put(SIGNED, b"x-tc-token", b"a-token"), KEY, Reason.MISMATCH)
    with_token = SCHEME.sign(PLAIN, replace(CREDENTIALS, security_token="a-token"), Signing(now=NOW))
    key = replace(KEY, security_token_sha256=hashlib.sha256(b"a-token").digest())
    assert isinstance(verdict(with_token, key), Verified)
    refused(put(with_token, b"x-tc-token", b"b-token"), key, Reason.MISMATCH)
    refused(SIGNED, key, Reason.MISMATCH)


def test_nothing_is_presigned() -> None:
    with pytest.raises(ValueError, match="presigns nothing"):
        signed(expires="60")
    found = verdict(replace(PLAIN, target=b"/?X-TC-Signature=" + b"0" * 64), KEY)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSIGNED


def test_case_of_header_values_is_not_signed() -> None:
    """As Tencent documents it: two spellings that differ in case alone are one to the signature."""
    assert isinstance(verdict(put(SIGNED, b"x-tc-action", b"describeinstances"), KEY), Verified)


def test_a_string_to_sign() -> None:
    claim = SCHEME.read(read_request(SIGNED), Demand())
    text = b"TC3-HMAC-SHA256\n%d\n2026-09-21/cvm/tc3_request\n" % NOW
    text += hashlib.sha256(canonical_request(claim)).hexdigest().encode()
    subject = StringToSignSubject(
        scheme="tc3", credential=b"AKIDEXAMPLE/2026-09-21/cvm/tc3_request", string_to_sign=text, signature=claim.signature
    )
    found = examine(subject, Demand(), schemes=BUILT_IN, window=Window(), now=NOW)
    assert not isinstance(found, Rejected)
    done = conclude(found, subject, KEY, Demand(), schemes=BUILT_IN, window=Window(), now=NOW)
    assert isinstance(done, Verified)
    with pytest.raises(ValueError, match="no canonical request"):
        canonical_request(found)  # type: ignore[arg-type]
    broken = examine(replace(subject, string_to_sign=text + b"\n"), Demand(), schemes=BUILT_IN, window=Window(), now=NOW)
    assert isinstance(broken, Rejected)
    for valid_for in (1, 60, 604_800):
        wider = examine(replace(subject, valid_for=valid_for), Demand(), schemes=BUILT_IN, window=Window(), now=NOW)
        assert isinstance(wider, Rejected)
        assert (wider.reason, wider.detail) == (Reason.MALFORMED, "valid_for: tc3 presigns nothing")
