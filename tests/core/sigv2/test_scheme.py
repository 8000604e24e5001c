"""Buckets and their slash, signing, options."""

from dataclasses import replace
from typing import Any

import pytest

from counterseal.core import http
from counterseal.core.buckets import BucketHosts
from counterseal.core.model import Claim, Coverage, HttpRequest, Key, Reason, Refusal, Scope, StringToSignSubject, Verified
from counterseal.core.schemes.aws_sigv2 import AwsSigV2, from_options
from counterseal.core.schemes.aws_sigv2.canonical import resources, signature
from tests.core.sigv2.parts import HOSTS, KEY, PLAIN, QUERY_API, SCHEME, signed, verdict
from tests.core.subjects import CREDENTIALS, NO_DEMAND, NOW, with_header


def get(target: bytes, host: bytes = b"s3.amazonaws.com") -> HttpRequest:
    return HttpRequest(method=b"GET", target=target, headers=((b"host", host),), content=b"")


@pytest.mark.parametrize(
    ("path", "bucket", "wanted"),
    [
        (b"/", None, (b"/", b"/")),
        (b"//", None, (b"//", b"//")),
        (b"/photos", None, (b"/photos", b"/photos/")),
        (b"/photos/", None, (b"/photos/", b"/photos")),
        (b"/photos//", None, (b"/photos//", b"/photos//")),
        (b"/photos/a/", None, (b"/photos/a/", b"/photos/a/")),
        (b"/", b"photos", (b"/photos/", b"/photos")),
        (b"/a", b"photos", (b"/photos/a", b"/photos/a")),
    ],
)
def test_a_bare_bucket_has_two_spellings(path: bytes, bucket: bytes | None, wanted: tuple[bytes, bytes]) -> None:
    assert resources(path, bucket) == wanted


@pytest.mark.parametrize(
    ("sent", "signed_as"), [(b"/photos", b"/photos/"), (b"/photos/", b"/photos"), (b"/photos?acl", b"/photos/?acl")]
)
def test_both_spellings_verify(sent: bytes, signed_as: bytes) -> None:
    """rclone signs the slash that botocore leaves away. A resource that is no bare bucket has one spelling."""
    request = replace(signed(get(signed_as)), target=sent)
    assert isinstance(verdict(request), Verified)
    deeper = replace(signed(get(b"/photos/a/")), target=b"/photos/a")
    assert not isinstance(verdict(deeper), Verified)


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        (b"photos.s3.amazonaws.com", b"photos"),
        (b"Photos.S3.amazonaws.com:443", b"photos"),
        (b"my.photos.us-west-1.s3.amazonaws.com", b"my.photos"),
        (b"s3.amazonaws.com", None),
        (b"us-west-1.s3.amazonaws.com", None),
        (b"static.example.com:8080", b"static.example.com"),
        (b"xs3.amazonaws.com", None),
        (b"[::1]:9000", None),
        (b"\xe9.s3.example.com", None),
        (b"", None),
    ],
)
def test_buckets_in_hosts(host: bytes, bucket: bytes | None) -> None:
    assert HOSTS.bucket_of(http.read_request(get(b"/", host))) == bucket


def test_no_host_names_no_bucket() -> None:
    assert HOSTS.bucket_of(http.read_request(replace(get(b"/"), headers=()))) is None


@pytest.mark.parametrize("host", [b".s3.amazonaws.com", b"\xff.s3.amazonaws.com", b"a b.s3.amazonaws.com"])
def test_what_is_no_bucket_name_is_malformed(host: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        HOSTS.bucket_of(http.read_request(get(b"/", host)))
    assert caught.value.reason is Reason.MALFORMED


def test_virtual_hosts_verify_where_they_are_configured() -> None:
    request = signed(get(b"/cat.jpg", b"photos.s3.amazonaws.com"))
    assert isinstance(verdict(request), Verified)
    unaware = AwsSigV2()
    assert not isinstance(verdict(request, schemes={"aws-sigv2": unaware}), Verified)
    other = with_header(request, b"host", b"others.s3.amazonaws.com")
    assert not isinstance(verdict(other), Verified)


@pytest.mark.parametrize("zone", [b"GMT", b"UTC", b"+0000"])
def test_dates_as_clients_write_them(zone: bytes) -> None:
    for name in (b"date", b"x-amz-date"):
        stated = replace(PLAIN, headers=(*PLAIN.headers, (name, b"Mon, 21 Sep 2026 14:13:20 " + zone)))
        found = verdict(signed(stated))
        assert isinstance(found, Verified)
        assert found.signed_time == NOW
        assert name in found.coverage.headers


def test_date_beside_x_amz_date_is_not_signed() -> None:
    stamp = b"Mon, 21 Sep 2026 14:13:20 GMT"
    request = signed(replace(PLAIN, headers=(*PLAIN.headers, (b"x-amz-date", stamp), (b"date", b"long ago"))))
    found = verdict(request)
    assert isinstance(found, Verified)
    assert b"date" not in found.coverage.headers
    assert isinstance(verdict(with_header(request, b"date", b"yesterday")), Verified)


def test_headers_in_the_query_count_as_headers() -> None:
    """As botocore presigns: moved into the query. The header itself may come along, if it says the same."""
    moved = replace(get(b"/b/k?content-type=text%2Fplain&x-amz-acl=%20private"), method=b"PUT")
    request = signed(moved, expires="60")
    found = verdict(request)
    assert isinstance(found, Verified)
    assert found.coverage.headers == ()
    beside = replace(request, headers=(*request.headers, (b"content-type", b" text/plain"), (b"x-amz-acl", b"private")))
    found = verdict(beside)
    assert isinstance(found, Verified)
    assert found.coverage.headers == (b"content-type", b"x-amz-acl")


@pytest.mark.parametrize("method", ["HmacSHA1", "HmacSHA256"])
def test_the_query_api_has_two_hashes(method: str) -> None:
    found = verdict(signed(QUERY_API, dialect="query", method=method))
    assert isinstance(found, Verified)
    assert found.coverage == Coverage(headers=(b"host",), method=True, path=True, query=True)


@pytest.mark.parametrize(
    "options",
    [
        {"expires": "0"},
        {"expires": "604801"},
        {"expires": "1e3"},
        {"dialect": "v4"},
        {"dialect": "query", "expires": "60"},
        {"dialect": "query", "method": "HmacMD5"},
        {"method": "HmacSHA1"},
        {"region": "eu-west-1"},
    ],
)
def test_options_that_signing_does_not_have(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="option"):
        signed(**options)


def test_what_signing_refuses() -> None:
    with pytest.raises(ValueError, match="signed already"):
        signed(signed())
    with pytest.raises(ValueError, match="target"):
        signed(replace(PLAIN, target=b"*"))
    with pytest.raises(ValueError, match="secret"):
        signed(PLAIN, replace(CREDENTIALS, secret=b"", private_key=b"x"))
    with pytest.raises(ValueError, match="retention"):
        signed(replace(PLAIN, target=b"/b/k?retention"))
    with pytest.raises(ValueError, match="host"):
        signed(replace(QUERY_API, headers=()), dialect="query")


def test_signing_without_a_query_and_without_headers() -> None:
    assert isinstance(verdict(signed(replace(PLAIN, target=b"/b/k?"), expires="60")), Verified)
    assert isinstance(verdict(signed(replace(PLAIN, target=b"/b/k", headers=()), expires="60")), Verified)


def test_the_scheme_tells_that_it_is_weak_and_takes_options() -> None:
    assert "SHA1" in SCHEME.weakness
    scheme = from_options("aws-sigv2", {"base_domains": ["s3.example.com"], "bucket_hosts": ("cdn.example.com",)})
    request = signed(get(b"/k", b"photos.s3.example.com"))
    read = http.read_request(request)
    assert scheme.read(read, NO_DEMAND).strings_to_sign[0].endswith(b"\n/photos/k")
    assert from_options("aws-sigv2", {}).name == "aws-sigv2"
    for name, options in (
        ("other", {}),
        ("aws-sigv2", {"hosts": []}),
        ("aws-sigv2", {"base_domains": "s3.example.com"}),
        ("aws-sigv2", {"base_domains": [1]}),
        ("aws-sigv2", {"base_domains": ["S3.example.com"]}),
        ("aws-sigv2", {"bucket_hosts": ["example.com:80"]}),
    ):
        with pytest.raises(ValueError, match=r"name|option hosts|base_domains|bucket_hosts"):
            from_options(name, options)
    with pytest.raises(ValueError, match="base_domains"):
        BucketHosts(base_domains=("",))


def test_what_the_scheme_does_not_have() -> None:
    with pytest.raises(Refusal):
        SCHEME.read_string_to_sign(
            StringToSignSubject(scheme="aws-sigv2", credential=b"AKIDEXAMPLE", string_to_sign=b"GET", signature=b"x")
        )
    with pytest.raises(ValueError, match="derives"):
        SCHEME.derive(KEY, Scope(date="", region="", service="", scheme="aws-sigv2"))
    foreign = Claim(scheme="x", key_id="abc", scope=None, signed_time=0, valid_for=None, coverage=Coverage(), signature=b"")
    with pytest.raises(TypeError):
        SCHEME.verified_path(foreign)


def test_both_spellings_are_computed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two computations for any request, and two more where no signature matches, whoever's key it is: time tells nothing."""
    calls = []

    def counting(secret: bytes, text: bytes, hash_name: str = "sha1") -> bytes:
        calls.append(text)
        return signature(secret, text, hash_name)

    bare, deep = signed(get(b"/photos")), signed(get(b"/photos/a"))
    monkeypatch.setattr("counterseal.core.schemes.aws_sigv2.canonical.signature", counting)
    keys: list[Key | None] = [KEY, None, replace(KEY, secret=b"another secret, long enough")]
    for request in (bare, deep, signed(QUERY_API, dialect="query")):
        for key in keys:
            calls.clear()
            verdict(request, key=key)
            assert len(calls) == (2 if key is KEY else 4)
