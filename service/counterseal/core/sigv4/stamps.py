"""Times as they are spelled in strings to sign."""

from functools import lru_cache
from typing import NamedTuple

from counterseal.core import encoding


class Stamp(NamedTuple):
    """A stated time: as spelled in the string to sign, in Unix seconds, and its UTC day as spelled in a scope."""

    text: bytes
    seconds: int
    day: bytes


def read_iso_stamp(text: bytes) -> Stamp | None:
    """Read `YYYYMMDDTHHMMSSZ`; None for anything else."""
    return _read_iso_stamp(text) if len(text) == 16 else None


# Clocks agree, so most requests of a second state the same time.
@lru_cache(maxsize=1024)
def _read_iso_stamp(text: bytes) -> Stamp | None:
    seconds = encoding.read_iso_basic(text)
    return None if seconds is None else Stamp(text, seconds, text[:8])


def write_iso_stamp(seconds: int) -> Stamp:
    """Return the stamp of a time in Unix seconds."""
    text = encoding.write_iso_basic(seconds)
    return Stamp(text, seconds, text[:8])
