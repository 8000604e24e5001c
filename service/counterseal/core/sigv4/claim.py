"""Finding the signature: where it stands, and nothing accepted in two places or two spellings."""

from counterseal.core import http
from counterseal.core.model import HttpRequest, Reason, Refusal
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import Family, PathRules
from counterseal.core.sigv4.header import read_header
from counterseal.core.sigv4.query import read_query


def in_header(family: Family, request: http.ReadRequest) -> bool:
    """Say whether an Authorization field names the family's algorithm, exactly and followed by a space."""
    # A loop, because any() costs twice as much, on every request and for every scheme.
    for value in request.headers.get(b"authorization", ()):
        if value.lstrip(b" \t").startswith(family.algorithm_and_space):
            return True
    return False


def in_query(family: Family, request: http.ReadRequest) -> bool:
    """Say whether the query tries to carry a signature, of the family's algorithm or of another with the same names."""
    if family.query is None:
        return False
    return not family.query.telling.isdisjoint([name.lower() for name, _ in request.parameters])


def is_own_query(family: Family, request: http.ReadRequest) -> bool:
    """Say whether such an attempt names the family's algorithm, among others or alone; or none, where the family takes such."""
    if family.query is None or not request.parameters:
        return False
    if (family.query.algorithm, family.algorithm) in request.parameters:
        return True
    # Asked of every request by every scheme: the longer look is only for the one that takes what names no algorithm.
    if not family.takes_unnamed or not in_query(family, request):
        return False
    return all(name != family.query.algorithm for name, _ in request.parameters)


def read_claim(family: Family, request: HttpRequest, rules: PathRules | None = None) -> SigV4Claim:
    """Read the claim of a request as it arrived. `rules` None: by the scope's service.

    Raises:
        Refusal: UNSIGNED, MALFORMED or AMBIGUOUS.
    """
    return read_signed(family, http.read_request(request), rules)


def read_signed(family: Family, request: http.ReadRequest, rules: PathRules | None = None) -> SigV4Claim:
    """Do as `read_claim`, for a request whose syntax has been read."""
    header, query = in_header(family, request), in_query(family, request)
    if header and query:
        raise Refusal(Reason.AMBIGUOUS, "a signature in the Authorization header and another in the query")
    if query and b"authorization" in request.headers:
        raise Refusal(Reason.AMBIGUOUS, "a signature in the query beside an Authorization header")
    if header:
        return read_header(family, request, rules)
    if query and family.query is not None:
        return read_query(family, family.query, request, rules)
    raise Refusal(Reason.UNSIGNED, f"no {family.name} signature")
