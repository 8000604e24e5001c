"""`BodyVerifier` and `DeferredBody`: bytes in as they arrive, and out of them what is known about the body. Pure, no I/O."""

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from counterseal.core.body.chain import ChunkKey
from counterseal.core.body.chunks import UnsignedChunks
from counterseal.core.body.pieces import BodyEnd, Fed, Pending, PendingEnd
from counterseal.core.body.signed import DeferredChunks, Limits, VerifiedChunks
from counterseal.core.body.whole import WholeBody
from counterseal.core.model import Reason, Refusal, Rejected
from counterseal.core.payload import BodyDigests, BodySha256, ChunkSigned, ChunkUnsigned

# The duties that leave something to verify. The others say that the body was checked, or that nobody signed it.
VerifiableDuty = BodySha256 | BodyDigests | ChunkSigned | ChunkUnsigned

_F_co = TypeVar("_F_co", covariant=True)
_E_co = TypeVar("_E_co", covariant=True)
_DEFAULT: Final = Limits()
_BROKEN: Final = Rejected(reason=Reason.MALFORMED, detail="the verification of the body broke off")


class _Body(Protocol[_F_co, _E_co]):
    def feed(self, data: bytes) -> _F_co: ...
    def finish(self) -> _E_co: ...


class _Guarded(Generic[_F_co, _E_co]):
    """Makes refusals values, and lets nothing through after the first: neither bytes nor a good end."""

    def __init__(self, begin: Callable[[], _Body[_F_co, _E_co]]) -> None:
        self._rejected: Rejected | None = None
        self._finished = False
        try:
            self._body = begin()
        except Refusal as refusal:
            self._refuse(refusal)

    @property
    def rejected(self) -> Rejected | None:
        """The rejection, once there is one. It may be there from the beginning: then no byte of the body needs to be read."""
        return self._rejected

    def feed(self, data: bytes | bytearray | memoryview) -> _F_co | Rejected:
        """Take the next bytes as they arrived, in a piece of any size, and return what came out of them.

        What comes out may be views of `data`: bytes that may change (a bytearray or memoryview) are copied first.

        Raises:
            ValueError: the body was finished before.
        """
        if self._finished:
            raise ValueError("the body was finished")
        if self._rejected is not None:
            return self._rejected
        self._rejected = _BROKEN  # stands if anything but a refusal comes out of the next line, an interrupt also
        try:
            fed = self._body.feed(data if isinstance(data, bytes) else bytes(data))
        except Refusal as refusal:
            return self._refuse(refusal)
        self._rejected = None
        return fed

    def finish(self) -> _E_co | Rejected:
        """Say that no bytes follow, and return whether the body is whole and right."""
        self._finished = True
        if self._rejected is not None:
            return self._rejected
        self._rejected = _BROKEN
        try:
            end = self._body.finish()
        except Refusal as refusal:
            return self._refuse(refusal)
        self._rejected = None
        return end

    def _refuse(self, refusal: Refusal) -> Rejected:
        self._rejected = Rejected(reason=refusal.reason, detail=refusal.detail)
        return self._rejected


class BodyVerifier(_Guarded[Fed, BodyEnd]):
    """Verifies one body while it arrives.

    `feed` returns `Fed`: bytes of signed chunks come out `verified`, as soon as their signature has matched; everything else
    comes out `held`, and counts only once `finish` has returned `BodyEnd`. A rejection is a value, and after one every call
    returns it. What came out `verified` before was signed all the same; that it is the beginning of something that did not
    come is for the caller to make known.

    Holds one chunk at most (`Limits.max_chunk`), one size line or one trailer; nothing grows with the body.
    """

    def __init__(self, duty: VerifiableDuty, *, key: ChunkKey | None = None, limits: Limits = _DEFAULT) -> None:
        """Begin. `key` is for signed chunks: the 32-byte derived key of the scope, or the public key; never a key's secret.

        Raises:
            ValueError: signed chunks without a key, a key of the wrong kind, or one where nothing is signed with it; a duty
                that leaves nothing to verify.
        """
        super().__init__(lambda: _open(duty, key, limits))


class DeferredBody(_Guarded[Pending, PendingEnd]):
    """Reads a chunk-signed body for somebody who holds no key and has the chain verified elsewhere (`VerifyChunks`).

    Whoever uses it sends the links of the chunks that come out, in their order, and after the last one the trailer's; hands on
    a chunk's bytes once the answer verifies them; and takes the body for whole only when `finish` has returned `PendingEnd` and
    the answer says that the chain is complete. Checks framing, lengths and checksums as `BodyVerifier` does.
    """

    def __init__(self, duty: ChunkSigned, *, limits: Limits = _DEFAULT) -> None:
        """Begin.

        Raises:
            ValueError: the duty's algorithm is unknown.
        """
        super().__init__(lambda: DeferredChunks(duty, limits))


def _open(duty: VerifiableDuty, key: ChunkKey | None, limits: Limits) -> _Body[Fed, BodyEnd]:
    if isinstance(duty, ChunkSigned):
        if key is None:
            raise ValueError("key: signed chunks cannot be verified without one")
        return VerifiedChunks(duty, key, limits)
    if key is not None:
        raise ValueError("key: nothing but signed chunks is verified with one")
    if isinstance(duty, ChunkUnsigned):
        return UnsignedChunks(duty)
    if isinstance(duty, BodySha256 | BodyDigests):
        return WholeBody(duty)
    raise ValueError("duty: leaves nothing to verify")
