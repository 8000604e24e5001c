"""What Version 2 covers, until when it is good, and that it is never taken for another scheme."""

from dataclasses import replace
from typing import Any

import pytest

from counterseal.core.model import HttpRequest, KeyKind, PublicKey, Reason, Rejected, Verified
from counterseal.core.schemes import BUILT_IN
from tests.core import subjects
from tests.core.sigv2.parts import KEY, PLAIN, QUERY_API, SCHEME, SCHEMES, signed, verdict
from tests.core.subjects import NOW, TEMPORARY, TEMPORARY_KEY, and_header, edit_target, with_header

HEADER = signed()
QUERY = signed(expires="3600")
GENERAL = signed(QUERY_API, dialect="query")
MALFORMED, MISMATCH = Reason.MALFORMED, Reason.MISMATCH


def more(request: HttpRequest, query: bytes) -> HttpRequest:
    return replace(request, target=request.target + b"&" + query)


def test_what_the_signature_does_not_cover_is_said() -> None:
    """Host, unlisted headers, paging parameters and the body may all be changed: Version 2 is that weak."""
    changed = replace(and_header(with_header(HEADER, b"host", b"elsewhere"), b"range", b"bytes=0-1"), content=b"other")
    found = verdict(more(changed, b"prefix=a&max-keys=2"))
    assert isinstance(found, Verified)
    assert found.coverage.headers == (b"content-md5", b"content-type", b"date", b"x-amz-acl", b"x-amz-meta-a")
    assert (found.coverage.method, found.coverage.path, found.coverage.query) == (True, True, False)
    assert type(found.payload_duty).__name__ == "Unsigned"


def test_a_value_cannot_become_a_second_parameter() -> None:
    """Signed decoded, one value with & and two parameters are one string to sign: only the one that is unambiguous is read."""
    base = replace(PLAIN, target=b"/b/k?response-expires=1&uploads")
    both = signed(base)
    assert isinstance(verdict(both), Verified)
    joined = edit_target(both, b"1&uploads", b"1%26uploads")
    found = verdict(joined)
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED
    for value in (b"1%26uploads%3Dx", b"a%0Ab", b"a%00"):
        with pytest.raises(ValueError):
            signed(replace(base, target=b"/b/k?response-expires=" + value))
    harmless = signed(replace(base, target=b"/b/k?response-content-disposition=a%26b.txt"))
    assert isinstance(verdict(harmless), Verified)


@pytest.mark.parametrize(
    ("request_", "offset", "reason"),
    [
        (HEADER, 900, None),
        (HEADER, 901, Reason.TOO_OLD),
        (HEADER, -900, None),
        (HEADER, -901, Reason.TOO_NEW),
        (GENERAL, 901, Reason.TOO_OLD),
        (GENERAL, -901, Reason.TOO_NEW),
        (QUERY, 3600, None),
        (QUERY, 3601, Reason.TOO_OLD),
        (QUERY, 3600 - 604_800 - 900, None),
        (QUERY, 3600 - 604_800 - 901, Reason.TOO_NEW),
    ],
)
def test_times(request_: HttpRequest, offset: int, reason: Reason | None) -> None:
    """A presigned request states an end and no time, so the end may lie seven days (and the skew) ahead, and no more."""
    found = verdict(request_, now=NOW + offset)
    assert (found.reason if isinstance(found, Rejected) else None) is reason


def test_an_end_is_all_that_a_presigned_request_states() -> None:
    found = verdict(QUERY)
    assert isinstance(found, Verified)
    assert (found.signed_time, found.valid_until) == (None, NOW + 3600)


@pytest.mark.parametrize("options", [{}, {"expires": "60"}, {"dialect": "query"}])
def test_security_tokens(options: dict[str, Any]) -> None:
    base = PLAIN if "dialect" not in options else QUERY_API
    key = replace(TEMPORARY_KEY, allowed_schemes=KEY.allowed_schemes)
    with_token, without = signed(base, TEMPORARY, **options), signed(base, **options)
    assert isinstance(verdict(with_token, key=key), Verified)
    assert isinstance(verdict(without, key=KEY), Verified)
    for request, known in ((with_token, KEY), (without, key)):
        found = verdict(request, key=known)
        assert isinstance(found, Rejected)
        assert found.reason is MISMATCH
    other = replace(TEMPORARY, security_token="other")
    assert isinstance(verdict(signed(base, other, **options), key=key), Rejected)
    with pytest.raises(ValueError, match="security token"):
        signed(base, replace(TEMPORARY, security_token="a b"), **options)


def test_never_under_another_scheme() -> None:
    """A signature of Version 4 is none of Version 2, and the reverse; a key allows what its record says."""
    both = {**BUILT_IN, **SCHEMES}
    v4_key = replace(KEY, allowed_schemes=frozenset({"aws-sigv4"}))
    for request in (HEADER, QUERY, GENERAL):
        found = verdict(request, key=v4_key, schemes=both)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.UNSUPPORTED_SCHEME
    for request in (subjects.signed(), subjects.presigned()):
        found = verdict(request, key=KEY, schemes=both)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.UNSUPPORTED_SCHEME
        assert isinstance(verdict(request, schemes=SCHEMES), Rejected)
    mixed = more(QUERY, subjects.presigned().target.partition(b"?")[2].partition(b"&versionId=7&")[2])
    found = verdict(mixed, schemes=both)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.AMBIGUOUS


def test_a_public_key_is_no_secret() -> None:
    spki = b"\x30\x2a" + b"\x01" * 42
    public = replace(KEY, secret=b"", public_key=PublicKey(algorithm="ed25519", spki=spki))
    forged = signed(PLAIN, replace(subjects.CREDENTIALS, secret=spki))
    found = verdict(forged, key=public)
    assert isinstance(found, Rejected)
    assert SCHEME.key_kinds == {KeyKind.SYMMETRIC}


def test_short_secrets_never_verify() -> None:
    for secret in (b"short", b"\x00" * 40):
        found = verdict(signed(PLAIN, replace(subjects.CREDENTIALS, secret=secret)), key=replace(KEY, secret=secret))
        assert isinstance(found, Rejected)
        assert found.reason is MISMATCH
