"""Uploads in aws-chunked framing, written and signed by hand: nothing of the code under test is used to make them."""

import base64
import hashlib
import hmac
import itertools
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core.body import BodyEnd, BodyVerifier, ChunkKey, Fed
from counterseal.core.model import PublicKey, Rejected
from counterseal.core.payload import BodyDigests, BodySha256, ChunkSigned, ChunkUnsigned

TIMESTAMP = "20130524T000000Z"
SCOPE = "20130524/us-east-1/s3/aws4_request"
KEY = hashlib.sha256(b"a derived key").digest()
EMPTY = hashlib.sha256(b"").hexdigest()
CRC32 = "x-amz-checksum-crc32"
Duty = BodySha256 | BodyDigests | ChunkSigned | ChunkUnsigned
Sign = Callable[[bytes], str]

_PRIVATE = ec.derive_private_key(0x7FD3BD010C0D9C292141C2B77BFBDE1042C92E6836FFF749D1269EC890FCA1BD, ec.SECP256R1())
PUBLIC = PublicKey(
    algorithm="ecdsa-p256-sha256",
    spki=_PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
)


def sign_hmac(text: bytes) -> str:
    return hmac.new(KEY, text, hashlib.sha256).hexdigest()


def sign_ecdsa(text: bytes) -> str:
    return _PRIVATE.sign(text, ec.ECDSA(hashes.SHA256())).hex()


@dataclass(kw_only=True)
class Signer:
    """What is signed after what. `pad` fills signatures on the wire up to 144 characters, as SigV4A's clients do."""

    algorithm: str = "AWS4-HMAC-SHA256"
    previous: str = "5" * 64
    sign: Sign = sign_hmac
    pad: bool = False
    scope: str = SCOPE
    timestamp: str = TIMESTAMP
    signed: list[str] = field(default_factory=list)

    def chunk(self, content: bytes) -> str:
        lines = [
            self.algorithm + "-PAYLOAD",
            self.timestamp,
            self.scope,
            self.previous,
            EMPTY,
            hashlib.sha256(content).hexdigest(),
        ]
        return self._next("\n".join(lines))

    def trailer(self, fields: Iterable[tuple[str, str]]) -> str:
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(fields)).encode()
        text = [self.algorithm + "-TRAILER", self.timestamp, self.scope, self.previous, hashlib.sha256(lines).hexdigest()]
        return self._next("\n".join(text))

    def _next(self, text: str) -> str:
        self.previous = self.sign(text.encode())
        self.signed.append(self.previous)
        return self.previous.ljust(144, "*") if self.pad else self.previous


def ecdsa_signer(pad: bool = True) -> Signer:
    return Signer(
        algorithm="AWS4-ECDSA-P256-SHA256", sign=sign_ecdsa, pad=pad, previous="30" * 36, scope="20130524/s3/aws4_request"
    )


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def signed_body(chunks: Sequence[bytes], trailer: Sequence[tuple[str, str]] = (), signer: Signer | None = None) -> list[bytes]:
    """Return the frames of a chunk-signed body, the last chunk and the trailer included, each as one piece."""
    signer = signer or Signer()
    frames = [b"%x;chunk-signature=%s\r\n%s\r\n" % (len(c), signer.chunk(c).encode(), c) for c in chunks]
    frames.append(b"0;chunk-signature=%s\r\n" % signer.chunk(b"").encode())
    if trailer:
        frames.append("".join(f"{name}:{value}\r\n" for name, value in trailer).encode())
        frames.append(f"x-amz-trailer-signature:{signer.trailer(trailer)}\r\n".encode())
    return [*frames, b"\r\n"]


def unsigned_body(chunks: Sequence[bytes], trailer: Sequence[tuple[str, str]]) -> list[bytes]:
    frames = [b"%x\r\n%s\r\n" % (len(c), c) for c in chunks]
    return [*frames, b"0\r\n", "".join(f"{name}:{value}\r\n" for name, value in trailer).encode(), b"\r\n"]


def signed_duty(length: int | None = None, trailers: Sequence[str] = (), signer: Signer | None = None) -> ChunkSigned:
    signer = signer or Signer()
    return ChunkSigned(
        algorithm=signer.algorithm + "-PAYLOAD",
        seed_signature=signer.previous,
        timestamp=TIMESTAMP,
        scope=signer.scope,
        signed_trailer=bool(trailers),
        decoded_length=length,
        trailers=tuple(trailers),
    )


def unsigned_duty(length: int | None = None, trailers: Sequence[str] = (CRC32,)) -> ChunkUnsigned:
    return ChunkUnsigned(decoded_length=length, trailers=tuple(trailers))


@dataclass(kw_only=True)
class Outcome:
    """What came out of a body: the bytes by kind, and the end."""

    verified: bytes = b""
    held: bytes = b""
    end: BodyEnd | Rejected


def run(duty: Duty, pieces: Iterable[bytes], key: ChunkKey | None = None) -> Outcome:
    """Feed a body in these pieces and finish it. After a rejection it is fed on, and must give out nothing more."""
    verifier = BodyVerifier(duty, key=key)
    verified, held = bytearray(), bytearray()
    rejected = verifier.rejected
    for piece in pieces:
        fed = verifier.feed(piece)
        if isinstance(fed, Fed):
            assert rejected is None, "nothing comes out after a rejection"
            verified += b"".join(fed.verified)
            held += b"".join(one.unverified for one in fed.held)
        else:
            assert rejected in (None, fed), "the same rejection every time"
            rejected = fed
            assert verifier.rejected == fed
    end = verifier.finish()
    assert rejected in (None, end)
    return Outcome(verified=bytes(verified), held=bytes(held), end=end)


def split(wire: bytes, at: Iterable[int]) -> list[bytes]:
    """Cut `wire` at these places."""
    cuts = [0, *sorted({place % (len(wire) + 1) for place in at}), len(wire)]
    return [wire[a:b] for a, b in itertools.pairwise(cuts)]
