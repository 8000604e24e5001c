"""What a signature says about the body: a covered digest that is checked, or nothing."""

import hashlib
from dataclasses import replace

from counterseal.core.model import Demand, Reason, Verified
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
    # A part of a representation: its digest says nothing about the content.
    part = with_header(request, b"content-range", b"bytes 0-17/100")
    assert reason(part) is Reason.NOT_COVERED
    both = with_header(with_header(PLAIN, b"repr-digest", DIGESTS), b"content-digest", DIGESTS.replace(b"X48E", b"AAAA"))
    unsigned = with_header(
        with_header(both, INPUT, value.replace(b'"repr', b'"content-digest" "repr')), SIGNATURE, b"sig1=:AAAA:"
    )
    assert refusal(unsigned) is Reason.MALFORMED
