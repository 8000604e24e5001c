"""Bodies that are signed as a whole, by a hash or by digests: they count at their end."""

import hashlib
from typing import Final, Protocol

from counterseal.core.body.pieces import BodyEnd, Fed, Held
from counterseal.core.compare import same
from counterseal.core.model import Reason, Refusal
from counterseal.core.payload import BodyDigests, BodySha256

_HASHES: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class WholeBody:
    """Hashes a body as it passes."""

    def __init__(self, duty: BodySha256 | BodyDigests) -> None:
        """Begin. Raises Refusal: UNSUPPORTED_SCHEME, for a digest that is not known here, and where there is none at all."""
        digests = (("sha-256", duty.sha256),) if isinstance(duty, BodySha256) else duty.digests
        if not digests or not _HASHES.keys() >= {name for name, _ in digests}:
            raise Refusal(Reason.UNSUPPORTED_SCHEME, "the body's digests: none, or one that cannot be computed here")
        self._running: list[tuple[_Hash, bytes]] = [(_HASHES[name](), digest) for name, digest in digests]
        self._length = 0

    def feed(self, data: bytes) -> Fed:
        """Take the next bytes."""
        self._length += len(data)
        for running, _ in self._running:
            running.update(data)
        return Fed(held=(Held(unverified=data),) if data else ())

    def finish(self) -> BodyEnd:
        """Compare. Raises Refusal: PAYLOAD_MISMATCH."""
        if not all(same(expected, running.digest()) for running, expected in self._running):
            raise Refusal(Reason.PAYLOAD_MISMATCH, "the body is not the one that was signed")
        return BodyEnd(length=self._length)
