"""Covered trailer fields (`;tr`): other fields than those of the head, and known only once the body was read."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.digest import write_content_digest
from counterseal.core.model import Demand, HttpRequest, Reason, Refusal, Verified
from counterseal.core.payload import AlreadyChecked
from counterseal.core.schemes.rfc9421 import read_claim
from tests.core.rfc9421.making import PLAIN, reason, resigned, verdict, with_header

REST = b'"@method" "@authority" "@path" "@query"'
BODY = PLAIN.content or b""
DIGEST = write_content_digest(BODY)
TRAILERS = ((b"x-total", b"3"), (b"x-list", b"c"), (b"x-list", b"d"), (b"content-digest", DIGEST))
SENT = replace(PLAIN, trailers=TRAILERS)
DIGEST_DEMAND = Demand(required_components=('"@method"', '"content-digest";tr'))


def covering(request: HttpRequest, *components: bytes) -> HttpRequest:
    parameters = b';created=1700000000;keyid="test-key"'
    return resigned(request, b"sig1=(%s %s)%s" % (REST, b" ".join(components), parameters))


SIGNED = covering(with_header(SENT, b"content-digest", DIGEST), b'"content-digest"', b'"x-total";tr', b'"x-list";tr')


def test_a_covered_trailer_field_verifies_and_is_no_header() -> None:
    found = verdict(SIGNED)
    assert isinstance(found, Verified)
    assert b"x-total" not in found.coverage.headers
    assert b"x-list" not in found.coverage.headers
    assert '"x-list";tr' in found.coverage.components
    assert b'"x-list";tr: c, d\n' in read_claim(SIGNED).base


@pytest.mark.parametrize(
    "trailers",
    [
        ((b"x-total", b"4"), *TRAILERS[1:]),
        (TRAILERS[0], TRAILERS[2], TRAILERS[1]),
        (*TRAILERS, (b"x-list", b"e")),
        (*TRAILERS, (b"x-total", b"3")),
    ],
)
def test_a_changed_trailer_does_not_match(trailers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert reason(replace(SIGNED, trailers=trailers)) is Reason.MISMATCH


def test_head_and_trailer_are_two_places() -> None:
    """The field of the head is signed; the same line as a trailer is not it, nor the other way round."""
    moved = replace(SIGNED, trailers=TRAILERS[1:], headers=(*SIGNED.headers, TRAILERS[0]))
    assert reason(moved) is Reason.MALFORMED
    head = covering(with_header(SENT, b"content-digest", DIGEST), b'"content-digest"', b'"x-list"')
    for wanted in ('"x-list";tr', '"content-digest";tr'):
        assert reason(head, demand=Demand(required_components=(wanted,))) is Reason.NOT_COVERED
    assert isinstance(verdict(SIGNED, demand=Demand(required_components=('"x-list";tr',))), Verified)
    assert reason(SIGNED, demand=Demand(required_components=('"x-list"',))) is Reason.NOT_COVERED
    assert reason(SIGNED, demand=Demand(required_headers=frozenset({b"x-total"}))) is Reason.NOT_COVERED


def test_trailers_are_asked_for_while_the_body_streams() -> None:
    streamed = replace(SIGNED, content=None, trailers=())
    assert reason(streamed) is Reason.BODY_REQUIRED
    assert reason(replace(SIGNED, trailers=())) is Reason.MALFORMED
    assert reason(replace(streamed, content_sha256=hashlib.sha256(BODY).digest())) is Reason.MALFORMED
    assert isinstance(verdict(replace(SIGNED, content=None, content_sha256=hashlib.sha256(BODY).digest())), Verified)


def test_a_digest_in_the_trailer_is_checked() -> None:
    request = covering(SENT, b'"content-digest";tr')
    found = verdict(request)
    assert isinstance(found, Verified)
    assert found.payload_duty == AlreadyChecked()
    assert isinstance(verdict(request, demand=DIGEST_DEMAND), Verified)
    assert reason(replace(request, content=BODY + b" ")) is Reason.PAYLOAD_MISMATCH
    # One in the head says nothing then, and is not looked at.
    other = with_header(request, b"content-digest", write_content_digest(b"another"))
    assert isinstance(verdict(other), Verified)


def test_digests_in_both_places_have_to_agree() -> None:
    both = with_header(SENT, b"content-digest", write_content_digest(b"another"))
    unsigned = covering(both, b'"content-digest"')
    assert reason(unsigned) is Reason.PAYLOAD_MISMATCH
    with pytest.raises(Refusal, match="contradict"):
        covering(both, b'"content-digest"', b'"content-digest";tr')


def test_structured_trailers_are_parsed_apart_from_headers_of_the_same_name() -> None:
    request = replace(SENT, trailers=(*TRAILERS, (b"x-dict", b"a=2")))
    request = with_header(request, b"content-digest", DIGEST)
    request = covering(request, b'"content-digest"', b'"x-dict";key="a"', b'"x-dict";tr;key="a"')
    assert isinstance(verdict(request), Verified)
    base = read_claim(request).base
    assert b'"x-dict";key="a": 1\n' in base
    assert b'"x-dict";tr;key="a": 2\n' in base


@pytest.mark.parametrize("trailers", [((b"X", b""),), ((b"x", b"\n"),), (((b"x", b""),) * 257)])
def test_malformed_trailers(trailers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert reason(replace(PLAIN, trailers=trailers)) is Reason.MALFORMED
