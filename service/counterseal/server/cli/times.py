"""Times and durations as people write them on a command line. Exact grammars: what is not understood is refused."""

import datetime as dt
import re
from typing import Final

import click

# RFC 3339 section 5.6, upper-case T and Z only, at most microseconds (the store keeps no more).
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
# One or more numbers with units, largest unit first, each unit once: 30d, 1h30m.
_DURATION: Final = re.compile(
    r"(?=[0-9])(?:([0-9]{1,9})w)?(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?"
)
_UNITS: Final = (604_800, 86_400, 3_600, 60, 1)


def read_time(text: str) -> dt.datetime:
    """Return the RFC 3339 time as UTC.

    Raises:
        ValueError: not RFC 3339, or no such day or hour.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time like 2027-01-31T12:00:00Z")
    year, month, day, hour, minute, second = (int(digits) for digits in match.groups()[:6])
    microsecond = int((match[7] or "0").ljust(6, "0"))
    try:
        offset = dt.timedelta(hours=int(match[9] or 0), minutes=_below(int(match[10] or 0), 60))
        zone = dt.timezone(-offset if match[8] == "-" else offset)
        return dt.datetime(year, month, day, hour, minute, second, microsecond, zone).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError("no such time") from None


def read_duration(text: str) -> dt.timedelta:
    """Return the duration: `90s`, `15m`, `12h`, `30d`, `4w`, or several of them, largest first. At least one second.

    Raises:
        ValueError: not a duration, zero, or longer than a calendar holds.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("not a duration like 90s, 15m, 12h, 30d, 4w or 1h30m")
    seconds = sum(int(digits) * unit for digits, unit in zip(match.groups(default="0"), _UNITS, strict=True))
    if seconds == 0:
        raise ValueError("a duration of zero")
    try:
        return dt.timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("longer than a calendar holds") from None


def _below(number: int, limit: int) -> int:
    if number >= limit:
        raise ValueError
    return number


def time_option(text: str) -> dt.datetime:
    """Return the time of an option's value: RFC 3339, or a duration from now. For use as a click type."""
    try:
        return read_time(text) if _DURATION.fullmatch(text) is None else _now() + read_duration(text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r}: {error}") from None


def duration_option(text: str) -> dt.timedelta:
    """Return the duration of an option's value. For use as a click type."""
    try:
        return read_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
