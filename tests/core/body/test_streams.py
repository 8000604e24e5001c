"""Properties: how a body is cut into pieces changes nothing, and no changed byte comes out as verified."""

import hashlib
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.body import BodyEnd, BodyVerifier, DeferredBody, Fed, Pending, PendingChunk, PendingEnd
from counterseal.core.body.kept import Kept
from counterseal.core.model import Reason, Rejected
from counterseal.core.payload import BodySha256, ChunkSigned
from tests.core.body.upload import (
    CRC32,
    KEY,
    Duty,
    Signer,
    crc32,
    run,
    signed_body,
    signed_duty,
    split,
    unsigned_body,
    unsigned_duty,
)

chunk_lists = st.lists(st.binary(min_size=1, max_size=200), max_size=5)
cut_lists = st.lists(st.integers(min_value=0), max_size=12)


def bodies(chunks: list[bytes]) -> Iterator[tuple[Duty, bytes, bytes | None]]:
    content = b"".join(chunks)
    trailer = [(CRC32, crc32(content))]
    yield signed_duty(len(content)), b"".join(signed_body(chunks)), KEY
    yield signed_duty(len(content), [CRC32]), b"".join(signed_body(chunks, trailer)), KEY
    yield unsigned_duty(len(content)), b"".join(unsigned_body(chunks, trailer)), None
    yield BodySha256(sha256=hashlib.sha256(content).digest()), content, None


@given(chunk_lists, cut_lists)
@settings(max_examples=200, derandomize=True)
def test_any_cut_gives_the_same(chunks: list[bytes], cuts: list[int]) -> None:
    content = b"".join(chunks)
    for duty, wire, key in bodies(chunks):
        outcome = run(duty, split(wire, cuts), key)
        assert isinstance(outcome.end, BodyEnd)
        assert outcome.end.length == len(content)
        signed = isinstance(duty, ChunkSigned)
        assert (outcome.verified, outcome.held) == ((content, b"") if signed else (b"", content))


@given(chunk_lists, cut_lists, st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=400, derandomize=True)
def test_one_changed_byte(chunks: list[bytes], cuts: list[int], place: int, change: int) -> None:
    """Refused in every cut, for the same reason; only the case of a size's letters is nobody's secret."""
    content = b"".join(chunks)
    for duty, wire, key in bodies(chunks):
        if not wire:
            continue
        at = place % len(wire)
        changed = wire[:at] + bytes([wire[at] ^ change]) + wire[at + 1 :]
        whole, cut = run(duty, [changed], key), run(duty, split(changed, cuts), key)
        assert whole.end == cut.end
        assert content.startswith(cut.verified)
        if isinstance(cut.end, BodyEnd):
            assert chr(wire[at]).swapcase() == chr(changed[at])
            assert (cut.verified or cut.held) == content


def test_every_byte_of_an_upload_changed() -> None:
    chunks = [b"first chunk", b"the second one", b"a third"]
    content = b"".join(chunks)
    passed = set()
    for duty, wire, key in list(bodies(chunks))[:2]:
        for at, change in itertools.product(range(len(wire)), (0x01, 0x20, 0x80, 0xFF)):
            changed = wire[:at] + bytes([wire[at] ^ change]) + wire[at + 1 :]
            outcome = run(duty, split(changed, [at, at + 1]), key)
            assert content.startswith(outcome.verified)
            if not isinstance(outcome.end, Rejected):
                passed.add((wire[at : at + 2], changed[at : at + 2]))
    assert passed == {(b"b;", b"B;"), (b"e;", b"E;")}


@given(chunk_lists, st.permutations(range(6)))
@settings(max_examples=200, derandomize=True)
def test_chunks_in_another_order(chunks: list[bytes], order: list[int]) -> None:
    frames = signed_body(chunks)
    mixed = [frames[i] for i in order if i < len(chunks)] + frames[len(chunks) :]
    outcome = run(signed_duty(), mixed, KEY)
    assert b"".join(chunks).startswith(outcome.verified)
    assert isinstance(outcome.end, BodyEnd) is (mixed == frames)


@given(st.binary(max_size=400), cut_lists, st.booleans())
@settings(max_examples=300, derandomize=True)
def test_any_bytes_at_all(data: bytes, cuts: list[int], signed: bool) -> None:
    duty: Duty = signed_duty() if signed else unsigned_duty()
    key = KEY if signed else None
    assert run(duty, [data], key).end == run(duty, split(data, cuts), key).end
    assert run(duty, split(data, cuts), key).verified == b""


def test_what_may_change_is_copied() -> None:
    (frame, *rest) = signed_body([b"x" * 5000])
    verifier = BodyVerifier(signed_duty(5000), key=KEY)
    buffer = bytearray(frame[:3000])
    assert isinstance(verifier.feed(buffer), Fed)
    buffer[:] = bytes(3000)
    fed = verifier.feed(memoryview(frame)[3000:])
    assert isinstance(fed, Fed)
    assert b"".join(fed.verified) == b"x" * 5000
    for piece in fed.verified:
        assert memoryview(piece).readonly
    for frame in rest:
        verifier.feed(frame)
    assert isinstance(verifier.finish(), BodyEnd)


def test_small_pieces_are_copied_together() -> None:
    kept = Kept()
    data = bytes(range(256)) * 40
    for start, end in [(0, 1), (1, 2), (2, 2050), (2050, 2051), (2051, 4099), (4099, 6200), (6200, 6201), (6201, 10240)]:
        kept.add(memoryview(data)[start:end])
    pieces = kept.take()
    assert b"".join(pieces) == data
    assert len(pieces) == 7
    assert kept.take() == ()


def _peak(make_pieces: Iterator[bytes], duty: ChunkSigned) -> int:
    verifier = BodyVerifier(duty, key=KEY)
    tracemalloc.start()
    try:
        for piece in make_pieces:
            assert isinstance(verifier.feed(piece), Fed)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert isinstance(verifier.finish(), BodyEnd)


def _stream(count: int, size: int, cut: int) -> Iterator[bytes]:
    signer, content, rest = Signer(), b"\x5a" * size, b""
    for number in range(count + 1):
        part = content if number < count else b""
        rest += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(part), signer.chunk(part).encode(), part)
        signer.signed.clear()
        while len(rest) >= cut:
            yield rest[:cut]
            rest = rest[cut:]
    yield rest


def test_memory_does_not_grow_with_the_body() -> None:
    """The 5 GiB of it are in the benchmark."""
    small = _peak(_stream(10, 65536, 50_000), signed_duty(10 * 65536))
    large = _peak(_stream(400, 65536, 50_000), signed_duty(400 * 65536))
    assert large < small + 200_000
    assert large < 2_000_000


def test_memory_with_a_body_in_single_bytes() -> None:
    """Views of single bytes would take two hundred times as much."""
    size = 30_000
    assert _peak(_stream(1, size, 1), signed_duty(size)) < 12 * size


def test_small_unsigned_chunks_come_out_together() -> None:
    """A view of every single byte would take two hundred times the room of the bytes."""
    chunks = [b"%d" % (number % 10) for number in range(1024)]
    content = b"".join(chunks)
    *frames, trailer, end = unsigned_body(chunks, [(CRC32, crc32(content))])
    verifier = BodyVerifier(unsigned_duty(1024))
    tracemalloc.start()
    try:
        fed = verifier.feed(b"".join(frames))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert isinstance(fed, Fed)
    assert [bytes(one.unverified) for one in fed.held] == [content]
    assert taken < 16_000
    assert verifier.feed(trailer + end) == Fed()
    assert verifier.finish() == BodyEnd(length=1024, trailers=((CRC32, crc32(content)),))


@given(chunk_lists, cut_lists)
@settings(max_examples=100, derandomize=True)
def test_deferred_chunks_are_the_same_ones(chunks: list[bytes], cuts: list[int]) -> None:
    content = b"".join(chunks)
    trailer = [(CRC32, crc32(content))]
    signer = Signer()
    wire = b"".join(signed_body(chunks, trailer, signer))
    body = DeferredBody(signed_duty(len(content), [CRC32]))
    pending: list[PendingChunk] = []
    for piece in split(wire, cuts):
        fed = body.feed(piece)
        assert isinstance(fed, Pending)
        pending += fed.chunks
    assert [b"".join(one.unverified) for one in pending] == [*chunks, b""]
    assert [one.length for one in pending] == [len(chunk) for chunk in [*chunks, b""]]
    assert [one.link.sha256 for one in pending] == [hashlib.sha256(chunk).digest() for chunk in [*chunks, b""]]
    end = body.finish()
    assert isinstance(end, PendingEnd)
    assert end.trailer is not None
    assert [one.link.signature for one in pending] + [end.trailer.signature] == signer.signed
    assert (end.length, end.trailers) == (len(content), tuple(trailer))


def test_deferred_bodies_are_checked_but_for_the_chain() -> None:
    content = [b"abc", b"def"]
    wrong = b"".join(signed_body(content, [(CRC32, crc32(b"abcdeg"))]))
    body = DeferredBody(signed_duty(6, [CRC32]))
    found = body.feed(wrong)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.PAYLOAD_MISMATCH
    assert body.feed(b"x") == body.finish() == body.rejected == found
    plain = DeferredBody(signed_duty(6))
    plain.feed(b"".join(signed_body(content)))
    assert plain.finish() == PendingEnd(trailer=None, length=6)
    cut = DeferredBody(signed_duty(6))
    cut.feed(b"".join(signed_body(content)[:-1]))
    assert isinstance(cut.finish(), Rejected)
    with pytest.raises(ValueError, match="algorithm"):
        DeferredBody(
            ChunkSigned(
                algorithm="", seed_signature="", timestamp="", scope="", signed_trailer=False, decoded_length=None, trailers=()
            )
        )
