"""What comes out of a body that is verified while it arrives. The types say what may be used, and when."""

from dataclasses import dataclass, field

from counterseal.core.body.chain import Link

# Bytes of a decoded body. Views are of bytes that nobody changes any more.
Piece = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Bytes of a decoded body of which nothing is known yet.

    They count once `finish` has returned BodyEnd, and never if it does not. The field's name is there to be read at every use.
    """

    unverified: Piece = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What has come out of the bytes fed so far. One of the two is always empty, by the kind of body.

    `verified`: bytes of chunks whose signature matched, to be handed on at once. `held`: bytes to be kept aside until the end.
    """

    verified: tuple[Piece, ...] = field(default=(), repr=False)
    held: tuple[Held, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChunk:
    """A signed chunk that somebody else has to verify, by its link, together with all the chunks before it.

    `unverified` are its bytes, `length` of them: they may be handed on once the answer says so, and never if it does not.
    """

    link: Link
    length: int
    unverified: tuple[Piece, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The chunks that became whole by the bytes fed so far, in their order. The last one of a body has no bytes."""

    chunks: tuple[PendingChunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyEnd:
    """The body is whole, and everything about it that can be checked here matched.

    `length` is that of the decoded body; `trailers` are its trailer's fields, without the signature.
    """

    length: int
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEnd:
    """The body is whole, but for what the chain says.

    `trailer` is the last link that has to be verified, None where no trailer is signed. The body counts
    only when the answer about the last link says that the chain is complete.
    """

    trailer: Link | None
    length: int
    trailers: tuple[tuple[str, str], ...] = ()
