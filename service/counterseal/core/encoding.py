"""Exact readers and writers of the small formats that signatures are made of. Bytes in, bytes out.

The standard library's readers are lenient (`int("6_0")`, `bytes.fromhex("AB cd")`, `parse_qsl`, `strptime`), and every leniency
is a second spelling of something signed. So each format has a grammar here that is matched in full.
"""

import calendar
import datetime as dt
import re
from functools import lru_cache
from typing import Final

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_HEX_SHA256: Final = re.compile(rb"[0-9a-f]{64}")
_DIGITS: Final = re.compile(rb"[0-9]{1,19}")
_ISO_BASIC: Final = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_IMF_FIXDATE: Final = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# RFC 3986 section 2.1: "uppercase hexadecimal digits should be used in percent-encodings", and SigV4 demands it.
_ESCAPED: Final = {bytes((b,)): b"%%%02X" % b for b in range(256)}
# Every %XX, in capitals, small letters and both.
_ESCAPES: Final = {
    b"%%%c%c" % (high, low): int(bytes((high, low)), 16)
    for high in b"0123456789abcdefABCDEF"
    for low in b"0123456789abcdefABCDEF"
}
_DECODED: Final = {escape: bytes((byte,)) for escape, byte in _ESCAPES.items()}
# What becomes of each %XX in a string that is already encoded: section 2.3, escapes of unreserved characters "should be
# decoded"; all others stay escapes, so that %2F and / remain two things.
_RECODED: Final = {escape: bytes((byte,)) if byte in _UNRESERVED else b"%%%02X" % byte for escape, byte in _ESCAPES.items()}
_PLAIN: Final = re.compile(rb"[A-Za-z0-9\-._~]*")
_PLAIN_PATH: Final = re.compile(rb"[A-Za-z0-9\-._~/]*")
_OTHER: Final = re.compile(rb"[^A-Za-z0-9\-._~]")
_OTHER_IN_PATH: Final = re.compile(rb"[^A-Za-z0-9\-._~/]")
# What clients send is nearly always canonical already, which one match finds: escapes in capitals, none of unreserved
# characters.
_CANONICAL_ESCAPE: Final = rb"%(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF]|[89A-F][0-9A-F])"
_CANONICAL_PATH: Final = re.compile(rb"(?:[A-Za-z0-9\-._~/]++|" + _CANONICAL_ESCAPE + rb")*+")
_CANONICAL_QUERY: Final = re.compile(rb"(?:[A-Za-z0-9\-._~&=]++|" + _CANONICAL_ESCAPE + rb")*+")
_ESCAPE_OR_OTHER_IN_PATH: Final = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~/]")
_ESCAPE_OR_OTHER_IN_QUERY: Final = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~&=]")
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")


def percent_encode(raw: bytes) -> bytes:
    """Encode every byte outside `A-Za-z0-9-._~`, `%` and `/` included."""
    return raw if _PLAIN.fullmatch(raw) else _OTHER.sub(lambda m: _ESCAPED[m[0]], raw)


def percent_encode_path(raw: bytes) -> bytes:
    """Encode every byte outside `A-Za-z0-9-._~/`, `%` included: an encoded path is encoded a second time."""
    return raw if _PLAIN_PATH.fullmatch(raw) else _OTHER_IN_PATH.sub(lambda m: _ESCAPED[m[0]], raw)


def recode_path(encoded: bytes) -> bytes:
    """Bring an encoded path to its one canonical encoding: capitals in escapes, no escape that is not needed, none missing.

    `/` is left alone, and `%2F` stays `%2F`. `+` is the character plus, not a space. A `%` that begins no escape becomes `%25`;
    readers of targets refuse it before.
    """
    return encoded if _CANONICAL_PATH.fullmatch(encoded) else _ESCAPE_OR_OTHER_IN_PATH.sub(_recode_one, encoded)


def recode_query(encoded: bytes) -> bytes:
    """Do as `recode_path` for a query, leaving `&` and `=` alone and encoding `/`.

    `%26` and `%3D` stay what they are, so names and values may be taken apart afterwards.
    """
    return encoded if _CANONICAL_QUERY.fullmatch(encoded) else _ESCAPE_OR_OTHER_IN_QUERY.sub(_recode_one, encoded)


def _recode_one(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return _RECODED[found] if len(found) == 3 else _ESCAPED[found]


def percent_decode(encoded: bytes) -> bytes:
    """Decode every `%XX`; everything else, `+` included, stands for itself."""
    return _ESCAPE.sub(lambda m: _DECODED[m[0]], encoded) if b"%" in encoded else encoded


def is_sha256_hex(text: bytes) -> bool:
    """Say whether `text` is 64 lower-case hex digits and nothing else."""
    return _HEX_SHA256.fullmatch(text) is not None


def read_digits(text: bytes) -> int | None:
    """Read plain ASCII digits without sign, blanks, underscores or leading zeros; None for anything else."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if b"%d" % number == text else None


def read_iso_basic(text: bytes) -> int | None:
    """Read `YYYYMMDDTHHMMSSZ` as Unix seconds; None for any other form or a time that does not exist.

    A leap second (`:60`) is refused: no AWS client sends one.
    """
    return _read_iso_basic(text) if len(text) == 16 else None


# Clocks agree, so most requests of a second state the same time.
@lru_cache(maxsize=1024)
def _read_iso_basic(text: bytes) -> int | None:
    match = _ISO_BASIC.fullmatch(text)
    return None if match is None else _unix_seconds([int(part) for part in match.groups()])


def read_imf_fixdate(text: bytes) -> int | None:
    """Read RFC 9110's preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`, as Unix seconds; None for anything else."""
    if not _IMF_FIXDATE.fullmatch(text):
        return None
    stated = text.decode("ascii")
    if stated[8:11] not in _MONTHS:
        return None
    month = _MONTHS.index(stated[8:11]) + 1
    seconds = _unix_seconds(
        [int(stated[12:16]), month, int(stated[5:7]), int(stated[17:19]), int(stated[20:22]), int(stated[23:25])]
    )
    if seconds is None:
        return None
    weekday = calendar.weekday(int(stated[12:16]), month, int(stated[5:7]))
    return seconds if _DAYS[weekday] == stated[:3] else None


def _unix_seconds(parts: list[int]) -> int | None:
    year, month, day, hour, minute, second = parts
    try:
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None
    return calendar.timegm(moment.timetuple())


def write_iso_basic(seconds: int) -> bytes:
    """Write Unix seconds as `YYYYMMDDTHHMMSSZ`."""
    # Not strftime: its %Y writes the year 999 with three digits on some systems.
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    date = b"%04d%02d%02d" % (moment.year, moment.month, moment.day)
    return b"%sT%02d%02d%02dZ" % (date, moment.hour, moment.minute, moment.second)
