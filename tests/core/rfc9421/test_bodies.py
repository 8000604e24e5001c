"""What a signature says about the body: a covered digest that is checked, or nothing."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, Reason, Refusal, Verified
from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, Unsigned
from counterseal.core.schemes.rfc9421 import Rfc9421, read_claim
from tests.core.rfc9421.making import PLAIN, reason, refusal, resigned, signed, verdict, with_header

INPUT, SIGNATURE = b"signature-input", b"signature"


def test_an_unsigned_body_is_said_to_be_one() -> None:
    request = signed(components="@method @authority @path @query", digest="none")
    assert reason(request) is Reason.NOT_COVERED
    assert reason(replace(request, content=None)) is Reason.NOT_COVERED  # A length announces it.
    hidden = replace(with_header(request, b"content-length"), content=None)
    found = verdict(hidden)
    assert isinstance(found, Verified)
    assert found.payload_duty.sha256 == hashlib.sha256(b"").digest()  # type: ignore[union-attr]
    assert reason(with_header(hidden, b"transfer-encoding", b"chunked")) is Reason.NOT_COVERED
    assert reason(replace(hidden, content_sha256=bytes(32))) is Reason.NOT_COVERED
    found = verdict(replace(hidden, content_sha256=hashlib.sha256(b"").digest()))
    assert isinstance(found, Verified)


def test_a_digest_beside_the_signature_says_nothing() -> None:
    demand = Demand(required_components=('"@method"',))
    request = with_header(signed(components="@method", digest="none"), b"content-digest", b"nonsense")
    found = verdict(request, demand=demand)
    assert isinstance(found, Verified)
    assert type(found.payload_duty).__name__ == "Unsigned"


DIGESTS = (
    b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, "
    b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
)


def test_one_digest_of_two_covered() -> None:
    request = with_header(PLAIN, b"content-digest", DIGESTS)
    rest = b'"@method" "@authority" "@path" "@query"'
    one = resigned(request, b'sig1=(%s "content-digest";key="sha-256");created=1700000000;keyid="test-key"' % rest)
    assert isinstance(verdict(one), Verified)
    changed = with_header(one, b"content-digest", DIGESTS.replace(b"WZDP", b"AAAA"))
    assert isinstance(verdict(changed), Verified)  # The other one is not covered, and not looked at.
    assert reason(with_header(one, b"content-digest", DIGESTS.replace(b"X48E", b"AAAA"))) is Reason.MISMATCH
    whole = resigned(request, b'sig1=(%s "content-digest");created=1700000000;keyid="test-key"' % rest)
    assert isinstance(verdict(whole), Verified)
    both_wrong = with_header(PLAIN, b"content-digest", DIGESTS.replace(b"WZDP", b"AAAA"))
    lying = resigned(both_wrong, b'sig1=(%s "content-digest");created=1700000000;keyid="test-key"' % rest)
    assert reason(lying) is Reason.PAYLOAD_MISMATCH
    unknown = with_header(PLAIN, b"content-digest", b"md5=:AAAA:, " + DIGESTS)
    other = resigned(unknown, b'sig1=(%s "content-digest";key="md5");created=1700000000;keyid="test-key"' % rest)
    assert reason(other) is Reason.NOT_COVERED


def test_repr_digest() -> None:
    rest = b'"@method" "@authority" "@path" "@query"'
    value = b'sig1=(%s "repr-digest");created=1700000000;keyid="test-key"' % rest
    request = resigned(with_header(PLAIN, b"repr-digest", DIGESTS), value)
    assert isinstance(verdict(request), Verified)
    assert reason(replace(request, content=b"another")) is Reason.PAYLOAD_MISMATCH
    both = with_header(with_header(PLAIN, b"repr-digest", DIGESTS), b"content-digest", DIGESTS.replace(b"X48E", b"AAAA"))
    unsigned = with_header(
        with_header(both, INPUT, value.replace(b'"repr', b'"content-digest" "repr')), SIGNATURE, b"sig1=:AAAA:"
    )
    assert refusal(unsigned) is Reason.MALFORMED


REST = '"@method" "@authority" "@path" "@query"'
RANGE = b"bytes 0-17/18"
# What a caller may demand: nothing (the default), the digest by name, and components without any digest.
DEMANDS = tuple(Demand(required_components=tuple(names.split())) for names in ("", f'{REST} "repr-digest"', REST))


def covering(components: str, *fields: tuple[bytes, bytes]) -> HttpRequest:
    """Return a request with more headers, signed over the default and these components."""
    request = PLAIN
    for name, value in fields:
        request = with_header(request, name, value)
    return resigned(request, f'sig1=({REST} {components});created=1700000000;keyid="test-key"'.encode())


@pytest.mark.parametrize("demand", DEMANDS, ids=["default", "demanded", "not demanded"])
@pytest.mark.parametrize("line", [RANGE, b"bytes 0-17/100", b"", b"nonsense"])
def test_nobody_switches_a_signed_digest_off_by_adding_content_range(demand: Demand, line: bytes) -> None:
    honest = covering('"repr-digest"', (b"repr-digest", DIGESTS))
    added = with_header(honest, b"content-range", line)
    for request in (honest, added):
        found = verdict(request, demand=demand)
        assert isinstance(found, Verified)
        assert found.payload_duty == AlreadyChecked()
        assert reason(replace(request, content=b"another"), demand=demand) is Reason.PAYLOAD_MISMATCH
        assert reason(replace(request, content=b""), demand=demand) is Reason.PAYLOAD_MISMATCH
        streamed = verdict(replace(request, content=None), demand=demand)
        assert isinstance(streamed, Verified)
        assert isinstance(streamed.payload_duty, BodyDigests)


def test_a_part_of_a_representation() -> None:
    """The signer covers Content-Range, so what it says is the signer's; the content needs a digest of its own then."""
    fields = ((b"repr-digest", DIGESTS.replace(b"X48E", b"AAAA")), (b"content-range", RANGE))
    for flag in ("", ";bs"):
        part = covering(f'"repr-digest" "content-range"{flag}', *fields)
        for demand in DEMANDS:
            assert reason(part, demand=demand) is Reason.NOT_COVERED
            assert reason(replace(part, content=b""), demand=demand) is Reason.NOT_COVERED
    both = covering('"repr-digest" "content-range" "content-digest"', *fields, (b"content-digest", DIGESTS))
    found = verdict(both)
    assert isinstance(found, Verified)
    assert found.payload_duty == AlreadyChecked()
    assert reason(replace(both, content=b"another")) is Reason.PAYLOAD_MISMATCH
    # A member of it is not all of it.
    member = covering('"repr-digest" "content-range";key="a"', fields[0], (b"content-range", b"a=1"))
    assert reason(member) is Reason.PAYLOAD_MISMATCH


@pytest.mark.parametrize(
    "components",
    ['"content-digest";key="md5"', '"repr-digest";key="md5"', '"content-digest";key="md5" "repr-digest";key="md5"'],
)
def test_a_covered_digest_that_cannot_be_checked_is_not_an_unsigned_body(components: str) -> None:
    stated = b"md5=:AAAA:, " + DIGESTS
    request = covering(components, (b"content-digest", stated), (b"repr-digest", stated))
    for demand in (*DEMANDS, Demand(required_components=tuple(components.split()))):
        for content in (PLAIN.content, b"", None):
            assert reason(replace(request, content=content), demand=demand) is Reason.NOT_COVERED
    # Asked alone, without the coverage before it, the duty is no softer.
    with pytest.raises(Refusal) as caught:
        Rfc9421().payload_duty(read_claim(request, DEMANDS[2]), request)
    assert caught.value.reason is Reason.NOT_COVERED


# Headers that say something about the body, and that nobody signed.
ABOUT_BODIES = (
    (b"content-range", RANGE),
    (b"content-length", b"0"),
    (b"transfer-encoding", b"chunked"),
    (b"content-encoding", b"gzip"),
    (b"trailer", b"content-digest"),
    (b"expect", b"100-continue"),
)


@pytest.mark.parametrize("demand", DEMANDS[::2], ids=["default", "demanded"])
@pytest.mark.parametrize("covered", ["content-digest", "repr-digest", ""])
@pytest.mark.parametrize("sent", ["content", "hash", "nothing"])
def test_no_unsigned_header_softens_the_duty(demand: Demand, covered: str, sent: str) -> None:
    """Added, changed or taken away on the way: the body stays bound as it was, or the request is refused."""
    request = covering(f'"{covered}"', (covered.encode(), DIGESTS)) if covered else covering("")
    content = {"content": PLAIN.content}.get(sent)
    request = replace(
        request, content=content, content_sha256=hashlib.sha256(PLAIN.content or b"").digest() if sent == "hash" else None
    )
    changed = [with_header(request, name, *lines) for name, value in ABOUT_BODIES for lines in ((value,), (value, value), ())]
    before, kept = verdict(request, demand=demand), 0
    for other in changed:
        after = verdict(other, demand=demand)
        if isinstance(after, Verified):
            duty = after.payload_duty
            if isinstance(before, Verified):
                assert duty == before.payload_duty
            else:
                # Nothing announces a body any more: then there must be none.
                assert duty == BodySha256(sha256=hashlib.sha256(b"").digest())
            assert (duty == Unsigned()) is (not covered and bool(demand.required_components))
            kept += 1
    # The two: Content-Length is 0, or gone.
    assert kept == (len(changed) if isinstance(before, Verified) else 2 if sent == "nothing" else 0)
