"""What the seal of a key holds: its secrets, and of a rotated key what lets a retried RotateKey find the first attempt."""

import base64
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from counterseal.server.store.rows import to_micros, to_time


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationMark:
    """Which call made which secret, when, and until when it let the one before verify.

    `fingerprint` is a SHA-256 over the call without its secret. `actor` is part of the mark, so that nobody fetches a secret
    with another's request id.
    """

    actor: str
    request_id: str
    fingerprint: bytes
    version: int
    time: dt.datetime
    previous_end: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The secrets of a key. `current` is empty for a public key, `previous` None for none; the newest mark is last."""

    current: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)
    marks: tuple[RotationMark, ...] = field(default=(), repr=False)

    def to_bytes(self) -> bytes:
        """Return the text that is sealed, for keys that may have more than one secret."""
        parts = {
            "secret": base64.b64encode(self.current).decode("ascii"),
            "previous": None if self.previous is None else base64.b64encode(self.previous).decode("ascii"),
            "marks": [_mark_parts(mark) for mark in self.marks],
        }
        return json.dumps(parts, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_bytes(cls, text: bytes) -> "Secrets":
        """Read what `to_bytes` wrote. It was sealed: whatever else it is, is a bug, and an exception of its own kind."""
        parts: dict[str, Any] = json.loads(text)
        previous = parts["previous"]
        return cls(
            current=base64.b64decode(parts["secret"], validate=True),
            previous=None if previous is None else base64.b64decode(previous, validate=True),
            marks=tuple(_mark(mark) for mark in parts["marks"]),
        )


def _mark_parts(mark: RotationMark) -> list[object]:
    times = [to_micros(mark.time), to_micros(mark.previous_end)]
    return [mark.actor, mark.request_id, mark.fingerprint.hex(), mark.version, *times]


def _mark(parts: list[Any]) -> RotationMark:
    actor, request_id, fingerprint, version, time, previous_end = parts
    return RotationMark(
        actor=actor,
        request_id=request_id,
        fingerprint=bytes.fromhex(fingerprint),
        version=version,
        time=to_time(time),
        previous_end=to_time(previous_end),
    )
