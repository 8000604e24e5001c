"""Attacks on streamed bodies: one change each in an upload that verifies. ATTACKS.md, "Chunks"."""

import pytest

from counterseal.core.body import BodyEnd, BodyVerifier
from counterseal.core.model import Reason, Rejected
from counterseal.core.payload import ChunkSigned, ChunkUnsigned
from tests.core.body.upload import (
    CRC32,
    KEY,
    PUBLIC,
    Signer,
    crc32,
    ecdsa_signer,
    run,
    signed_body,
    signed_duty,
    unsigned_body,
    unsigned_duty,
)

CHUNKS = [b"first chunk", b"the second one", b"a third"]
CONTENT = b"".join(CHUNKS)
TRAILER = [(CRC32, crc32(CONTENT))]
SIGNED = b"".join(signed_body(CHUNKS))
WITH_TRAILER = b"".join(signed_body(CHUNKS, TRAILER))
UNSIGNED = b"".join(unsigned_body(CHUNKS, TRAILER))
DUTY = signed_duty(len(CONTENT))
TRAILER_DUTY = signed_duty(len(CONTENT), [CRC32])
UNSIGNED_DUTY = unsigned_duty(len(CONTENT))


def refused(duty: ChunkSigned | ChunkUnsigned, wire: bytes, reason: Reason) -> None:
    """Refused for this reason, in one piece and in single bytes; what came out before is the beginning of what was signed."""
    key = KEY if isinstance(duty, ChunkSigned) else None
    for pieces in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        outcome = run(duty, pieces, key)
        assert isinstance(outcome.end, Rejected)
        assert outcome.end.reason is reason, outcome.end
        assert CONTENT.startswith(outcome.verified)
        assert len(outcome.end.detail) < 200


def test_what_is_changed_below_verifies() -> None:
    end = BodyEnd(length=len(CONTENT))
    assert run(DUTY, [SIGNED], KEY).end == end
    assert run(TRAILER_DUTY, [WITH_TRAILER], KEY).end == BodyEnd(length=len(CONTENT), trailers=tuple(TRAILER))
    outcome = run(UNSIGNED_DUTY, [UNSIGNED])
    assert (outcome.held, outcome.verified, outcome.end) == (
        CONTENT,
        b"",
        BodyEnd(length=len(CONTENT), trailers=tuple(TRAILER)),
    )


@pytest.mark.parametrize(
    "size",
    [
        b"", b"0b", b"00b", b"0xb", b"0Xb", b"+b", b"-b", b"-1", b" b", b"b ", b"\tb", b"b\t", b"b_", b"1_1", b"g", b"\xb2",
        b"fffffffffffffffff", b"7fffffffffffffffffffffffffffffff", b"b;", b"b;;", b"11.", b"aB", b"b\x00",
    ],
)  # fmt: skip
def test_sizes_have_one_spelling(size: bytes) -> None:
    for duty, wire in ((DUTY, SIGNED), (UNSIGNED_DUTY, UNSIGNED)):
        assert wire.startswith(b"b")
        refused(duty, size + wire[1:], Reason.MALFORMED)


def test_capital_sizes_are_sent_by_some_clients() -> None:
    assert run(DUTY, [b"B" + SIGNED[1:]], KEY).end == BodyEnd(length=len(CONTENT))
    assert isinstance(run(UNSIGNED_DUTY, [b"B" + UNSIGNED[1:]]).end, BodyEnd)


@pytest.mark.parametrize("size", [b"c", b"a", b"1", b"fffff", b"3b9aca00", b"ffffffffffffff"])
def test_wrong_sizes(size: bytes) -> None:
    for duty, wire in ((DUTY, SIGNED), (UNSIGNED_DUTY, UNSIGNED)):
        outcome = run(duty, [size + wire[1:]], KEY if isinstance(duty, ChunkSigned) else None)
        assert isinstance(outcome.end, Rejected)
        assert outcome.verified == b""


def test_a_size_beyond_the_announced_length_is_refused_before_its_bytes() -> None:
    verifier = BodyVerifier(DUTY, key=KEY)
    found = verifier.feed(b"fffff;chunk-signature=" + b"0" * 64 + b"\r\n")
    assert isinstance(found, Rejected)
    assert found.reason is Reason.PAYLOAD_MISMATCH


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b";chunk-signature=", b"; chunk-signature="),
        (b";chunk-signature=", b";Chunk-Signature="),
        (b";chunk-signature=", b";x=y;chunk-signature="),
        (b";chunk-signature=", b";chunk-signature = "),
        (b";chunk-signature=", b";signature="),
        (b";chunk-signature=", b";chunk-signature==" ),
        (b"\r\nfirst", b";x=y\r\nfirst"),
        (b"\r\nfirst", b" \r\nfirst"),
        (b"\r\nfirst", b"\nfirst"),
        (b"\r\nfirst", b"\r\r\nfirst"),
        (b"chunk\r\n", b"chunk\n"),
        (b"chunk\r\n", b"chunk\r"),
        (b"chunk\r\n", b"chunk\n\r"),
        (b"chunk\r\n", b"chunk"),
        (b"chunk\r\n", b"chunk \r\n"),
        (b"chunk\r\n", b"chunk\r\n\r\n"),
    ],
)  # fmt: skip
def test_framing_has_one_spelling(old: bytes, new: bytes) -> None:
    assert old in SIGNED
    refused(DUTY, SIGNED.replace(old, new, 1), Reason.MALFORMED)


def test_a_signature_in_another_spelling() -> None:
    start = SIGNED.index(b"=") + 1
    signature = SIGNED[start : start + 64]
    for bad in (signature.upper(), signature[:-1], signature + b"0", b"", signature + b"*", b"0" * 400):
        wire = SIGNED[:start] + bad + SIGNED[start + 64 :]
        refused(DUTY, wire, Reason.MALFORMED)
    refused(DUTY, SIGNED[:start] + b"0" * 64 + SIGNED[start + 64 :], Reason.MISMATCH)
    refused(DUTY, SIGNED[:start] + b"0" * 62 + SIGNED[start + 64 :], Reason.MALFORMED)


def test_size_lines_are_bounded() -> None:
    for duty in (DUTY, UNSIGNED_DUTY):
        verifier = BodyVerifier(duty, key=KEY if isinstance(duty, ChunkSigned) else None)
        fed = 0
        while not isinstance(verifier.feed(b"1" * 50), Rejected):
            fed += 50
            assert fed < 400
        assert verifier.rejected is not None
        assert "256" in verifier.rejected.detail


def test_unsigned_chunks_where_signed_ones_were_announced_and_the_reverse() -> None:
    refused(DUTY, UNSIGNED, Reason.MALFORMED)
    refused(TRAILER_DUTY, UNSIGNED, Reason.MALFORMED)
    refused(UNSIGNED_DUTY, WITH_TRAILER, Reason.MALFORMED)
    one_unsigned = SIGNED.replace(SIGNED[SIGNED.index(b";") : SIGNED.index(b"\r\n")], b"", 1)
    refused(DUTY, one_unsigned, Reason.MALFORMED)


def test_chunks_reordered_repeated_left_out_or_from_another_upload() -> None:
    frames = signed_body(CHUNKS)
    other = signed_body(CHUNKS, signer=Signer(previous="6" * 64))
    for changed in (
        [frames[1], frames[0], *frames[2:]],
        [frames[0], frames[0], *frames[1:]],
        [frames[0], *frames[2:]],
        [frames[0], frames[1], other[2], *frames[3:]],
        [other[0], *frames[1:]],
        [*frames[:3], other[3], frames[4]],
    ):
        refused(signed_duty(), b"".join(changed), Reason.MISMATCH)
        refused(signed_duty(), b"".join(changed), Reason.MISMATCH)


def test_the_last_chunk_is_missing_early_or_unsigned() -> None:
    frames = signed_body(CHUNKS)
    refused(DUTY, b"".join(frames[:3]), Reason.MALFORMED)
    refused(DUTY, b"".join([*frames[:3], b"\r\n"]), Reason.MALFORMED)
    refused(DUTY, b"".join([*frames[:3], b"0\r\n\r\n"]), Reason.MALFORMED)
    refused(DUTY, b"".join(frames[:4]), Reason.MALFORMED)
    refused(signed_duty(), b"".join([frames[0], frames[3], frames[4]]), Reason.MISMATCH)
    # The signer's own empty chunk, before all was sent: the announced length tells, where one is announced.
    early = signed_body(CHUNKS[:2])
    refused(DUTY, b"".join(early), Reason.PAYLOAD_MISMATCH)
    assert isinstance(run(signed_duty(), early, KEY).end, BodyEnd)


@pytest.mark.parametrize("more", [b"\r\n", b"x", b"\x00", b"0", SIGNED])
def test_nothing_may_follow_the_end(more: bytes) -> None:
    for duty, wire in ((DUTY, SIGNED), (TRAILER_DUTY, WITH_TRAILER), (UNSIGNED_DUTY, UNSIGNED)):
        refused(duty, wire + more, Reason.MALFORMED)


def test_every_truncation_is_refused() -> None:
    for duty, wire in ((DUTY, SIGNED), (TRAILER_DUTY, WITH_TRAILER), (UNSIGNED_DUTY, UNSIGNED)):
        for length in range(len(wire)):
            outcome = run(duty, [wire[:length]], KEY if isinstance(duty, ChunkSigned) else None)
            assert isinstance(outcome.end, Rejected)
            assert CONTENT.startswith(outcome.verified)


@pytest.mark.parametrize("length", [0, 1, len(CONTENT) - 1, len(CONTENT) + 1, 10**12])
def test_the_announced_length_must_be_the_decoded_one(length: int) -> None:
    refused(signed_duty(length), SIGNED, Reason.PAYLOAD_MISMATCH)
    refused(unsigned_duty(length), UNSIGNED, Reason.PAYLOAD_MISMATCH)


def test_without_an_announced_length_the_chain_alone_tells_the_end() -> None:
    assert run(signed_duty(None), [SIGNED], KEY).end == BodyEnd(length=len(CONTENT))
    assert isinstance(run(unsigned_duty(None), [UNSIGNED]).end, BodyEnd)


def test_a_body_without_bytes() -> None:
    assert run(signed_duty(0), signed_body([]), KEY).end == BodyEnd(length=0)
    refused(signed_duty(0), b"", Reason.MALFORMED)
    refused(signed_duty(0), b"\r\n", Reason.MALFORMED)


def test_another_key_another_kind() -> None:
    outcome = run(DUTY, [SIGNED], bytes(32))
    assert isinstance(outcome.end, Rejected)
    assert (outcome.end.reason, outcome.verified) == (Reason.MISMATCH, b"")
    signer = ecdsa_signer()
    duty = signed_duty(len(CONTENT), signer=signer)
    with pytest.raises(ValueError, match="key"):
        run(duty, [], KEY)
    with pytest.raises(ValueError, match="key"):
        run(DUTY, [], PUBLIC)


@pytest.mark.parametrize("pad", [True, False])
def test_ecdsa_chunks(pad: bool) -> None:
    signer = ecdsa_signer(pad)
    duty = signed_duty(len(CONTENT), [CRC32], signer)
    wire = b"".join(signed_body(CHUNKS, TRAILER, signer))
    assert run(duty, [wire], PUBLIC).end == BodyEnd(length=len(CONTENT), trailers=tuple(TRAILER))
    for place in range(0, len(wire), 7):
        changed = wire[:place] + bytes([wire[place] ^ 1]) + wire[place + 1 :]
        outcome = run(duty, [changed[i : i + 11] for i in range(0, len(changed), 11)], PUBLIC)
        assert isinstance(outcome.end, Rejected), place
        assert CONTENT.startswith(outcome.verified)
