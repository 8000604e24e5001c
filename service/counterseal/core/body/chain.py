"""The chain that ties the chunks of an upload to its request: every signature covers the one before, the first the request's.

The strings to sign are those of Amazon's "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
Chunks", and of its ECDSA sibling (SigV4A). A chunk of another upload, or in another place, has another signature before it.
"""

import enum
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from counterseal.core import asymmetric
from counterseal.core.compare import same
from counterseal.core.model import PublicKey, Reason, Refusal, Rejected
from counterseal.core.payload import ChunkSigned

HMAC_CHUNKS: Final = "AWS4-HMAC-SHA256-PAYLOAD"
ECDSA_CHUNKS: Final = "AWS4-ECDSA-P256-SHA256-PAYLOAD"
HMAC_KEY_BYTES: Final = 32
ECDSA_KEY: Final = "ecdsa-p256-sha256"
# What the last chunk of a body hashes to. No other chunk may be empty, so it is known by this.
NOTHING_SHA256: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

_NOTHING_HEX: Final = NOTHING_SHA256.hex()
_HMAC_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
# DER of two numbers of at most 33 bytes each is 8 to 72 bytes long. On the wire it may be filled up to 144 digits with `*`, so
# that lengths are known beforehand; what the next signature covers is the signature without them.
_ECDSA_SIGNATURE: Final = re.compile(r"((?:[0-9a-f]{2}){8,72}+)(\**+)")
_ECDSA_PADDED: Final = 144

# The 32-byte derived key of the scope, or the public key. Never a key's secret.
ChunkKey = bytes | PublicKey
_T = TypeVar("_T")
# Says whether a signature is the one of a string to sign.
_Verifies = Callable[[str, bytes], bool]


class Next(enum.Enum):
    """What may follow in a chain. After NOTHING it is complete."""

    CHUNK = "chunk"
    TRAILER = "trailer"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One chunk, or the trailer: what it hashes to (32 bytes), and its signature as it stood on the wire.

    A trailer's hash is that of `trailers.canonical`.
    """

    sha256: bytes
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkChain:
    """A chain of which everything up to `previous` has been verified. `advance` is the only way on.

    `algorithm` is the chunks' own (`HMAC_CHUNKS`, `ECDSA_CHUNKS`); `timestamp` and `scope` are the request's, as in its string
    to sign; `previous` is the signature that the next one covers. `signed_trailer`: a trailer follows the last chunk.
    """

    algorithm: str
    timestamp: str
    scope: str
    previous: str = field(repr=False)
    signed_trailer: bool
    may_follow: Next = Next.CHUNK

    def __post_init__(self) -> None:
        if self.algorithm not in {HMAC_CHUNKS, ECDSA_CHUNKS}:
            raise ValueError("algorithm: no algorithm of signed chunks")

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, neither last chunk nor trailer. Where it is false, an upload that ends is cut short."""
        return self.may_follow is Next.NOTHING


def chain_of(duty: ChunkSigned) -> ChunkChain:
    """Return the chain that begins with a verified request.

    Raises:
        ValueError: the duty's algorithm is unknown.
    """
    return ChunkChain(
        algorithm=duty.algorithm,
        timestamp=duty.timestamp,
        scope=duty.scope,
        previous=duty.seed_signature,
        signed_trailer=duty.signed_trailer,
    )


def chunk_string_to_sign(chain: ChunkChain, sha256: bytes) -> bytes:
    """Return the string to sign of the next chunk, which hashes to `sha256` (32 bytes)."""
    return _chunk_text(_chunk_head(chain), chain.previous, sha256)


def _chunk_head(chain: ChunkChain) -> str:
    return f"{chain.algorithm}\n{chain.timestamp}\n{chain.scope}\n"


def _chunk_text(head: str, previous: str, sha256: bytes) -> bytes:
    return f"{head}{previous}\n{_NOTHING_HEX}\n{sha256.hex()}".encode("ascii")


def trailer_string_to_sign(chain: ChunkChain, sha256: bytes) -> bytes:
    """Return the string to sign of the trailer, which hashes to `sha256` (32 bytes): it has no line for the hash of nothing."""
    algorithm = chain.algorithm.removesuffix("PAYLOAD") + "TRAILER"
    return f"{algorithm}\n{chain.timestamp}\n{chain.scope}\n{chain.previous}\n{sha256.hex()}".encode("ascii")


def read_signature(algorithm: str, text: str) -> str | None:
    """Return the signature in `text` as the next one covers it, without padding; None for any other spelling."""
    if algorithm == HMAC_CHUNKS:
        return text if _HMAC_SIGNATURE.fullmatch(text) else None
    found = _ECDSA_SIGNATURE.fullmatch(text)
    if found is None or (found[2] and len(text) != _ECDSA_PADDED):
        return None
    return found[1]


def check_key(algorithm: str, key: ChunkKey) -> None:
    """Check that `key` is of the kind that chunks of this algorithm are signed with: kinds never cross.

    Raises:
        ValueError: it is not.
    """
    if algorithm == HMAC_CHUNKS:
        if not isinstance(key, bytes) or len(key) != HMAC_KEY_BYTES:
            raise ValueError(f"key: chunks of {algorithm} need the derived key, {HMAC_KEY_BYTES} bytes")
    elif not isinstance(key, PublicKey) or key.algorithm != ECDSA_KEY:
        raise ValueError(f"key: chunks of {algorithm} need a public key of {ECDSA_KEY}")


def _verifier(key: ChunkKey) -> _Verifies:
    """Return what verifies signatures without padding. `key` has been through `check_key`."""
    if isinstance(key, bytes):
        return _Hmac(key).verifies
    return lambda signature, text: asymmetric.verify(key, bytes.fromhex(signature), text, form="der")


class _Hmac:
    """HMAC-SHA256 with the key's two states computed once (RFC 2104 section 4): half the cost of each short message."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\x00")
        self._inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in block]))
        self._outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in block]))

    def verifies(self, signature: str, text: bytes) -> bool:
        inner = self._inner.copy()
        inner.update(text)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return same(outer.hexdigest().encode("ascii"), signature.encode("ascii"))


def advance(chain: ChunkChain, key: ChunkKey, links: Sequence[Link], trailer: Link | None = None) -> ChunkChain | Rejected:
    """Verify further chunks, and the trailer after the last one; return the chain that goes on from there.

    `key` is the 32-byte derived key of the scope, or the public key. Not checked here: that the chunks' bytes hash to what the
    links say, and the key's state. Rejected means that the whole upload is: MISMATCH, or MALFORMED where something follows that
    may not, where nothing is given, and where a signature is not spelled as one.

    Raises:
        ValueError: `key` is of the wrong kind, or a hash is not 32 bytes long.
    """
    check_key(chain.algorithm, key)
    if not links and trailer is None:
        return Rejected(reason=Reason.MALFORMED, detail="no chunk and no trailer: nothing to verify")
    verifies = _verifier(key)
    for link in links:
        outcome = _advance_one(chain, verifies, link, Next.CHUNK)
        if isinstance(outcome, Rejected):
            return outcome
        chain = outcome
    return chain if trailer is None else _advance_one(chain, verifies, trailer, Next.TRAILER)


def _advance_one(chain: ChunkChain, verifies: _Verifies, link: Link, kind: Next) -> ChunkChain | Rejected:
    if chain.may_follow is not kind:
        return Rejected(reason=Reason.MALFORMED, detail=f"{kind.value}: may not follow here")
    if len(link.sha256) != len(NOTHING_SHA256):
        raise ValueError(f"{kind.value}: a hash of {len(link.sha256)} bytes")
    text = chunk_string_to_sign if kind is Next.CHUNK else trailer_string_to_sign
    outcome = _verify_one(chain.algorithm, verifies, link.signature, text(chain, link.sha256), kind)
    if isinstance(outcome, Rejected):
        return outcome
    return replace(chain, previous=outcome, may_follow=_after(chain, kind, link.sha256))


def _verify_one(algorithm: str, verifies: _Verifies, presented: str, string_to_sign: bytes, kind: Next) -> str | Rejected:
    """Return the signature as the next one covers it, or why it is refused."""
    signature = read_signature(algorithm, presented)
    if signature is None:
        return Rejected(reason=Reason.MALFORMED, detail=f"{kind.value}: its signature is not spelled as one")
    if not verifies(signature, string_to_sign):
        return Rejected(reason=Reason.MISMATCH, detail=f"{kind.value}: the signature does not match")
    return signature


def _after(chain: ChunkChain, kind: Next, sha256: bytes) -> Next:
    if kind is Next.CHUNK and sha256 != NOTHING_SHA256:
        return Next.CHUNK
    return Next.TRAILER if kind is Next.CHUNK and chain.signed_trailer else Next.NOTHING


class Walk:
    """Walks along a chain, chunk by chunk, as `advance` does. For streams: it makes no new chain for every chunk."""

    def __init__(self, chain: ChunkChain, key: ChunkKey) -> None:
        """Begin. Raises ValueError for a key of the wrong kind."""
        check_key(chain.algorithm, key)
        self._verifies = _verifier(key)
        self._chain = chain
        self._key = key
        self._head = _chunk_head(chain)
        self._previous = chain.previous

    def chunk(self, sha256: bytes, signature: str) -> None:
        """Verify the next chunk. The caller sees to it that none follows the last. Raises Refusal: MISMATCH or MALFORMED."""
        text = _chunk_text(self._head, self._previous, sha256)
        self._previous = _accepted(_verify_one(self._chain.algorithm, self._verifies, signature, text, Next.CHUNK))

    def trailer(self, link: Link) -> None:
        """Verify the trailer, after the last chunk. Raises Refusal: MISMATCH or MALFORMED."""
        chain = replace(self._chain, previous=self._previous, may_follow=Next.TRAILER)
        _accepted(advance(chain, self._key, (), link))


def _accepted(outcome: _T | Rejected) -> _T:
    if isinstance(outcome, Rejected):
        raise Refusal(outcome.reason, outcome.detail)
    return outcome
