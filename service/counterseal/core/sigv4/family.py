"""What one member of the Signature Version 4 family has of its own.

All members sign the same six lines under a key that an HMAC chain derives from the scope; they differ in words. A `Family`
holds the words, so that the engine in this package is written once. How a family departs, from little to much:

- other words, header and parameter names, path rules, payload words: fields with values;
- scopes without a region (Tencent), or with `YYYY-MM-DD` for a date: `has_region`, `dashed_date`;
- another spelling of the time, such as Unix seconds: `read_stamp` and `write_stamp`, functions;
- a list of signed headers that is optional, or that names only what is signed beside a fixed set (Alibaba's
  `AdditionalHeaders`): `list_field`, `list_optional`, and `read_names`, a function from the list's text and the request to all
  names that are signed, in the order in which they are signed; and `write_names`, which makes the list's text for a signer;
- another canonical request: `canonical_request`, a function of the claim;
- other mathematics (SigV4A's ECDSA): `kind`, an object as `kinds.py` describes;
- anything else: a subclass of `scheme.FamilyScheme` that overrides a step, e.g. `read` to say that the path is not covered.

Functions in a family are given what was read, and raise `Refusal` for what they refuse, like all readers.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from counterseal.core.model import Scope
from counterseal.core.sigv4.kinds import SignatureKind
from counterseal.core.sigv4.stamps import Stamp, read_iso_stamp, write_iso_stamp

if TYPE_CHECKING:
    from counterseal.core.http import ReadRequest
    from counterseal.core.sigv4.facts import SigV4Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRules:
    """How a service turns the path on the wire into the canonical one."""

    normalise: bool
    encode_twice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRules:
    """What a service has of its own.

    `states_payload`: a signature in a header needs the payload stated in a header. `presigned_unsigned`: a presigned request
    that states no payload has left it unsigned; without it, the body's hash belongs there.
    """

    path: PathRules
    states_payload: bool = False
    presigned_unsigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A way of streaming that a payload word names. `algorithm` is the chunks' own; empty: they are not signed."""

    algorithm: str = ""
    trailer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryNames:
    """The names of a presigned request's parameters, spelled as they have to be. Empty: the family has no such parameter."""

    algorithm: bytes
    credential: bytes
    date: bytes
    expires: bytes
    signed_headers: bytes
    signature: bytes
    security_token: bytes
    content_sha256: bytes = b""
    region_set: bytes = b""
    signed_headers_optional: bool = False
    all: frozenset[bytes] = field(init=False)
    by_lower: Mapping[bytes, bytes] = field(init=False)
    required: tuple[bytes, ...] = field(init=False)
    telling: frozenset[bytes] = field(init=False)
    twins: Mapping[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        """Work out what readers look for."""
        needed = {self.algorithm, self.credential, self.date, self.expires, self.signature, self.region_set} - {b""}
        needed |= set() if self.signed_headers_optional else {self.signed_headers}
        names = (needed | {self.signed_headers, self.security_token, self.content_sha256}) - {b""}
        object.__setattr__(self, "all", frozenset(names))
        object.__setattr__(self, "by_lower", {name.lower(): name for name in names})
        object.__setattr__(self, "required", tuple(sorted(needed)))
        # Any of these in a query, in whatever letters, is an attempt at a query signature.
        telling = {self.algorithm, self.credential, self.signature, self.signed_headers}
        object.__setattr__(self, "telling", frozenset(name.lower() for name in telling))
        # What a request signed in a header states in a header, and nowhere else as well.
        twins = {self.security_token: "a security token", self.region_set: "a set of regions"}
        object.__setattr__(self, "twins", {name.lower(): what for name, what in twins.items() if name})


def query_names(prefix: bytes, *, region_set: bytes = b"", content_sha256: bool = True) -> QueryNames:
    """Return the names that most families have: AWS's with another prefix, such as `X-Goog-`."""
    return QueryNames(
        algorithm=prefix + b"Algorithm",
        credential=prefix + b"Credential",
        date=prefix + b"Date",
        expires=prefix + b"Expires",
        signed_headers=prefix + b"SignedHeaders",
        signature=prefix + b"Signature",
        security_token=prefix + b"Security-Token",
        content_sha256=prefix + b"Content-Sha256" if content_sha256 else b"",
        region_set=region_set,
    )


def with_underscores(*prefixes: bytes) -> tuple[bytes, ...]:
    """Return each prefix in all its spellings with `-` and `_`.

    CGI, WSGI and PHP hand `x_amz_acl` to applications under the same name as `x-amz-acl`.
    """
    return tuple(
        prefix.replace(b"-", b"%c") % joints
        for prefix in prefixes
        for joints in itertools.product(b"-_", repeat=prefix.count(b"-"))
    )


GENERAL_PATH: Final = PathRules(normalise=True, encode_twice=True)
PATH_AS_SENT: Final = PathRules(normalise=False, encode_twice=False)
UNSIGNED: Final = b"UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Family:
    """One member of the family. Two families are equal only when they are the same object.

    `algorithm` stands in the request, `terminator` ends its scopes. Header names are in lower case; an empty one: the family
    has no such header. `must_sign` are prefixes of header names, none of which may be present and unsigned; `required_headers`
    have to be signed by every request. `date_fallback`: a `Date` header may give the time, in ISO 8601's basic form or as an
    IMF-fixdate. `date_signed`: the header that gives the time has to be among those signed; without it, it is enough that the
    time stands in the string to sign as it was sent. `query` None: nothing is presigned. `takes_unnamed`: a query that names no
    algorithm counts as an attempt at this family's signature; one family for each set of names does that.

    `key_scope` is the one scope to derive a key for, where the key does not depend on the claim's.

    `region_set_header`: the regions stand there, as a list with wildcards, and scopes have none. `services` have rules of their
    own, all others the `general` ones. `streams` are the payload words that announce a way of streaming, `foreign_words` those
    that are known and belong elsewhere. `sign_region` and `sign_service` are what a signer takes by default.
    """

    name: str
    title: str
    algorithm: bytes
    terminator: str
    kind: SignatureKind
    date_header: bytes
    content_sha256_header: bytes
    security_token_header: bytes
    must_sign: tuple[bytes, ...]
    required_headers: tuple[bytes, ...] = (b"host",)
    date_fallback: bool = True
    date_signed: bool = True
    query: QueryNames | None = None
    takes_unnamed: bool = False
    region_set_header: bytes = b""
    key_scope: Scope | None = None
    has_region: bool = True
    dashed_date: bool = False
    list_field: bytes = b"SignedHeaders"
    list_optional: bool = False
    general: ServiceRules = ServiceRules(path=GENERAL_PATH)
    services: Mapping[str, ServiceRules] = field(default_factory=dict)
    streams: Mapping[bytes, Stream] = field(default_factory=dict)
    foreign_words: frozenset[bytes] = frozenset()
    sign_region: str = "us-east-1"
    sign_service: str = "s3"
    read_stamp: Callable[[bytes], Stamp | None] = read_iso_stamp
    write_stamp: Callable[[int], Stamp] = write_iso_stamp
    stamp_form: str = "YYYYMMDDTHHMMSSZ"
    read_names: "Callable[[bytes, ReadRequest], tuple[bytes, ...]] | None" = None
    write_names: Callable[[tuple[bytes, ...]], bytes] = b";".join
    canonical_request: "Callable[[SigV4Claim], bytes] | None" = None
    fields: frozenset[bytes] = field(init=False)
    needed_fields: tuple[bytes, ...] = field(init=False)
    algorithm_and_space: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Work out what readers look for."""
        needed = (b"Credential", b"Signature") if self.list_optional else (b"Credential", self.list_field, b"Signature")
        object.__setattr__(self, "fields", frozenset({b"Credential", self.list_field, b"Signature"}))
        object.__setattr__(self, "needed_fields", needed)
        object.__setattr__(self, "algorithm_and_space", self.algorithm + b" ")

    def rules(self, service: str) -> ServiceRules:
        """Return the rules of a service."""
        return self.services.get(service, self.general)
