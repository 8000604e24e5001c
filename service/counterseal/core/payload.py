"""What is left to check about a body once the signature over the request head has been verified."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyChecked:
    """The body, or the hash of it that the caller sent, was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySha256:
    """The whole body must hash to `sha256` (32 bytes); the gateway checks it while streaming."""

    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyDigests:
    """The whole body must have every one of these digests; at least one. Names are RFC 9530's: `sha-256`, `sha-512`."""

    digests: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSigned:
    """aws-chunked framing in which every chunk is signed, in a chain that begins with `seed_signature`.

    `algorithm` is the chunks' own: `AWS4-HMAC-SHA256-PAYLOAD` or `AWS4-ECDSA-P256-SHA256-PAYLOAD`; the trailer's has `-TRAILER`
    in its place.
    """

    algorithm: str
    seed_signature: str = field(repr=False)
    timestamp: str
    scope: str
    signed_trailer: bool
    decoded_length: int | None
    trailers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkUnsigned:
    """aws-chunked framing without signatures; checksums stand in the trailer."""

    decoded_length: int | None
    trailers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """The client chose not to sign the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftToCaller:
    """The subject was a string to sign: the caller put the body's hash there, and has to check the body itself."""


PayloadDuty = AlreadyChecked | BodySha256 | BodyDigests | ChunkSigned | ChunkUnsigned | Unsigned | LeftToCaller
