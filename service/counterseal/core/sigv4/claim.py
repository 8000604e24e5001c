"""Finding the signature: where it stands, and nothing accepted in two places or two spellings."""

from typing import Final

from counterseal.core import http
from counterseal.core.model import HttpRequest, Reason, Refusal
from counterseal.core.sigv4 import facts
from counterseal.core.sigv4.facts import PathRules, SigV4Claim
from counterseal.core.sigv4.header import read_header
from counterseal.core.sigv4.query import read_query

# Any of these in a query, in whatever letters, is an attempt at a query signature.
_TELLING: Final = frozenset({b"x-amz-algorithm", b"x-amz-credential", b"x-amz-signature", b"x-amz-signedheaders"})
_ALGORITHM_FIELD: Final = facts.ALGORITHM + b" "


def in_header(request: http.ReadRequest) -> bool:
    """Say whether an Authorization field names this algorithm, exactly and followed by a space."""
    for value in request.headers.get(b"authorization", ()):  # noqa: SIM110 - any() costs twice the loop, on every request
        if value.lstrip(b" \t").startswith(_ALGORITHM_FIELD):
            return True
    return False


def in_query(request: http.ReadRequest) -> bool:
    """Say whether the query tries to carry a signature, of this algorithm or of another."""
    return any(name.lower() in _TELLING for name, _ in request.parameters)


def names_other_algorithm(request: http.ReadRequest) -> bool:
    """Say whether the query names algorithms, and this one is not among them."""
    algorithms = [value for name, value in request.parameters if name == b"X-Amz-Algorithm"]
    return bool(algorithms) and facts.ALGORITHM not in algorithms


def read_claim(request: HttpRequest, rules: PathRules | None = None) -> SigV4Claim:
    """Read the claim of a request as it arrived. `rules` None: by the scope's service.

    Raises:
        Refusal: UNSIGNED, MALFORMED or AMBIGUOUS.
    """
    return read_signed(http.read_request(request), rules)


def read_signed(request: http.ReadRequest, rules: PathRules | None = None) -> SigV4Claim:
    """Do as `read_claim`, for a request whose syntax has been read."""
    header, query = in_header(request), in_query(request)
    if header and query:
        raise Refusal(Reason.AMBIGUOUS, "a signature in the Authorization header and another in the query")
    if not (header or query):
        raise Refusal(Reason.UNSIGNED, f"no {facts.NAME} signature")
    if query and b"authorization" in request.headers:
        raise Refusal(Reason.AMBIGUOUS, "a signature in the query beside an Authorization header")
    return read_query(request, rules) if query else read_header(request, rules)
