"""Policy documents, read exactly. Whether a form satisfies one: `posted.py`."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from counterseal.core import encoding
from counterseal.core.model import Reason, Refusal

MAX_POLICY: Final = 32 * 1024
MAX_CONDITIONS: Final = 100

# As a field's name (`fields.py`): no other could be sent, and refusals name it.
_NAME: Final = re.compile(r"[!#-\[\]-~]{1,256}")
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_EXPIRATION: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?Z")
_MAX_LENGTH: Final = 1 << 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a field must be, or begin with. `name` is in lower case, without its `$`."""

    name: str
    value: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthRange:
    """How long the file may be, in bytes, both ends included."""

    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy document: until when it is good (Unix seconds), and its conditions, all of which have to hold."""

    expires: int
    conditions: tuple[Condition, ...]
    lengths: tuple[LengthRange, ...]


def read_policy(text: bytes) -> Policy:
    """Read a policy as it stands in a form, in base64. Nothing is known about who wrote it. Raises Refusal: MALFORMED."""
    if not text or len(text) > MAX_POLICY or not _BASE64.fullmatch(text):
        raise Refusal(Reason.MALFORMED, f"policy: must be 1 to {MAX_POLICY} characters of padded base64, without line breaks")
    document = _read_json(base64.b64decode(text))
    if not isinstance(document, dict) or document.keys() != {"expiration", "conditions"}:
        raise Refusal(Reason.MALFORMED, "policy: must be an object of expiration and conditions")
    listed = document["conditions"]
    if not isinstance(listed, list) or len(listed) > MAX_CONDITIONS:
        raise Refusal(Reason.MALFORMED, f"policy: conditions must be a list of at most {MAX_CONDITIONS}")
    # Each once: botocore adds its own condition on the bucket beside the caller's.
    found = dict.fromkeys(_read_condition(item) for item in listed)
    return Policy(
        expires=_read_expiration(document["expiration"]),
        conditions=tuple(item for item in found if isinstance(item, Condition)),
        lengths=tuple(item for item in found if isinstance(item, LengthRange)),
    )


def _read_json(raw: bytes) -> Any:
    # Text behind the document, keys given twice, NaN and floats: Python's reader refuses the first and is told of the others.
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError as well
        raise Refusal(Reason.MALFORMED, "policy: must be one JSON document in UTF-8, without repeated keys") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _refuse(text: str) -> NoReturn:  # noqa: ARG001
    raise ValueError("not a number that policies have")


def _read_expiration(stated: object) -> int:
    match = _EXPIRATION.fullmatch(stated) if isinstance(stated, str) else None
    # Parts of seconds are cut off: never later than stated.
    seconds = None if match is None else encoding.read_iso_basic("{}{}{}T{}{}{}Z".format(*match.groups()).encode("ascii"))
    if seconds is None:
        raise Refusal(Reason.MALFORMED, "policy: expiration must be YYYY-MM-DDTHH:MM:SSZ")
    return seconds


def _read_condition(item: object) -> Condition | LengthRange:
    match item:
        case {**pairs} if len(pairs) == 1:
            [(field, wanted)] = pairs.items()
            return _condition(str(field), wanted, exact=True)
        case ["eq", str(name), value] if name.startswith("$"):
            return _condition(name[1:], value, exact=True)
        case ["starts-with", str(name), value] if name.startswith("$"):
            return _condition(name[1:], value, exact=False)
        case ["content-length-range", least, most]:
            return LengthRange(least=_length(least), most=_length(most))
    raise Refusal(
        Reason.MALFORMED,
        "policy: a condition must be {name: value}, [eq, $name, value], [starts-with, ...] or a content-length-range",
    )


def _condition(name: str, value: object, *, exact: bool) -> Condition:
    # Lower-cased only in ASCII: KELVIN SIGN lower-cases to k, and two programs need not agree on that.
    if not _NAME.fullmatch(name) or not isinstance(value, str):
        raise Refusal(Reason.MALFORMED, "policy: a condition needs a name of 1 to 256 visible ASCII characters and a text")
    return Condition(name=name.lower(), value=value, exact=exact)


def _length(stated: object) -> int:
    # Numbers, also in quotes, as some libraries write them. `True` is an int in Python, and none here.
    number = encoding.read_digits(stated.encode()) if isinstance(stated, str) and stated.isascii() else stated
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MAX_LENGTH:
        raise Refusal(Reason.MALFORMED, "policy: content-length-range must be two whole numbers of bytes")
    return number
