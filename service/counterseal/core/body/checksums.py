"""The checksums that S3 clients send in trailers as `x-amz-checksum-<name>`: big-endian bytes in base64.

They find transmission errors. Over unsigned chunks they prove nothing about who sent them.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol

from counterseal.core.compare import same
from counterseal.core.model import Reason, Refusal

PREFIX: Final = "x-amz-checksum-"


class Checksum(Protocol):
    """A computation under way."""

    def update(self, piece: bytes | memoryview, /) -> None:
        """Take in the next bytes."""

    def digest(self) -> bytes:
        """Return the checksum of all that was taken in."""


class _Crc:
    """A CRC by a function that continues from an earlier result."""

    def __init__(self, function: Callable[[bytes | memoryview, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, piece: bytes | memoryview, /) -> None:
        self._value = self._function(piece, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


@cache
def known() -> Mapping[str, Callable[[], Checksum]]:
    """Return what begins each checksum that can be computed here, by its field's name.

    crc32c and crc64nvme come with `awscrt` (the extra `checksums`): without it they are not known, and so refused.
    """
    functions: dict[str, Callable[[], Checksum]] = {
        "crc32": lambda: _Crc(zlib.crc32, 4),
        "sha1": lambda: hashlib.sha1(usedforsecurity=False),
        "sha256": hashlib.sha256,
        "sha512": hashlib.sha512,
    }
    return MappingProxyType({PREFIX + name: begin for name, begin in (functions | _native()).items()})


def _native() -> dict[str, Callable[[], Checksum]]:
    try:
        from awscrt import checksums as native
    except ImportError:
        return {}
    return {
        # The same as zlib's, and faster with what newer processors have.
        "crc32": lambda: _Crc(native.crc32, 4),
        "crc32c": lambda: _Crc(native.crc32c, 4),
        "crc64nvme": lambda: _Crc(native.crc64nvme, 8),
    }


class Checksums:
    """The checksums that a body declares in `x-amz-trailer`, computed while it arrives."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Begin. `names` are the declared trailer fields in lower case; those that are no checksums are left aside.

        Raises:
            Refusal: UNSUPPORTED_SCHEME: a checksum that cannot be computed here. It is not passed over as if it had matched.
        """
        self._running: dict[str, Checksum] = {}
        for name in names:
            if not name.startswith(PREFIX):
                continue
            if name not in known():
                raise Refusal(Reason.UNSUPPORTED_SCHEME, "trailer: declares a checksum that cannot be computed here")
            self._running[name] = known()[name]()

    def __bool__(self) -> bool:
        return bool(self._running)

    def update(self, piece: bytes | memoryview) -> None:
        """Take in the next bytes of the decoded body."""
        for checksum in self._running.values():
            checksum.update(piece)

    def check(self, fields: Mapping[str, str]) -> None:
        """Compare with what the trailer says. One spelling only: the base64 that an encoder writes.

        Raises:
            Refusal: PAYLOAD_MISMATCH, naming the field; also where the trailer does not have it.
        """
        for name, checksum in self._running.items():
            if not same(base64.b64encode(checksum.digest()), fields.get(name, "").encode("ascii", "replace")):
                raise Refusal(Reason.PAYLOAD_MISMATCH, f"trailer {name}: not the checksum of the body")
