"""ATTACKS for Alibaba's signatures: one change in a request that verifies."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, StringToSignSubject, Verified, Window
from counterseal.core.payload import AlreadyChecked, BodySha256, Unsigned
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.oss4 import ENDPOINTS, Oss4, from_options
from counterseal.core.sigv4 import canonical
from counterseal.core.verify import examine
from tests.core.oss4.exchange import NOW, edit, edit_target, header_of, put, refused, verdict

SECRET = b"a secret as the console shows it"
KEY = Key(
    key_id="LTAIEXAMPLE", tenant="acme", secret=SECRET, allowed_schemes=frozenset({"oss4", "mine"}), state=KeyState.ACTIVE
)
CREDENTIALS = Credentials(key_id="LTAIEXAMPLE", secret=SECRET)
PLAIN = HttpRequest(
    method=b"PUT",
    target=b"/a/cat.jpg?acl&partNumber=1",
    headers=(
        (b"host", b"photos.oss-cn-hangzhou.aliyuncs.com"),
        (b"content-type", b"image/jpeg"),
        (b"x-oss-meta-note", b"two  blanks"),
        (b"range", b"bytes=0-9"),
    ),
    content=b"a cat",
)
SCHEME = Oss4()
UNSIGNED = "UNSIGNED-PAYLOAD"


def signed(
    request: HttpRequest = PLAIN, credentials: Credentials = CREDENTIALS, scheme: Oss4 = SCHEME, **options: str
) -> HttpRequest:
    return scheme.sign(request, credentials, Signing(now=NOW, options=options))


def as_clients_do(request: HttpRequest, scheme: Oss4 = SCHEME) -> HttpRequest:
    """Sign what Alibaba's clients sign: nothing beside what always is."""
    stated = signed(request, payload=UNSIGNED, scheme=scheme)
    names = header_of(stated, b"authorization").partition(b"AdditionalHeaders=")[2].partition(b",")[0]
    bare = edit(stated, b"authorization", b" AdditionalHeaders=" + names + b",", b"")
    claim = scheme.read(read_request(bare), Demand())
    assert claim.scope is not None
    text = canonical.string_to_sign(claim, canonical.canonical_request(claim))
    signature = scheme.family.kind.sign(claim.key_id, SECRET, claim.scope, text)
    return edit(bare, b"authorization", claim.signature, signature)


SIGNED = signed()
PRESIGNED = signed(expires="600")
CLIENTS = as_clients_do(PLAIN)


def test_what_is_signed_here_verifies() -> None:
    found = verdict(SIGNED, KEY)
    assert isinstance(found, Verified)
    assert found.payload_duty == AlreadyChecked()
    assert found.verified_path == b"/a/cat.jpg"
    assert b"AdditionalHeaders=host;range," in header_of(SIGNED, b"authorization")
    assert set(found.coverage.headers) == {name for name, _ in SIGNED.headers} - {b"authorization"}
    for request in (PRESIGNED, CLIENTS):
        found = verdict(request, KEY)
        assert isinstance(found, Verified)
        assert found.payload_duty == Unsigned()
    assert b"host" not in verdict_coverage(CLIENTS)


def verdict_coverage(request: HttpRequest) -> tuple[bytes, ...]:
    found = verdict(request, KEY)
    assert isinstance(found, Verified)
    return found.coverage.headers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"OSS4-HMAC-SHA256 ", b"OSS4-HMAC-SHA256"),
        (b"OSS4-HMAC-SHA256", b"OSS4-HMAC-SHA256X"),
        (b"OSS4-HMAC-SHA256", b"oss4-hmac-sha256"),
        (b"OSS4-HMAC-SHA256", b"AWS4-HMAC-SHA256"),
        (b"aliyun_v4_request", b"aws4_request"),
        (b"aliyun_v4_request", b"aliyun_v4_request/x"),
        (b"20260921", b"2026-09-21"),
        (b"20260921", b"20260922"),
        (b"AdditionalHeaders", b"SignedHeaders"),
        (b"host;range", b"range;host"),
        (b"host;range", b"host;host;range"),
        (b"host;range", b"Host;range"),
        (b"host;range", b"host;;range"),
        (b"host;range", b""),
        (b"host;range", b"host;if-match"),
        (b"host;range", b"content-type;host;range"),
        (b"host;range", b"host;range;x-oss-date"),
        (b"Signature=", b"Signature=0"),
        (b"Signature=", b"Signature=,Signature="),
        (b"Credential=", b"Credential=x,Credential="),
        (b" AdditionalHeaders=", b" AdditionalHeaders=host, AdditionalHeaders="),
    ],
)
def test_authorization_is_read_exactly(old: bytes, new: bytes) -> None:
    found = verdict(edit(SIGNED, b"authorization", old, new), KEY)
    assert isinstance(found, Rejected)
    assert found.reason in {Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"x-oss-signature-version=OSS4-HMAC-SHA256", b"x-oss-signature-version=AWS4-HMAC-SHA256"),
        (b"x-oss-signature-version=OSS4-HMAC-SHA256", b"x-oss-signature-version="),
        (b"x-oss-expires=600", b"x-oss-expires=604801"),
        (b"x-oss-expires=600", b"x-oss-expires=0"),
        (b"x-oss-expires=600", b"x-oss-expires=6e2"),
        (b"x-oss-expires=600", b"x-oss-expires=600&x-oss-expires=600"),
        (b"x-oss-expires=600", b"X-Oss-Expires=600"),
        (b"x-oss-date=20260921T141320Z", b"x-oss-date=1790000000"),
        (b"x-oss-credential=LTAIEXAMPLE%2F", b"x-oss-credential="),
        (b"x-oss-additional-headers=host%3Brange", b"x-oss-additional-headers=host%3Bif-match"),
        (b"x-oss-signature=", b"x-oss-signature=A"),
    ],
)
def test_presigned_parameters_are_read_exactly(old: bytes, new: bytes) -> None:
    found = verdict(edit_target(PRESIGNED, old, new), KEY)
    assert isinstance(found, Rejected)
    assert found.reason in {Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME}


def test_two_signatures() -> None:
    both = replace(SIGNED, target=PRESIGNED.target)
    refused(both, KEY, Reason.AMBIGUOUS)
    refused(put(PRESIGNED, b"authorization", b"Bearer x"), KEY, Reason.AMBIGUOUS)
    refused(put(SIGNED, b"authorization", *[header_of(SIGNED, b"authorization")] * 2), KEY, Reason.MALFORMED)


Change = Callable[[HttpRequest], HttpRequest]


@pytest.mark.parametrize("request_", [SIGNED, PRESIGNED, CLIENTS], ids=["header", "query", "clients"])
@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, method=b"DELETE"),
        lambda r: edit_target(r, b"/a/cat.jpg", b"/a/dog.jpg"),
        lambda r: edit_target(r, b"/a/cat", b"/a//cat"),
        lambda r: edit_target(r, b"/a/cat", b"/a%2Fcat"),
        lambda r: edit_target(r, b"?acl&", b"?"),
        lambda r: edit_target(r, b"?acl&", b"?acl=1&"),
        lambda r: edit_target(r, b"partNumber=1", b"partNumber=2"),
        lambda r: edit_target(r, b"?", b"?uploads&"),
        lambda r: put(r, b"content-type", b"text/html"),
        lambda r: put(r, b"content-type"),
        lambda r: put(r, b"x-oss-meta-note", b"two blanks"),
        lambda r: put(r, b"x-oss-object-acl", b"public-read"),
        lambda r: put(r, b"content-md5", b"1B2M2Y8AsgTpgAmY7PhCfg=="),
        lambda r: put(r, b"host", b"videos.oss-cn-hangzhou.aliyuncs.com"),
    ],
)
def test_one_change(request_: HttpRequest, change: Change) -> None:
    refused(change(request_), KEY, Reason.MISMATCH)


@pytest.mark.parametrize("request_", [SIGNED, PRESIGNED], ids=["header", "query"])
def test_additional_headers_are_bound(request_: HttpRequest) -> None:
    refused(put(request_, b"range", b"bytes=0-"), KEY, Reason.MISMATCH)
    refused(put(request_, b"range"), KEY, Reason.MALFORMED)
    refused(put(request_, b"host", b"oss-cn-hangzhou.aliyuncs.com"), KEY, Reason.MISMATCH)
    assert isinstance(verdict(put(CLIENTS, b"range", b"bytes=0-"), KEY), Verified)
    refused(CLIENTS, KEY, Reason.NOT_COVERED, demand=Demand(required_headers=frozenset({b"range"})))
    refused(CLIENTS, KEY, Reason.NOT_COVERED, demand=Demand(required_headers=frozenset({b"host"})))


def test_spellings_of_what_is_always_signed() -> None:
    for name in (b"x_oss_object_acl", b"x-oss_object-acl", b"content_type"):
        refused(put(SIGNED, name, b"x"), KEY, Reason.NOT_COVERED)
    for name in (b"x-oss-meta-note", b"content-type", b"x-oss-date"):
        refused(put(SIGNED, name, *[header_of(SIGNED, name)] * 2), KEY, Reason.MALFORMED)
    equal = edit_target(SIGNED, b"?acl&", b"?acl=&")
    assert isinstance(verdict(equal, KEY), Verified)  # One parameter in two spellings; an upstream reads both alike.


def test_time() -> None:
    refused(SIGNED, KEY, Reason.TOO_OLD, now=NOW + 901)
    refused(SIGNED, KEY, Reason.TOO_NEW, now=NOW - 901)
    refused(PRESIGNED, KEY, Reason.TOO_OLD, now=NOW + 601)
    refused(put(SIGNED, b"x-oss-date"), KEY, Reason.MALFORMED)
    refused(put(SIGNED, b"x-oss-date", b"20260921T141321Z"), KEY, Reason.MISMATCH)
    dated = put(put(SIGNED, b"x-oss-date"), b"date", b"Mon, 21 Sep 2026 14:13:20 GMT")
    assert "date" in refused(dated, KEY, Reason.NOT_COVERED)


def test_payload() -> None:
    refused(replace(SIGNED, content=b"a dog"), KEY, Reason.PAYLOAD_MISMATCH)
    found = verdict(replace(SIGNED, content=None), KEY)
    assert isinstance(found, Verified)
    assert found.payload_duty == BodySha256(sha256=hashlib.sha256(b"a cat").digest())
    assert "x-oss-content-sha256" in refused(put(SIGNED, b"x-oss-content-sha256"), KEY, Reason.NOT_COVERED)
    refused(put(SIGNED, b"x-oss-content-sha256", b"UNSIGNED-PAYLOAD"), KEY, Reason.MISMATCH)
    for word in (b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"", b"unsigned-payload"):
        refused(put(SIGNED, b"x-oss-content-sha256", word), KEY, Reason.MALFORMED)


def test_security_token() -> None:
    with_token = signed(credentials=replace(CREDENTIALS, security_token="a-token"))
    key = replace(KEY, security_token_sha256=hashlib.sha256(b"a-token").digest())
    assert isinstance(verdict(with_token, key), Verified)
    refused(with_token, KEY, Reason.MISMATCH)
    refused(SIGNED, key, Reason.MISMATCH)
    refused(put(PRESIGNED, b"x-oss-security-token", b"a-token"), KEY, Reason.AMBIGUOUS)
    refused(edit_target(SIGNED, b"?", b"?x-oss-security-token=a-token&"), KEY, Reason.AMBIGUOUS)


# Which bucket a host stands for


@pytest.mark.parametrize(
    "host",
    [
        b"photos.oss-cn-hangzhou-internal.aliyuncs.com",
        b"PHOTOS.OSS-CN-HANGZHOU.ALIYUNCS.COM",
        b"photos.oss-cn-hangzhou.aliyuncs.com:443",
        b"photos.oss-accelerate.aliyuncs.com",
    ],
)
def test_hosts_of_one_bucket_name_one_bucket(host: bytes) -> None:
    assert isinstance(verdict(put(CLIENTS, b"host", host), KEY), Verified)


def test_the_bucket_in_the_path_is_the_bucket_in_the_host() -> None:
    moved = put(edit_target(CLIENTS, b"/a/cat.jpg", b"/photos/a/cat.jpg"), b"host", b"oss-cn-hangzhou.aliyuncs.com")
    found = verdict(moved, KEY)
    assert isinstance(found, Verified)  # The same object in OSS; whose path is `verified_path`, as it came.
    assert found.verified_path == b"/photos/a/cat.jpg"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ((b"photos.oss-cn-beijing.aliyuncs.com",), Reason.NOT_COVERED),  # not of the scope's region
        ((b"photos.oss-cn-hangzhou.aliyuncs.com.example.com",), Reason.NOT_COVERED),
        ((b"files.example.com",), Reason.NOT_COVERED),
        ((b"photos.oss-cn-hangzhou.aliyuncs.com:x",), Reason.NOT_COVERED),
        ((b"",), Reason.NOT_COVERED),
        ((), Reason.NOT_COVERED),
        ((b"a.photos.oss-cn-hangzhou.aliyuncs.com",), Reason.MALFORMED),
        ((b".oss-cn-hangzhou.aliyuncs.com",), Reason.MALFORMED),
        ((b"ph%6ftos.oss-cn-hangzhou.aliyuncs.com",), Reason.MALFORMED),
        ((b"oss-cn-hangzhou.aliyuncs.com",), Reason.MISMATCH),
    ],
)
def test_other_hosts(host: tuple[bytes, ...], reason: Reason) -> None:
    request = put(CLIENTS, b"host", *host)
    if reason is Reason.NOT_COVERED:
        assert "header host" in refused(request, KEY, reason)
    else:
        refused(request, KEY, reason)


def test_a_malformed_host_is_known_before_the_key() -> None:
    """Also where it is signed: found by fuzzing."""
    request = put(SIGNED, b"host", b"a.b.oss-cn-hangzhou.aliyuncs.com")
    found = examine(request, Demand(), schemes={"oss4": SCHEME}, window=Window(), now=NOW)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MALFORMED


def test_any_host_that_is_signed() -> None:
    request = signed(put(PLAIN, b"host", b"files.example.com"))
    assert isinstance(verdict(request, KEY), Verified)
    refused(put(request, b"host", b"www.example.com"), KEY, Reason.MISMATCH)


def test_hosts_by_configuration() -> None:
    mine = from_options("mine", {"endpoints": ["oss.example.com"], "buckets": {"img.example.com": "photos"}, "title": "Ours"})
    assert (mine.name, mine.title) == ("mine", "Ours")
    schemes = {"mine": mine}
    for host in (b"photos.oss.example.com", b"img.example.com"):
        request = as_clients_do(put(PLAIN, b"host", host), mine)
        assert isinstance(verdict(request, KEY, schemes=schemes), Verified)
        for other in (b"photos.oss.example.com", b"img.example.com"):
            assert isinstance(verdict(put(request, b"host", other), KEY, schemes=schemes), Verified)
        refused(put(request, b"host", b"videos.oss.example.com"), KEY, Reason.MISMATCH, schemes=schemes)
        refused(put(request, b"host", b"photos.oss-cn-hangzhou.aliyuncs.com"), KEY, Reason.NOT_COVERED, schemes=schemes)


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("A", {}, "name: "),
        ("", {}, "name: "),
        ("mine", {"hosts": []}, "option hosts: not known"),
        ("mine", {"title": ""}, "option title: "),
        ("mine", {"title": 7}, "option title: "),
        ("mine", {"title": "a\nb"}, "option title: "),
        ("mine", {"endpoints": "oss.example.com"}, "option endpoints: must be a list"),
        ("mine", {"endpoints": ["x"] * 1001}, "option endpoints: must be a list of at most"),
        ("mine", {"endpoints": [7]}, "option endpoints: each"),
        ("mine", {"endpoints": ["OSS.example.com"]}, "option endpoints: each"),
        ("mine", {"endpoints": ["oss.example.com:443"]}, "option endpoints: each"),
        ("mine", {"endpoints": ["{region}.{region}.example.com"]}, "option endpoints: each"),
        ("mine", {"buckets": ["img.example.com"]}, "option buckets: must be a table"),
        ("mine", {"buckets": {"Img.example.com": "photos"}}, "option buckets: each name"),
        ("mine", {"buckets": {7: "photos"}}, "option buckets: each name"),
        ("mine", {"buckets": {"img.example.com": "p"}}, "option buckets: each bucket"),
        ("mine", {"buckets": {"img.example.com": "a/b"}}, "option buckets: each bucket"),
        ("mine", {"buckets": {"img.example.com": 7}}, "option buckets: each bucket"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        from_options(name, options)
    assert from_options("mine", {"endpoints": list(ENDPOINTS)}).name == "mine"


def test_a_string_to_sign() -> None:
    claim = SCHEME.read(read_request(SIGNED), Demand())
    assert claim.scope is not None
    subject = StringToSignSubject(
        scheme="oss4",
        credential=f"LTAIEXAMPLE/{claim.scope.text()}".encode(),
        string_to_sign=canonical.string_to_sign(claim, canonical.canonical_request(claim)),
        signature=claim.signature,
    )
    found = examine(subject, Demand(), schemes={"oss4": SCHEME}, window=Window(), now=NOW)
    assert not isinstance(found, Rejected)
    assert SCHEME.matches(found, KEY, SCHEME.derive)
    own = SCHEME.family.canonical_request
    assert own is not None
    with pytest.raises(ValueError, match="no canonical request"):
        own(found)  # type: ignore[arg-type]
    assert SCHEME._buckets.of(found) is None  # type: ignore[arg-type]
