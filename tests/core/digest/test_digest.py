"""Content-Digest and Digest: RFC 9530's examples, and one strict reading."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from counterseal.core import digest
from counterseal.core.model import HttpRequest, Reason, Refusal
from counterseal.core.payload import AlreadyChecked, BodyDigests

VECTORS = Path(__file__).parents[2] / "vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "rfc9530.json").read_text())["cases"]
BODY = b'{"hello": "world"}'
SHA256, SHA512 = hashlib.sha256(BODY).digest(), hashlib.sha512(BODY).digest()
D256, D512 = (base64.b64encode(d) for d in (SHA256, SHA512))
BOTH = {"sha-256": SHA256, "sha-512": SHA512}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_rfc9530(case: dict[str, Any]) -> None:
    content = base64.b64decode(case["content_base64"])
    verdict = case["expected"]["verdict"]
    try:
        found = digest.read_content_digest([case["value"].encode()])
    except Refusal:
        # What cannot be read, and what proves nothing, matches nothing.
        found = {}
    assert digest.check(found, content) is (verdict == "valid")
    if verdict == "deprecated-algorithm":
        assert not found


def test_every_case_of_rfc9530_is_run() -> None:
    assert len(CASES) == 27


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_what_is_written_reads(algorithm: str) -> None:
    for content in (b"", BODY, b"\x00" * 1000):
        written = digest.write_content_digest(content, algorithm)
        assert digest.check(digest.read_content_digest([written]), content)
        assert not digest.check(digest.read_content_digest([written]), content + b"x")
        written = digest.write_digest(content, algorithm)
        assert digest.check(digest.read_digest([written]), content)
    with pytest.raises(KeyError):
        digest.write_content_digest(b"", "md5")
    with pytest.raises(KeyError):
        digest.write_digest(b"", "sha")


@pytest.mark.parametrize(
    "values",
    [
        [b"sha-256=:%s:" % D256],
        [b"  sha-256=:%s:\t" % D256],
        [b"md5=:AAAA:, sha-256=:%s:" % D256],
        [b"sha-256=:%s:\t ,\t sha-999=::" % D256],
        [b"md5=:AAAA:", b"sha-256=:%s:" % D256],
    ],
)
def test_one_secure_digest_is_enough(values: list[bytes]) -> None:
    assert digest.read_content_digest(values) == {"sha-256": SHA256}


def test_all_secure_digests_count() -> None:
    assert digest.read_content_digest([b"sha-512=:%s:,sha-256=:%s:" % (D512, D256)]) == BOTH
    assert digest.check(BOTH, BODY)
    assert not digest.check({**BOTH, "sha-512": SHA512[::-1]}, BODY)
    assert not digest.check({**BOTH, "sha-256": SHA256[::-1]}, BODY)


def test_no_digest_or_an_unknown_one_matches_nothing() -> None:
    assert not digest.check({}, BODY)
    assert not digest.check({"md5": hashlib.md5(BODY).digest()}, BODY)
    assert not digest.check({"sha-256": SHA256, "md5": hashlib.md5(BODY).digest()}, BODY)


CONTENT_DIGESTS = [
    b"",
    b",",
    b"sha-256=:%s:," % D256,
    b",sha-256=:%s:" % D256,
    b"sha-256=:%s:, sha-256=:%s:" % (D256, D256),
    b"sha-256=:%s:, md5=:AAAA:, md5=:AAAA:" % D256,
    b"SHA-256=:%s:" % D256,
    b"sha-256 =:%s:" % D256,
    b"sha-256= :%s:" % D256,
    b"sha-256=:%s:;q=1" % D256,
    b"sha-256=%s" % D256,
    b"sha-256=:%s" % D256,
    b"sha-256=%s:" % D256,
    b'sha-256="%s"' % D256,
    b"sha-256",
    b"sha-256=:%s :" % D256,
    b"sha-256=:%s:" % D256.rstrip(b"="),
    b"sha-256=:%s:" % (D256[:-2] + b"F="),
    b"sha-256=:%s:" % D256.replace(b"+", b"-").replace(b"/", b"_").ljust(45, b"="),
    b"sha-256=:%s:" % base64.b64encode(SHA256[:31]),
    b"sha-256=:%s:" % base64.b64encode(SHA256 + b"\x00"),
    b"sha-256=:A:",
    b"sha-256=::",
    b"sha-512=:%s:" % D256,
    b"sha-256=:%s:, other=1" % D256,
    b"sha-256=:%s:, (a b)" % D256,
    b"md5=:AAAA:",
    b"sha=:AAAA:, unixsum=:AAAA:",
    b"\xffsha-256=:%s:" % D256,
    b"sha-256=:%s:" % D256 + b"," + b",".join(b"a%d=:AA==:" % n for n in range(20)),
    b"sha-256=:%s:" % D256 + b" " * 5000,
    b"x" * 5000,
]


@pytest.mark.parametrize("value", CONTENT_DIGESTS)
def test_everything_else_is_malformed(value: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        digest.read_content_digest([value])
    assert caught.value.reason is Reason.MALFORMED
    assert D256.decode() not in caught.value.detail


def test_the_older_field() -> None:
    assert digest.read_digest([b"SHA-256=%s" % D256]) == {"sha-256": SHA256}
    assert digest.read_digest([b"sha-256=%s , Sha-512=%s" % (D256, D512)]) == BOTH
    assert digest.read_digest([b"MD5=abcd==,SHA-256=%s,unixsum=30637" % D256]) == {"sha-256": SHA256}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"SHA-256",
        b"SHA-256=",
        b"MD5=abcd==",
        b"SHA=AAAA",
        b"SHA-256=%s,sha-256=%s" % (D256, D256),
        b"SHA-256=:%s:" % D256,
        b'SHA-256="%s"' % D256,
        b"SHA-256=%s," % D256,
        b"SHA-256 =%s" % D256,
        b"SHA-256=%s" % D256.rstrip(b"="),
        b"SHA-256=%s" % SHA256.hex().encode(),
        b"SHA-256=%s SHA-512=%s" % (D256, D512),
    ],
)
def test_the_older_field_is_strict_too(value: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        digest.read_digest([value])
    assert caught.value.reason is Reason.MALFORMED


def _request(content: bytes | None = None, sha256: bytes | None = None) -> HttpRequest:
    return HttpRequest(method=b"POST", target=b"/", headers=(), content=content, content_sha256=sha256)


def test_duty() -> None:
    assert digest.body_duty(BOTH, _request(BODY)) == AlreadyChecked()
    assert digest.body_duty({"sha-256": SHA256}, _request(sha256=SHA256)) == AlreadyChecked()
    assert digest.body_duty(BOTH, _request(sha256=SHA256)) == BodyDigests(digests=(("sha-512", SHA512),))
    assert digest.body_duty({"sha-512": SHA512}, _request(sha256=SHA256)) == BodyDigests(digests=(("sha-512", SHA512),))
    assert digest.body_duty(BOTH, _request()) == BodyDigests(digests=tuple(BOTH.items()))


@pytest.mark.parametrize("request_", [_request(BODY + b"x"), _request(b""), _request(sha256=SHA256[::-1])])
def test_duty_refuses_another_body(request_: HttpRequest) -> None:
    with pytest.raises(Refusal) as caught:
        digest.body_duty({"sha-256": SHA256}, request_)
    assert caught.value.reason is Reason.PAYLOAD_MISMATCH
