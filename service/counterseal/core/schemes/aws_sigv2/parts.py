"""Parts of a claim that the places where a signature may stand have in common, each read exactly."""

import re
from typing import Final

from counterseal.core import encoding
from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes.aws_sigv2 import facts
from counterseal.core.scope import is_key_id

# `GMT` is RFC 9110's; s3cmd and the documentation write `+0000`, and rclone `UTC`.
_DATE: Final = re.compile(rb"(.{25}) (?:GMT|UTC|\+0000)", re.DOTALL)


def read_key_id(text: bytes) -> str:
    """Read a key id. Raises Refusal: MALFORMED."""
    name = text.decode("latin-1")
    if not is_key_id(name):
        raise Refusal(Reason.MALFORMED, "AWSAccessKeyId: must be 3 to 128 characters of [A-Za-z0-9._~:@+=/-]")
    return name


def read_signature(text: bytes, hash_name: str = "sha1") -> bytes:
    """Read a signature. Raises Refusal: MALFORMED."""
    grammar, length = (facts.SHA1_SIGNATURE, 28) if hash_name == "sha1" else (facts.SHA256_SIGNATURE, 44)
    if not grammar.fullmatch(text):
        raise Refusal(Reason.MALFORMED, f"Signature: must be {length} characters of base64, in its one spelling")
    return text


def read_security_token(text: bytes | None) -> bytes | None:
    """Read a security token, if there is one. Raises Refusal: MALFORMED."""
    if text is not None and not facts.SECURITY_TOKEN.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "security token: must be 1 to 8192 visible ASCII characters")
    return text


def read_date(text: bytes, name: str) -> int:
    """Read a date as Unix seconds. Raises Refusal: MALFORMED."""
    match = _DATE.fullmatch(text)
    seconds = None if match is None else encoding.read_imf_fixdate(match[1] + b" GMT")
    if seconds is None:
        raise Refusal(Reason.MALFORMED, f"header {name}: must be an IMF-fixdate, in GMT, UTC or +0000")
    return seconds


def own_parameters(parameters: tuple[tuple[bytes, bytes], ...], names: frozenset[bytes]) -> dict[bytes, bytes]:
    """Return the signature's own parameters, decoded, each of which stands there at most once, in these letters.

    Raises:
        Refusal: MALFORMED.
    """
    lower = {name.lower(): name for name in names}
    found: dict[bytes, bytes] = {}
    for name, value in parameters:
        exact = lower.get(name.lower())
        if exact is None:
            continue
        # An upstream that ignores case would see a second value here (aws-iam-authenticator CVE-2022-2385).
        if name != exact:
            raise Refusal(Reason.MALFORMED, f"{exact.decode()}: spelled in other letters")
        if name in found:
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: given more than once")
        found[name] = encoding.percent_decode(value)
    return found


def required(fields: dict[bytes, bytes], name: bytes) -> bytes:
    """Return a field that has to be there. Raises Refusal: MALFORMED."""
    value = fields.get(name)
    if not value:
        raise Refusal(Reason.MALFORMED, f"{name.decode()}: missing or empty")
    return value
