"""String-to-sign subjects: the gateway took them out of a request, and vouches for the rest."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.model import Coverage, Demand, Reason, Rejected, StringToSignSubject, Verified
from counterseal.core.payload import LeftToCaller
from tests.core import sloppy
from tests.core.attacks.table import rows
from tests.core.subjects import DAY, KEY, NOW, SECURITY_TOKEN, STAMP, TEMPORARY_KEY, verdict

MALFORMED, MISMATCH = Reason.MALFORMED, Reason.MISMATCH
CREDENTIAL = sloppy.credential()
HASH = hashlib.sha256(b"canonical").hexdigest().encode()
TEXT = sloppy.text_to_sign(CREDENTIAL, STAMP, b"canonical")


def subject(text: bytes = TEXT, credential: bytes = CREDENTIAL, valid_for: int | None = None) -> StringToSignSubject:
    """Return a subject whose signature is right for whatever the text is."""
    signature = sloppy.mac(credential, text)
    return StringToSignSubject(
        scheme="aws-sigv4", credential=credential, string_to_sign=text, signature=signature, valid_for=valid_for
    )


GOOD = subject()
LINES = TEXT.split(b"\n")

# The signature of each is good: only what it signs is wrong.
TEXTS = {
    "empty": b"",
    "three-lines": b"\n".join(LINES[:3]),
    "five-lines": TEXT + b"\n" + HASH,
    "line-feed-at-the-end": TEXT + b"\n",
    "line-feed-first": b"\n" + TEXT,
    "carriage-returns": TEXT.replace(b"\n", b"\r\n"),
    "carriage-return-at-the-end": TEXT + b"\r",
    "carriage-returns-for-line-feeds": TEXT.replace(b"\n", b"\r"),
    "blank-at-the-end": TEXT + b" ",
    "other-algorithm": TEXT.replace(b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA512"),
    "lower-case-algorithm": TEXT.replace(b"AWS4-HMAC-SHA256", b"aws4-hmac-sha256"),
    "sigv4a": TEXT.replace(b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256"),
    "chunk": b"\n".join((b"AWS4-HMAC-SHA256-PAYLOAD", STAMP, LINES[2], b"0" * 64, HASH, HASH)),
    "trailer": b"\n".join((b"AWS4-HMAC-SHA256-TRAILER", STAMP, LINES[2], b"0" * 64, HASH)),
    "chunk-of-four-lines": b"\n".join((b"AWS4-HMAC-SHA256-PAYLOAD", STAMP, LINES[2], HASH)),
    "post-policy": b"eyJleHBpcmF0aW9uIjogIjIwMjYtMDktMjJUMDA6MDA6MDBaIn0=",
    "time-in-lower-case": TEXT.replace(STAMP, STAMP.lower()),
    "time-that-does-not-exist": TEXT.replace(STAMP, b"20260931T141320Z"),
    "time-of-the-day-before": TEXT.replace(STAMP, b"20260920T141320Z"),
    "scope-of-another-region": TEXT.replace(b"eu-west-1", b"us-east-1"),
    "scope-of-another-service": TEXT.replace(b"/s3/", b"/sqs/"),
    "scope-of-another-day": TEXT.replace(DAY + b"/", b"20260922/"),
    "scope-with-another-terminator": TEXT.replace(b"aws4_request", b"aws5_request"),
    "hash-in-upper-case": b"\n".join((*LINES[:3], HASH.upper())),
    "hash-too-short": TEXT[:-1],
    "hash-missing": b"\n".join((*LINES[:3], b"")),
    "unsigned-payload": b"\n".join((*LINES[:3], b"UNSIGNED-PAYLOAD")),
    "canonical-request-itself": b"GET\n/\n\nhost:x\n\nhost\n" + HASH,
    "nul": TEXT + b"\x00",
    "not-utf8": b"\xff" + TEXT,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_good_signature_over_another_kind_of_text(text: bytes) -> None:
    assert isinstance(verdict(GOOD), Verified)
    found = verdict(subject(text))
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED


Change = Callable[[StringToSignSubject], StringToSignSubject]
CHANGES: tuple[tuple[str, Change, Reason], ...] = (
    ("another-hash", lambda s: replace(s, string_to_sign=TEXT.replace(HASH, b"0" * 64)), MISMATCH),
    ("another-second", lambda s: replace(s, string_to_sign=TEXT.replace(STAMP, b"20260921T141321Z")), MISMATCH),
    ("another-key-id", lambda s: replace(s, credential=b"AK*" + CREDENTIAL), MALFORMED),
    ("credential-empty", lambda s: replace(s, credential=b""), MALFORMED),
    (
        "credential-of-another-region",
        lambda s: replace(s, credential=CREDENTIAL.replace(b"eu-west-1", b"us-east-1")),
        MALFORMED,
    ),
    ("signature-of-zeros", lambda s: replace(s, signature=b"0" * 64), MISMATCH),
    ("signature-in-upper-case", lambda s: replace(s, signature=s.signature.upper()), MALFORMED),
    ("signature-empty", lambda s: replace(s, signature=b""), MALFORMED),
    ("signature-cut", lambda s: replace(s, signature=s.signature[:-1]), MALFORMED),
    ("signature-binary", lambda s: replace(s, signature=bytes(64)), MALFORMED),
    ("valid-for-0", lambda s: replace(s, valid_for=0), MALFORMED),
    ("valid-for-negative", lambda s: replace(s, valid_for=-1), MALFORMED),
    ("valid-for-too-long", lambda s: replace(s, valid_for=604_801), MALFORMED),
    ("a-security-token", lambda s: replace(s, security_token=SECURITY_TOKEN.encode()), MISMATCH),
    ("an-empty-security-token", lambda s: replace(s, security_token=b""), MISMATCH),
    ("another-scheme", lambda s: replace(s, scheme="rfc9421"), Reason.UNSUPPORTED_SCHEME),
    ("no-scheme", lambda s: replace(s, scheme=""), Reason.UNSUPPORTED_SCHEME),
)


@rows(CHANGES)
def test_one_change(row: tuple[str, Change, Reason]) -> None:
    found = verdict(row[1](GOOD))
    assert isinstance(found, Rejected)
    assert found.reason is row[2]


def test_the_window_applies() -> None:
    for valid_for, now, reason in (
        (None, NOW + 901, Reason.TOO_OLD),
        (None, NOW - 901, Reason.TOO_NEW),
        (60, NOW + 61, Reason.TOO_OLD),
        (60, NOW - 901, Reason.TOO_NEW),
    ):
        found = verdict(subject(valid_for=valid_for), now=now)
        assert isinstance(found, Rejected)
        assert found.reason is reason
    assert isinstance(verdict(subject(valid_for=604_800), now=NOW + 604_800), Verified)


def test_nothing_is_said_about_the_rest_of_the_request() -> None:
    found = verdict(GOOD)
    assert isinstance(found, Verified)
    assert (found.payload_duty, found.verified_path, found.coverage) == (LeftToCaller(), b"", Coverage())


def test_headers_cannot_be_demanded() -> None:
    found = verdict(GOOD, demand=Demand(required_headers=frozenset({b"host"})))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.NOT_COVERED


def test_a_demanded_scheme() -> None:
    assert isinstance(verdict(GOOD, demand=Demand(allowed_schemes=frozenset({"aws-sigv4"}))), Verified)
    found = verdict(GOOD, demand=Demand(allowed_schemes=frozenset({"rfc9421"})))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME


def test_security_tokens() -> None:
    with_token = replace(GOOD, security_token=SECURITY_TOKEN.encode())
    assert isinstance(verdict(with_token, key=TEMPORARY_KEY), Verified)
    for bad in (GOOD, replace(GOOD, security_token=b""), replace(GOOD, security_token=b"other")):
        found = verdict(bad, key=TEMPORARY_KEY)
        assert isinstance(found, Rejected)
        assert found.reason is MISMATCH
    empty = replace(KEY, security_token_sha256=hashlib.sha256(b"").digest())
    assert isinstance(verdict(GOOD, key=empty), Rejected)
