"""What the dialects of draft-cavage have in common: names, limits, and the shape of a dialect and of a claim."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from counterseal.core import asymmetric
from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, KeyKind

CREATED: Final = b"(created)"
EXPIRES: Final = b"(expires)"
REQUEST_TARGET: Final = b"(request-target)"

# Section 2.1.3 and appendix E.2: the algorithm is "derived from metadata associated with keyId". The message adds nothing.
HS2019: Final = b"hs2019"
HMACS: Final[Mapping[bytes, str]] = MappingProxyType(
    {b"hmac-sha1": "sha1", b"hmac-sha256": "sha256", b"hmac-sha384": "sha384", b"hmac-sha512": "sha512"}
)
# Names on the wire, and the algorithms that keys are registered for. The last is what http-signature for Node writes.
PUBLIC: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        b"rsa-sha256": "rsa-v1_5-sha256",
        b"ecdsa-sha256": "ecdsa-p256-sha256",
        b"ed25519": "ed25519",
        b"ed25519-sha512": "ed25519",
    }
)
# Appendix E.2 recommends SHA-512 for hs2019, also where the key is a secret.
HS2019_HMAC: Final = "sha512"
assert asymmetric.ALGORITHMS.issuperset(PUBLIC.values())  # noqa: S101 - holds at import, or nothing works

MAX_PARAMETERS_BYTES: Final = 16 * 1024
MAX_LISTED: Final = 100
# RSA of 8192 bits in base64.
MAX_SIGNATURE: Final = 1368
NAME: Final = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]{1,256}")


class Target(enum.Enum):
    """How a dialect writes method and target into the string to sign."""

    NAMED = "named"  # (request-target): get /path?query
    BARE = "bare"  # GET /path?query
    LINE = "line"  # GET /path?query HTTP/1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The parameters of one dialect.

    `word` opens the value of one of `fields`; `bare_field`, where there is one, holds the parameters without a word.
    `key_parameter` names the key. `targets` are the identifiers in the list of covered fields that stand for method and target;
    `foreign` are those by which a request is told to be another dialect's; `telling` says that one of `targets` has to be there
    for a request to be this one's. `times`: the draft's parameters and identifiers `created` and `expires`. `default_list` is
    what is covered when no list is given; empty: one has to be given. `joins_repeats`: a repeated field is signed as one,
    joined by commas; otherwise it must not be repeated. `key_line`: the string to sign begins with the key id; `final_newline`:
    and ends in a newline. `algorithms` are accepted, more may be configured from `optional_algorithms`. `required_headers` must
    be covered; `time_headers` give the time, the first one covered. `unsigned_body`: a body may go unsigned.
    """

    title: str
    word: bytes
    fields: tuple[bytes, ...] = (b"authorization",)
    bare_field: bytes = b""
    key_parameter: bytes = b"keyId"
    targets: Mapping[bytes, Target]
    foreign: frozenset[bytes] = frozenset()
    telling: bool = False
    times: bool = False
    default_list: tuple[bytes, ...] = ()
    joins_repeats: bool = False
    key_line: bool = False
    final_newline: bool = False
    algorithms: frozenset[bytes]
    optional_algorithms: frozenset[bytes] = frozenset()
    needs_algorithm: bool = False
    required_headers: frozenset[bytes] = frozenset({b"host"})
    time_headers: tuple[bytes, ...] = (b"x-date", b"date")
    unsigned_body: bool = False

    @property
    def key_kinds(self) -> frozenset[KeyKind]:
        """The kinds of key that the accepted algorithms are made for."""
        kinds: set[KeyKind] = set()
        if not self.algorithms.isdisjoint({*HMACS, HS2019}):
            kinds.add(KeyKind.SYMMETRIC)
        if not self.algorithms.isdisjoint({*PUBLIC, HS2019}):
            kinds.add(KeyKind.PUBLIC)
        return frozenset(kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class CavageClaim(Claim):
    """What a request says about its own signature.

    `algorithm` is the name on the wire, empty for none. `listed` is what is covered, in the order signed, target and times
    included.
    `strings` are the strings to sign: one, or several where the request line is covered, whose HTTP version nobody hands over.
    `digests` are those of a covered `Digest`; `has_body` says whether there is a body, as far as can be told.
    """

    algorithm: bytes
    listed: tuple[bytes, ...]
    strings: tuple[bytes, ...] = field(repr=False)
    digests: Mapping[str, bytes] = field(repr=False)
    has_body: bool
    read: ReadRequest = field(repr=False)
