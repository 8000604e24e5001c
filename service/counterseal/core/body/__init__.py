"""Bodies that are verified while they arrive: aws-chunked framing, chunk signatures, checksums, hashes and digests.

`BodyVerifier` yields the bytes of signed chunks as soon as they are verified; `DeferredBody` is for those who hold no key and
ask the service. The chain's strings to sign are public: `chunk_string_to_sign`, `trailer_string_to_sign`; `advance` verifies
links of it.
"""

from counterseal.core.body.chain import (
    ECDSA_CHUNKS,
    HMAC_CHUNKS,
    ChunkChain,
    ChunkKey,
    Link,
    Next,
    advance,
    chain_of,
    chunk_string_to_sign,
    trailer_string_to_sign,
)
from counterseal.core.body.pieces import BodyEnd, Fed, Held, Pending, PendingChunk, PendingEnd, Piece
from counterseal.core.body.signed import Limits
from counterseal.core.body.verifier import BodyVerifier, DeferredBody

__all__ = [
    "ECDSA_CHUNKS",
    "HMAC_CHUNKS",
    "BodyEnd",
    "BodyVerifier",
    "ChunkChain",
    "ChunkKey",
    "DeferredBody",
    "Fed",
    "Held",
    "Limits",
    "Link",
    "Next",
    "Pending",
    "PendingChunk",
    "PendingEnd",
    "Piece",
    "advance",
    "chain_of",
    "chunk_string_to_sign",
    "trailer_string_to_sign",
]
