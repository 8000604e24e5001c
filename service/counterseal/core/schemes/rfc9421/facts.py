"""The names and limits of HTTP Message Signatures (RFC 9421), and the claim."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from counterseal.core import asymmetric
from counterseal.core.model import Claim
from counterseal.core.schemes.rfc9421.components import Component

NAME: Final = "rfc9421"
HMAC: Final = "hmac-sha256"
# Section 6.2, the registry of algorithms.
ALGORITHMS: Final = asymmetric.ALGORITHMS | {HMAC}

MAX_FIELD: Final = 16 * 1024  # bytes of Signature-Input, and of Signature, all lines together
MAX_SIGNATURES: Final = 8
MAX_COMPONENTS: Final = 64
MAX_PARSED: Final = 16 * 1024  # bytes of all fields together that are parsed because they are covered with sf or key
MAX_SIGNATURE: Final = 1024  # bytes: RSA with 8192 bits

# Section 2.3, the registry of metadata parameters, with the types that it gives them.
PARAMETERS: Final[Mapping[str, type]] = MappingProxyType(
    {"alg": str, "created": int, "expires": int, "keyid": str, "nonce": str, "tag": str}
)

# The fields that IANA's registry of field names calls structured, as far as requests or gateways carry them. A field that is
# not here cannot be covered with `;sf`: section 2.1.1 leaves fields of unknown type to nobody's guess.
_BY_TYPE: Final = {
    "dictionary": "accept-signature cdn-cache-control content-digest permissions-policy priority repr-digest"
    " reporting-endpoints signature signature-input use-as-dictionary want-content-digest want-repr-digest",
    "list": "accept-ch accept-query cache-groups cache-status client-cert-chain proxy-status",
    "item": "available-dictionary capsule-protocol client-cert cross-origin-embedder-policy cross-origin-opener-policy"
    " dictionary-id incremental origin-agent-cluster sec-gpc",
}
TYPES: Final = frozenset(_BY_TYPE)
STRUCTURED_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: kind for kind, names in _BY_TYPE.items() for name in names.split()}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rfc9421Claim(Claim):
    """What a request says about one of its HTTP message signatures.

    `label` is not signed. `components` are the covered ones. `base` is the signature base (section 2.5). `digests` are those of
    the body that covered fields state, by algorithm. `announces_body` says whether the request has a body, or a header that
    announces one.
    """

    label: str
    components: tuple[Component, ...] = field(repr=False)  # Their texts are in the coverage.
    base: bytes = field(repr=False)
    algorithm: str = ""
    nonce: str | None = field(default=None, repr=False)
    tag: str | None = None
    path: bytes = b""
    digests: Mapping[str, bytes] = field(default_factory=dict)
    announces_body: bool = False
    digest_demanded: bool = True
