"""The parameters of a signature, read exactly: `keyId="...",algorithm="...",headers="...",signature="..."`."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from counterseal.core import encoding
from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes.cavage import facts
from counterseal.core.schemes.cavage.facts import Dialect

# Names and quoted values without escapes, which no value needs; `created` and `expires` are bare numbers.
_PARAMETER: Final = re.compile(
    rb'[ \t]*+(?P<name>[A-Za-z]{1,32})=(?:"(?P<text>[\x20\x21\x23-\x5b\x5d-\x7e]*+)"|(?P<number>[0-9.]{1,32}))[ \t]*+'
)
# Section 2.1.5: "Sub-second precision is allowed using decimal notation."
_DECIMAL: Final = re.compile(rb"(?P<seconds>[0-9]{1,19})(?:\.[0-9]{1,9})?")
_NUMBERS: Final = frozenset({b"created", b"expires"})


def known(dialect: Dialect) -> frozenset[bytes]:
    """Return the names of the parameters that a dialect has."""
    names = {dialect.key_parameter, b"algorithm", b"headers", b"signature"}
    return frozenset(names | _NUMBERS if dialect.times else names)


def read(text: bytes, dialect: Dialect) -> dict[bytes, bytes]:
    """Read the parameters by name, in any order.

    The draft wants the last of a repeated parameter taken, and unknown ones ignored; two readers then may differ, so both are
    refused here. Empty values are refused too.

    Raises:
        Refusal: MALFORMED.
    """
    if len(text) > facts.MAX_PARAMETERS_BYTES:
        raise Refusal(Reason.MALFORMED, f"signature parameters: longer than {facts.MAX_PARAMETERS_BYTES} bytes")
    names = known(dialect)
    found: dict[bytes, bytes] = {}
    position = 0
    while True:
        match = _PARAMETER.match(text, position)
        if match is None:
            raise Refusal(Reason.MALFORMED, 'signature parameters: must be name="value", separated by commas')
        name = match["name"]
        if name not in names:
            raise Refusal(Reason.MALFORMED, "signature parameters: holds one that is not known")
        if name in found:
            raise Refusal(Reason.MALFORMED, f"signature parameters: {name.decode()} given more than once")
        found[name] = _value(match, name)
        if match.end() == len(text):
            break
        if text[match.end() : match.end() + 1] != b",":
            raise Refusal(Reason.MALFORMED, "signature parameters: must be separated by commas")
        position = match.end() + 1
    for name in (dialect.key_parameter, b"signature"):
        if name not in found:
            raise Refusal(Reason.MALFORMED, f"signature parameters: {name.decode()} is missing")
    return found


def _value(match: re.Match[bytes], name: bytes) -> bytes:
    value = match["number"] if name in _NUMBERS else match["text"]
    if not value:
        form = "a number without quotes" if name in _NUMBERS else "a text in quotes, and not empty"
        raise Refusal(Reason.MALFORMED, f"signature parameters: {name.decode()} must be {form}")
    return bytes(value)


def read_list(parameters: Mapping[bytes, bytes], dialect: Dialect) -> tuple[bytes, ...]:
    """Return what is covered, in the order signed.

    Raises:
        Refusal: MALFORMED, when a name is empty, repeated, in capitals or not known, there are too many, or there is no list.
    """
    text = parameters.get(b"headers")
    if text is None:
        if not dialect.default_list:
            raise Refusal(Reason.MALFORMED, "signature parameters: headers is missing")
        return dialect.default_list
    listed = text.split(b" ")
    if len(listed) > facts.MAX_LISTED:
        raise Refusal(Reason.MALFORMED, f"headers: more than {facts.MAX_LISTED} names")
    special = {facts.CREATED, facts.EXPIRES, *dialect.targets} if dialect.times else set(dialect.targets)
    for name in listed:
        if name not in special and not facts.NAME.fullmatch(name):
            raise Refusal(Reason.MALFORMED, "headers: must be lower-case names, each followed by one space but the last")
    if len(set(listed)) != len(listed):
        raise Refusal(Reason.MALFORMED, "headers: a name is given more than once")
    return tuple(listed)


def read_algorithm(parameters: Mapping[bytes, bytes], dialect: Dialect) -> bytes:
    """Return the algorithm's name, empty for none.

    Raises:
        Refusal: MALFORMED, when there has to be one; UNSUPPORTED_SCHEME, when it is not among the accepted ones.
    """
    name = parameters.get(b"algorithm", b"")
    if not name and dialect.needs_algorithm:
        raise Refusal(Reason.MALFORMED, "signature parameters: algorithm is missing")
    # Section 2.5: unsupported algorithms MUST be refused. An absent name is as good as hs2019: the key decides.
    if (name or facts.HS2019) not in dialect.algorithms:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "algorithm: not among the accepted ones")
    return name


def read_signature(parameters: Mapping[bytes, bytes]) -> bytes:
    """Return the signature's bytes. Raises Refusal: MALFORMED, when it is no canonical base64, or too long."""
    text = parameters[b"signature"]
    try:
        signature = base64.b64decode(text, validate=True) if len(text) <= facts.MAX_SIGNATURE else b""
    except binascii.Error:
        signature = b""
    if not signature or base64.b64encode(signature) != text:
        raise Refusal(Reason.MALFORMED, f"signature: must be canonical base64, {facts.MAX_SIGNATURE} characters at most")
    return signature


def read_created(parameters: Mapping[bytes, bytes]) -> int | None:
    """Return `created` in Unix seconds. Raises Refusal: MALFORMED, when it is no integer (section 2.1.4)."""
    text = parameters.get(b"created")
    if text is None:
        return None
    seconds = encoding.read_digits(text)
    if seconds is None:
        raise Refusal(Reason.MALFORMED, "created: must be plain digits")
    return seconds


def read_expires(parameters: Mapping[bytes, bytes]) -> int | None:
    """Return `expires` in whole Unix seconds, rounded down. Raises Refusal: MALFORMED, when it is no decimal number."""
    text = parameters.get(b"expires")
    if text is None:
        return None
    match = _DECIMAL.fullmatch(text)
    seconds = None if match is None else encoding.read_digits(match["seconds"])
    if seconds is None:
        raise Refusal(Reason.MALFORMED, "expires: must be a plain decimal number")
    return seconds
