"""Whatever is signed verifies; any single change in it does not; nothing but a verdict ever comes out."""

import hashlib
import urllib.parse
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from counterseal.core.model import HttpRequest, Key, Reason, Rejected, StringToSignSubject, Verified
from tests.core import strategies as some
from tests.core.botocore_client import SIGNERS, send
from tests.core.meaning import meaning
from tests.core.subjects import (
    CREDENTIALS,
    KEY,
    NOW,
    PLAIN,
    SECURITY_TOKEN,
    TEMPORARY,
    TEMPORARY_KEY,
    presigned,
    signed,
    verdict,
)


def signable(request: HttpRequest) -> bool:
    """Say whether the signer takes it: parameters that signing itself adds are refused by it, in whatever letters."""
    query = request.target.partition(b"?")[2]
    names = [urllib.parse.unquote_to_bytes(item.partition(b"=")[0]).lower() for item in query.split(b"&")]
    return not any(name.startswith(b"x-amz-") for name in names)


@given(some.requests.filter(signable), some.services, some.times, some.security_tokens)
@settings(max_examples=400)
def test_what_our_signer_signs_in_the_header_verifies(request: HttpRequest, service: str, now: int, token: str | None) -> None:
    found = verdict(
        signed(request, replace(CREDENTIALS, security_token=token), service=service, now=now), key=key_for(token), now=now
    )
    assert isinstance(found, Verified), found


@given(some.requests.filter(signable), some.services, some.times, some.security_tokens, st.integers(1, 604_800))
@settings(max_examples=400)
def test_what_our_signer_signs_in_the_query_verifies(
    request: HttpRequest, service: str, now: int, token: str | None, expires: int
) -> None:
    credentials = replace(CREDENTIALS, security_token=token)
    found = verdict(presigned(request, credentials, service=service, now=now, expires=expires), key=key_for(token), now=now)
    assert isinstance(found, Verified), found


def key_for(token: str | None) -> Key:
    return KEY if token is None else replace(KEY, security_token_sha256=hashlib.sha256(token.encode()).digest())


url_text = st.text(max_size=8)
client_headers = st.lists(
    st.tuples(
        st.sampled_from(["Content-Type", "X-Amz-Meta-A", "x-amz-acl", "Range", "X-Amz-Target"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=16),
    ),
    max_size=5,
)


@pytest.mark.parametrize("signer", SIGNERS)
@given(
    segments=st.lists(url_text, min_size=1, max_size=4),
    parameters=st.lists(st.tuples(url_text.filter(bool), url_text), max_size=4),
    headers=client_headers,
    body=st.binary(max_size=32),
    token=st.booleans(),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
)
@settings(max_examples=120)
def test_what_botocore_signs_verifies(
    signer: str,
    segments: list[str],
    parameters: list[tuple[str, str]],
    headers: list[tuple[str, str]],
    body: bytes,
    token: bool,
    method: str,
) -> None:
    quoted = [(urllib.parse.quote(name, safe="-_.~"), urllib.parse.quote(value, safe="-_.~")) for name, value in parameters]
    query = "&".join(f"{name}={value}" for name, value in quoted)
    url = "https://example.com/" + "/".join(urllib.parse.quote(part, safe="~") for part in segments)
    sent = send(
        signer,
        method=method,
        url=f"{url}?{query}" if query else url,
        headers=headers,
        body=b"" if "Query" in signer else body,
        secret=KEY.secret.decode(),
        now=NOW,
        service="s3" if "S3" in signer else "sqs",
        security_token=SECURITY_TOKEN if token else None,
    )
    found = verdict(sent.request, key=TEMPORARY_KEY if token else KEY)
    assert isinstance(found, Verified), (found, sent.request)


BASE = replace(
    PLAIN,
    target=b"/photos//a/../b%2fc/%7Ed/x+y?prefix=a%2Fb&x=1&x=2&acl&e=%41",
    headers=(*PLAIN.headers, (b"x-amz-meta-a", b"one  two"), (b"x-amz-meta-b", b"x"), (b"x-amz-meta-b", b"y")),
)
BASES = [
    (signed(BASE), "s3", KEY),
    (presigned(BASE), "s3", KEY),
    (signed(BASE, service="sqs"), "sqs", KEY),
    (presigned(BASE, service="sqs"), "sqs", KEY),
    (signed(BASE, TEMPORARY), "s3", TEMPORARY_KEY),
    (presigned(BASE, TEMPORARY, service="sqs"), "sqs", TEMPORARY_KEY),
]


@st.composite
def one_byte(draw: st.DrawFn, text: bytes) -> bytes:
    """Replace, insert or delete one byte."""
    place = draw(st.integers(0, len(text)))
    byte = bytes((draw(st.integers(0, 255) | st.sampled_from(b"/.%;&=+ \t\n,ABCabc019")),))
    how = draw(st.sampled_from(["replace", "insert", "delete"]))
    return text[:place] + (b"" if how == "delete" else byte) + text[place + (how != "insert") :]


@st.composite
def one_change(draw: st.DrawFn, request: HttpRequest) -> HttpRequest:
    """Change one thing in a request."""
    what = draw(st.sampled_from(["method", "target", "name", "value", "body", "drop", "repeat", "swap"]))
    if what == "method":
        return replace(request, method=draw(one_byte(request.method)))
    if what == "target":
        return replace(request, target=draw(one_byte(request.target)))
    if what == "body":
        return replace(request, content=draw(one_byte(request.content or b"")))
    fields = list(request.headers)
    place = draw(st.integers(0, len(fields) - 1))
    name, value = fields[place]
    if what == "name":
        fields[place] = (draw(one_byte(name)), value)
    elif what == "value":
        fields[place] = (name, draw(one_byte(value)))
    elif what == "drop":
        del fields[place]
    elif what == "repeat":
        fields.insert(place, fields[place])
    else:
        other = draw(st.integers(0, len(fields) - 1))
        fields[place], fields[other] = fields[other], fields[place]
    return replace(request, headers=tuple(fields))


@pytest.mark.parametrize(("request_", "service", "key"), BASES, ids=["s3-h", "s3-q", "sqs-h", "sqs-q", "token-h", "token-q"])
@given(data=st.data())
@settings(max_examples=500)
def test_any_single_change_is_refused(request_: HttpRequest, service: str, key: Key, data: st.DataObject) -> None:
    changed = data.draw(one_change(request_))
    assume(meaning(changed, service) != meaning(request_, service))
    found = verdict(changed, key=key)
    assert isinstance(found, Rejected), changed


@pytest.mark.parametrize("place", range(2))
def test_every_byte_of_the_target_counts(place: int) -> None:
    """Not sampled: every byte of the target and of the authorization, flipped in one bit."""
    request, service, key = BASES[place]
    for bit in (1, 2, 32, 128):
        for index in range(len(request.target)):
            target = bytearray(request.target)
            target[index] ^= bit
            changed = replace(request, target=bytes(target))
            if meaning(changed, service) != meaning(request, service):
                assert isinstance(verdict(changed, key=key), Rejected), changed.target
        for field, (name, value) in enumerate(request.headers):
            for index in range(len(value)):
                other = bytearray(value)
                other[index] ^= bit
                changed = replace(
                    request, headers=(*request.headers[:field], (name, bytes(other)), *request.headers[field + 1 :])
                )
                if meaning(changed, service) != meaning(request, service):
                    assert isinstance(verdict(changed, key=key), Rejected), changed.headers


@given(st.sampled_from(BASES), st.integers(-(10**10), 10**10))
def test_no_time_outside_the_window(base: tuple[HttpRequest, str, Key], offset: int) -> None:
    request, _, key = base
    later = 3600 if b"X-Amz-Signature" in request.target else 900
    found = verdict(request, key=key, now=NOW + offset)
    if -900 <= offset <= later:
        assert isinstance(found, Verified)
    else:
        assert isinstance(found, Rejected)
        assert found.reason is (Reason.TOO_OLD if offset > 0 else Reason.TOO_NEW)


@given(st.sampled_from(BASES), st.binary(max_size=64))
@example(BASES[0], b"")
@example(BASES[0], KEY.secret[:-1])
def test_no_other_secret(base: tuple[HttpRequest, str, Key], secret: bytes) -> None:
    request, _, key = base
    assume(secret.rstrip(b"\x00") != key.secret)  # HMAC itself fills keys up with NUL
    found = verdict(request, key=replace(key, secret=secret))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH


@given(some.junk_requests)
@settings(max_examples=500)
def test_nothing_but_a_verdict_for_any_bytes(request: HttpRequest) -> None:
    assert isinstance(verdict(request), Rejected)


@given(some.junk, some.junk, some.junk, st.none() | some.junk, st.none() | st.integers())
def test_nothing_but_a_verdict_for_any_text(
    credential: bytes, text: bytes, signature: bytes, token: bytes | None, valid_for: int | None
) -> None:
    subject = StringToSignSubject(
        scheme="aws-sigv4",
        credential=credential,
        string_to_sign=text,
        signature=signature,
        security_token=token,
        valid_for=valid_for,
    )
    assert isinstance(verdict(subject), Rejected)
