"""Edges that no whole request reaches: the small readers and writers, and what a program could do wrong with the stages."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core import compare, encoding, http
from counterseal.core.model import HttpRequest, Reason, Refusal, StringToSignSubject
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4 import canonical_request, presign, read_claim, sign_headers
from counterseal.core.scope import is_key_id
from counterseal.core.sigv4.canonical import canonical_query, scope_of, string_to_sign
from tests.core import sloppy
from tests.core.subjects import CREDENTIALS, KEY, NOW, PLAIN, REGION, STAMP, and_header, presigned, signed, verdict

GENERAL = signed(service="sqs")


def stated_subject() -> StringToSignSubject:
    text = sloppy.text_to_sign(sloppy.credential(), STAMP, b"x")
    return StringToSignSubject(
        scheme="aws-sigv4", credential=sloppy.credential(), string_to_sign=text, signature=sloppy.mac(sloppy.credential(), text)
    )


def test_an_empty_expectation_matches_nothing() -> None:
    assert compare.same(b"a", b"a")
    assert not compare.same(b"a", b"b")
    assert not compare.same(b"a", b"")
    assert not compare.same(b"", b"")


def test_stages_say_what_they_cannot_do() -> None:
    stated = BUILT_IN["aws-sigv4"].read_string_to_sign(stated_subject())
    with pytest.raises(ValueError, match="no canonical request"):
        canonical_request(stated)  # type: ignore[arg-type]
    without_body = read_claim(replace(GENERAL, content=None))
    with pytest.raises(ValueError, match="neither the body nor its hash"):
        canonical_request(without_body)
    with pytest.raises(ValueError, match="needs a scope"):
        scope_of(replace(without_body, scope=None))
    with pytest.raises(ValueError, match="needs a scope"):
        string_to_sign(replace(without_body, scope=None), b"")


def test_reading_a_request_without_a_signature() -> None:
    with pytest.raises(Refusal) as refused:
        read_claim(PLAIN)
    assert refused.value.reason is Reason.UNSIGNED


def test_reading_a_query_signature_of_another_algorithm() -> None:
    """`read_claim` is asked for this scheme, so this is not another scheme but a wrong name."""
    target = presigned().target.replace(b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256")
    with pytest.raises(Refusal) as refused:
        read_claim(replace(PLAIN, target=target))
    assert refused.value.reason is Reason.MALFORMED


def test_a_request_without_headers() -> None:
    found = http.read_request(HttpRequest(method=b"GET", target=b"/", headers=()))
    assert (found.path, found.headers, found.parameters, found.header(b"host")) == (b"/", {}, (), None)


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        (((b"a", b""),) * 257, "headers: more than 256 fields"),
        (((b"a", b"b" * 131_072),), "headers: more than 131072 bytes"),
        (((b"", b""),), "headers: a name is empty"),
    ],
)
def test_limits_of_headers(headers: tuple[tuple[bytes, bytes], ...], detail: str) -> None:
    with pytest.raises(Refusal, match=detail):
        http.read_request(replace(PLAIN, headers=headers))


@given(st.integers(min_value=-62135596800, max_value=253402300799))
def test_times_are_printed_back_as_they_were_read(seconds: int) -> None:
    text = encoding.write_iso_basic(seconds)
    assert len(text) == 16
    assert encoding.read_iso_basic(text) == seconds
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    fixdate = f"{moment:%a, %d %b} {moment.year:04} {moment:%H:%M:%S} GMT"
    assert encoding.read_imf_fixdate(fixdate.encode()) == seconds


@given(st.binary(max_size=24) | st.from_regex(rb"[0-9]{8}T[0-9]{6}Z", fullmatch=True))
def test_what_is_read_as_a_time_prints_as_it_stood(text: bytes) -> None:
    seconds = encoding.read_iso_basic(text)
    assert seconds is None or encoding.write_iso_basic(seconds) == text


@given(st.binary(max_size=24) | st.from_regex(rb"0?[0-9]{1,20}", fullmatch=True))
def test_what_is_read_as_a_number_prints_as_it_stood(text: bytes) -> None:
    number = encoding.read_digits(text)
    assert number is None or b"%d" % number == text
    assert (number is not None) == (re.fullmatch(rb"0|[1-9][0-9]{0,18}", text) is not None)


@given(st.binary(max_size=60))
def test_encodings(raw: bytes) -> None:
    encoded = encoding.percent_encode(raw)
    assert encoding.percent_decode(encoded) == raw
    assert encoding.recode_query(encoded) == encoding.recode_path(encoded) == encoded
    assert encoding.recode_query(encoding.recode_query(raw)) == encoding.recode_query(raw)
    assert encoding.recode_path(encoding.recode_path(raw)) == encoding.recode_path(raw)
    assert encoding.percent_decode(encoding.percent_encode_path(raw)) == raw
    assert encoding.percent_encode_path(raw).count(b"/") == raw.count(b"/")


@pytest.mark.parametrize("recode", [encoding.recode_path, encoding.recode_query])
def test_every_escape_in_every_spelling(recode: Callable[[bytes], bytes]) -> None:
    for byte in range(256):
        canonical = encoding.percent_encode(bytes((byte,)))
        small, large = b"%%%02x" % byte, b"%%%02X" % byte
        for spelling in (small, large, small[:2] + large[2:], large[:2] + small[2:]):
            assert recode(b"a" + spelling + b"z") == b"a" + canonical + b"z"
    assert encoding.recode_path(b"/a=&%2f%26%3d") == b"/a%3D%26%2F%26%3D"
    assert encoding.recode_query(b"/a=&%2f%26%3d") == b"%2Fa=&%2F%26%3D"
    assert encoding.recode_query(b"%") == encoding.recode_path(b"%") == b"%25"


@given(st.text(max_size=140))
def test_key_ids(text: str) -> None:
    assert is_key_id(text) == (re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~:@+=/-]{2,127}", text) is not None)


def test_queries_sort_by_name_then_value_and_never_as_whole_text() -> None:
    pairs = ((b"a", b"2"), (b"a-b", b"1"), (b"a", b"10"), (b"X-Amz-Signature", b"x"))
    assert canonical_query(pairs) == b"a=10&a=2&a-b=1"
    assert canonical_query(()) == b""


BAD_TO_SIGN = {
    "no host": replace(PLAIN, headers=()),
    "a bad target": replace(PLAIN, target=b"/a b"),
    "no body": replace(PLAIN, content=None),
    "our own header": and_header(PLAIN, b"x-amz-date", STAMP),
    "a query signature": replace(PLAIN, target=b"/?X-Amz-Signature=x"),
    "too many headers": replace(PLAIN, headers=PLAIN.headers + tuple((b"x-%d" % n, b"") for n in range(100))),
    "two hosts": and_header(PLAIN, b"host", b"other"),
}


@pytest.mark.parametrize("request_", BAD_TO_SIGN.values(), ids=BAD_TO_SIGN.keys())
def test_what_cannot_be_signed_in_the_header(request_: HttpRequest) -> None:
    with pytest.raises(ValueError):
        sign_headers(request_, CREDENTIALS, region=REGION, service="s3", now=NOW)


@pytest.mark.parametrize("request_", BAD_TO_SIGN.values(), ids=BAD_TO_SIGN.keys())
def test_what_cannot_be_signed_in_the_query(request_: HttpRequest) -> None:
    with pytest.raises(ValueError):
        presign(request_, CREDENTIALS, region=REGION, service="sqs", now=NOW, expires=60)


@pytest.mark.parametrize("expires", [0, -1, 604_801])
def test_how_long_a_presigned_request_may_last(expires: int) -> None:
    with pytest.raises(ValueError, match="expires"):
        presign(PLAIN, CREDENTIALS, region=REGION, service="s3", now=NOW, expires=expires)


@pytest.mark.parametrize(
    ("region", "service", "key_id"), [("", "s3", "AKID"), ("a b", "s3", "AKID"), ("a", "", "AKID"), ("a", "s3", "*")]
)
def test_credentials_that_no_verifier_reads(region: str, service: str, key_id: str) -> None:
    with pytest.raises(ValueError, match="Credential"):
        sign_headers(PLAIN, replace(CREDENTIALS, key_id=key_id), region=region, service=service, now=NOW)


@pytest.mark.parametrize("target", [b"/", b"/?", b"/a?", b"/a?b", b"/a?b="])
def test_presigning_any_shape_of_target(target: bytes) -> None:
    request = presigned(replace(PLAIN, target=target))
    assert not hasattr(verdict(request), "reason")


def test_secrets_are_in_no_repr() -> None:
    """A key's, a credential's, a request's and a claim's."""
    claim = read_claim(signed())
    text = " ".join(map(repr, (KEY, CREDENTIALS, PLAIN, claim, http.read_request(PLAIN), stated_subject())))
    for secret in (KEY.secret.decode(), claim.signature.decode(), "a cat"):
        assert secret not in text
