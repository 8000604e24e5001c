"""Limits and grammars that the whole family shares, and the claim."""

import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim
from counterseal.core.sigv4.family import Family, PathRules

MAX_EXPIRES: Final = 604_800  # seconds: seven days, the most that a presigned request may state
MAX_SIGNED_HEADERS: Final = 100
MAX_SIGNED_HEADERS_BYTES: Final = 8192

SIGNED_HEADERS: Final = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*+")
SECURITY_TOKEN: Final = re.compile(rb"[\x21-\x7e]{1,8192}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4Claim(Claim):
    """What a request says about its signature of the Signature Version 4 family.

    `timestamp` is the time as spelled in the string to sign. `signed_headers` is the list of names as sent. `payload` is what
    stands in the last line of the canonical request: a stated value, or None where the hash of the body belongs there.
    `sent_signature` is the signature as sent, which a chain of chunks begins with; `signature` is its one spelling, where two
    spellings are right (ECDSA). `stated` is the string to sign of a string-to-sign subject, for which `read` is None; exactly
    one of the two is set.
    """

    family: Family
    timestamp: bytes
    presigned: bool
    rules: PathRules
    sent_signature: bytes = field(default=b"", repr=False)
    signed_headers: bytes = b""
    payload: bytes | None = None
    read: ReadRequest | None = field(default=None, repr=False)
    stated: bytes | None = field(default=None, repr=False)
