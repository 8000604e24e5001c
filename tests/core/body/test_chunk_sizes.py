"""How large chunks may be, and how many small ones a body may have."""

import pytest

from counterseal.core.body import BodyEnd, BodyVerifier, Limits
from counterseal.core.model import Reason, Rejected
from tests.core.body.upload import CRC32, KEY, crc32, run, signed_body, signed_duty, unsigned_body, unsigned_duty

CHUNKS = [b"first chunk", b"the second one", b"a third"]
SIGNED = b"".join(signed_body(CHUNKS))
DUTY = signed_duty(len(b"".join(CHUNKS)))


def test_chunks_are_bounded() -> None:
    limits = Limits(max_chunk=14)
    assert isinstance(BodyVerifier(DUTY, key=KEY, limits=limits).feed(SIGNED), Rejected) is False
    verifier = BodyVerifier(DUTY, key=KEY, limits=Limits(max_chunk=13))
    found = verifier.feed(SIGNED)
    assert isinstance(found, Rejected)
    assert (found.reason, "13" in found.detail) == (Reason.MALFORMED, True)


def test_small_chunks_may_be_refused() -> None:
    """S3 refuses chunks below 8 KiB unless they are the last; here that is a setting."""
    assert isinstance(run(DUTY, [SIGNED], KEY).end, BodyEnd)
    for least, good in ((11, True), (12, False), (14, False)):
        verifier = BodyVerifier(DUTY, key=KEY, limits=Limits(min_chunk=least))
        verifier.feed(SIGNED)
        assert isinstance(verifier.finish(), BodyEnd) is good, least
    short = signed_body([b"x"])
    verifier = BodyVerifier(signed_duty(1), key=KEY, limits=Limits(min_chunk=8192))
    for piece in short:
        verifier.feed(piece)
    assert isinstance(verifier.finish(), BodyEnd)


@pytest.mark.parametrize("size", [1, 1023, 1024])
@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "unsigned"])
def test_small_chunks_are_few(size: int, is_signed: bool) -> None:
    """Each costs its reader microseconds, and hardly any byte on the wire: a gateway would be kept busy by very little."""
    for count in (1024, 1025):
        # Large chunks between them change nothing, and are not counted themselves.
        chunks = [b"y" * 8192, *([b"x" * size] * (count - 1)), b"y" * 1024, b"x" * size]
        content = b"".join(chunks)
        trailer = [(CRC32, crc32(content))]
        wire = signed_body(chunks, trailer) if is_signed else unsigned_body(chunks, trailer)
        duty = (signed_duty if is_signed else unsigned_duty)(len(content), [CRC32])
        for pieces in ([b"".join(wire)], wire):
            outcome = run(duty, pieces, KEY if is_signed else None)
            assert content.startswith(outcome.verified + outcome.held)
            if count == 1024 or size == 1024:
                assert outcome.end == BodyEnd(length=len(content), trailers=tuple(trailer))
                continue
            assert isinstance(outcome.end, Rejected)
            assert (outcome.end.reason, "1024 are smaller" in outcome.end.detail) == (Reason.MALFORMED, True)


@pytest.mark.parametrize("limits", [{"max_chunk": 0}, {"min_chunk": -1}, {"max_chunk": 5, "min_chunk": 6}])
def test_limits_that_are_none(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="limits"):
        Limits(**limits)
