"""Fuzz targets for streamed bodies: a wire in one piece and in many comes to the same, and nothing forged comes out."""

from google.protobuf.message import DecodeError

from counterseal.core.body import BodyEnd, BodyVerifier, DeferredBody, Fed, Pending, PendingEnd, Piece
from counterseal.core.model import Rejected
from counterseal.core.payload import ChunkSigned
from counterseal.v1 import verification_pb2 as pb
from counterseal_client._convert import to_chunks_verdict
from counterseal_client.errors import VerifierError
from counterseal_client.model import ChunksVerified
from tests.core.body.upload import CRC32, Duty, crc32, signed_body, signed_duty, split, unsigned_body, unsigned_duty
from tests.fuzz.checks import check

Summary = tuple[BodyEnd | PendingEnd | Rejected, bytes, tuple[str, ...]]
NOBODYS_KEY = b"\x00" * 32
_SIGNED, _TRAILER, _UNSIGNED = range(3)
DUTIES: tuple[Duty, ...] = (signed_duty(), signed_duty(trailers=[CRC32]), unsigned_duty())


def chunk_reader(data: bytes) -> None:
    """Read a body. The first byte chooses the kind, the next two where to cut; the rest is the wire."""
    if len(data) < 3:
        return
    duty, wire = DUTIES[data[0] % len(DUTIES)], data[3:]
    pieces = split(wire, [data[1], data[1] + data[2], *range(data[2], len(wire), data[1] + 1)])
    check(_verified(duty, [wire]) == _verified(duty, pieces), "cuts change nothing")
    if isinstance(duty, ChunkSigned):
        whole, cut = _deferred(duty, [wire]), _deferred(duty, pieces)
        check(whole[0] == cut[0], "cuts change nothing about pending chunks")
        if isinstance(whole[0], PendingEnd):
            check(whole == cut, "nor about their bytes and signatures")
            check(whole[0].length == len(whole[1]), "lengths add up")


def _verified(duty: Duty, pieces: list[bytes]) -> BodyEnd | Rejected | PendingEnd:
    signed = isinstance(duty, ChunkSigned)
    verifier = BodyVerifier(duty, key=NOBODYS_KEY if signed else None)
    held: list[Piece] = []
    for piece in pieces:
        fed = verifier.feed(piece)
        if isinstance(fed, Fed):
            check(not fed.verified, "nothing is verified that nobody signed")
            check(not signed or not fed.held, "signed chunks are never held out")
            held += [one.unverified for one in fed.held]
    end = verifier.finish()
    if isinstance(end, BodyEnd):
        content = b"".join(held)
        check(not signed and end.length == len(content), "a whole body is one that was not signed")
        check(dict(end.trailers)[CRC32] == crc32(content), "and has the checksum that it says")
    check(end == verifier.finish(), "an end stays the end")
    return end


def _deferred(duty: ChunkSigned, pieces: list[bytes]) -> Summary:
    body = DeferredBody(duty)
    content, signatures = bytearray(), []
    for piece in pieces:
        pending = body.feed(piece)
        if isinstance(pending, Pending):
            for chunk in pending.chunks:
                check(sum(map(len, chunk.unverified)) == chunk.length, "a chunk has the bytes that it says")
                content += b"".join(chunk.unverified)
                signatures.append(chunk.link.signature)
    return body.finish(), bytes(content), tuple(signatures)


def chunk_seeds() -> set[bytes]:
    """Whole bodies of each kind, by a key that the target does not have."""
    chunks = [b"first", b"x" * 40, b"\r\n0\r\n\r\n"]
    trailer = [(CRC32, crc32(b"".join(chunks)))]
    found = set()
    for cut in (b"\x01\x05", b"\x20\x03"):
        found |= {
            bytes([_SIGNED]) + cut + b"".join(signed_body(chunks)),
            bytes([_SIGNED]) + cut + b"".join(signed_body([])),
            bytes([_TRAILER]) + cut + b"".join(signed_body(chunks, trailer)),
            bytes([_UNSIGNED]) + cut + b"".join(unsigned_body(chunks, trailer)),
            bytes([_UNSIGNED]) + cut + b"".join(unsigned_body(chunks, trailer)).replace(b"\r\n\r\n", b"\n\r\n\r\n"),
        }
    return found


def client_chunks(data: bytes) -> None:
    """Read an answer about chunks off the wire: what is not plainly verified is a refusal, and nothing else comes out."""
    try:
        message = pb.VerifyChunksResponse.FromString(data)
    except DecodeError:
        return
    try:
        found = to_chunks_verdict(message)
    except VerifierError:
        return
    if isinstance(found, ChunksVerified):
        check(message.WhichOneof("outcome") == "verified", "only what says so is verified")
        check(found.complete or bool(found.continuation), "a chain is complete or goes on")
    else:
        check(400 <= found.http_status <= 499, "a refusal never becomes a success")


def client_chunk_seeds() -> set[bytes]:
    verified = [pb.ChunksVerified(complete=True), pb.ChunksVerified(continuation=b"ticket"), pb.ChunksVerified()]
    rejected = pb.Rejected(reason=pb.REJECTION_REASON_MISMATCH, public_error=pb.PublicError(code="A", http_status=403))
    rejected.server_time.FromSeconds(1)
    messages = [pb.VerifyChunksResponse(verified=one) for one in verified]
    messages += [pb.VerifyChunksResponse(rejected=rejected), pb.VerifyChunksResponse()]
    return {message.SerializeToString(deterministic=True) for message in messages} | {b"\x7a\x00"}


TARGETS = {"chunk_reader": (chunk_reader, chunk_seeds), "client_chunks": (client_chunks, client_chunk_seeds)}
