"""A request that verifies under one member of the family is accepted under no other, whatever the key allows."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, Reason, Rejected, StringToSignSubject, Verified
from counterseal.core.schemes import BUILT_IN, Scheme, deriving
from counterseal.core.schemes.base import Signing
from counterseal.core.sigv4 import canonical
from counterseal.core.sigv4.claim import read_claim
from counterseal.core.sigv4.custom import from_options
from counterseal.core.sigv4.scheme import FamilyScheme
from tests.core.subjects import CREDENTIALS, KEY, NOW, PLAIN, verdict, without_header

CUSTOM = (
    from_options("osc", {"provider1": "osc", "presigned": True}),
    from_options("osc-amz", {"provider1": "osc2", "provider2": "amz", "presigned": True}),
    from_options("osc-goog", {"provider1": "osc3", "provider2": "goog", "presigned": True}),
    from_options("twin", {"provider1": "twin", "provider2": "osc", "presigned": True}),
)
FAMILIES: dict[str, FamilyScheme] = {
    scheme.name: scheme for scheme in (*BUILT_IN.values(), *CUSTOM) if isinstance(scheme, FamilyScheme)
}
# The families whose headers are AWS's in all but name, so that a request can be dressed up as another's.
ALIKE = ("aws-sigv4", "aws-sigv4a", "goog4", *(scheme.name for scheme in CUSTOM))
EVERY_KEY = replace(KEY, allowed_schemes=frozenset(FAMILIES))
BARE = without_header(PLAIN, b"x-amz-acl")
PAIRS = list(itertools.permutations(FAMILIES, 2))
ALIKE_PAIRS = list(itertools.permutations(ALIKE, 2))


def signed(name: str, **options: str) -> HttpRequest:
    return FAMILIES[name].sign(BARE, CREDENTIALS, Signing(now=NOW, options=options))


def judge(request: HttpRequest | StringToSignSubject, schemes: Mapping[str, Scheme], demand: Demand = Demand()) -> str:  # noqa: B008
    found = verdict(request, key=EVERY_KEY, schemes=schemes, demand=demand, derive=deriving(schemes))
    return found.scheme if isinstance(found, Verified) else found.reason.value


def forms(name: str) -> list[HttpRequest]:
    return [signed(name)] + ([signed(name, expires="600")] if FAMILIES[name].family.query else [])


@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_under_another_scheme_alone(own: str, other: str) -> None:
    for request in forms(own):
        assert judge(request, FAMILIES) == own
        assert judge(request, {other: FAMILIES[other]}) in ("UNSUPPORTED_SCHEME", "UNSIGNED", "MALFORMED")
        demand = Demand(allowed_schemes=frozenset({other}))
        assert judge(request, FAMILIES, demand) == "UNSUPPORTED_SCHEME"


def dressed(request: HttpRequest, own: str, other: str) -> HttpRequest:
    """Return the request with every word of its family replaced by the other's: all but the signature is then right."""
    mine, theirs = FAMILIES[own].family, FAMILIES[other].family
    words = [
        (mine.algorithm, theirs.algorithm),
        (mine.terminator.encode(), theirs.terminator.encode()),
        (mine.date_header, theirs.date_header),
        (mine.content_sha256_header, theirs.content_sha256_header),
    ]
    if mine.query is not None and theirs.query is not None:
        words.append((mine.query.algorithm.removesuffix(b"Algorithm"), theirs.query.algorithm.removesuffix(b"Algorithm")))

    def put(text: bytes) -> bytes:
        for old, new in words:
            text = text.replace(old, new)
        return text

    headers = tuple((put(name), put(value)) for name, value in request.headers)
    return replace(request, headers=headers, target=put(request.target))


@pytest.mark.parametrize(("own", "other"), ALIKE_PAIRS)
def test_with_all_words_replaced(own: str, other: str) -> None:
    for request in forms(own):
        found = judge(dressed(request, own, other), {other: FAMILIES[other]})
        assert found in ("MISMATCH", "MALFORMED", "NOT_COVERED"), found


def test_dressing_up_gets_as_far_as_the_signature() -> None:
    """Otherwise the test above would show little."""
    pairs = [("aws-sigv4", "osc"), ("osc", "twin"), ("goog4", "osc"), ("osc-amz", "aws-sigv4")]
    for own, other in pairs:
        request = signed(own, payload="UNSIGNED-PAYLOAD", service="s3")
        assert judge(dressed(request, own, other), {other: FAMILIES[other]}) == "MISMATCH"


@pytest.mark.parametrize(("own", "other"), ALIKE_PAIRS)
def test_strings_to_sign(own: str, other: str) -> None:
    request = signed(own)
    claim = read_claim(FAMILIES[own].family, request)
    assert claim.scope is not None
    subject = StringToSignSubject(
        scheme=own,
        credential=f"{claim.key_id}/{claim.scope.text()}".encode(),
        string_to_sign=canonical.string_to_sign(claim, canonical.canonical_request(claim)),
        signature=claim.sent_signature,
    )
    assert judge(subject, FAMILIES) == own
    # A validity is a presigned request's: a family without those would only have its window widened by one.
    presigns = FAMILIES[own].family.query is not None
    assert judge(replace(subject, valid_for=604_800), FAMILIES) == (own if presigns else "MALFORMED")
    assert judge(replace(subject, scheme=other), FAMILIES) == "MALFORMED"
    mine, theirs = FAMILIES[own].family, FAMILIES[other].family
    words = ((mine.algorithm, theirs.algorithm), (mine.terminator.encode(), theirs.terminator.encode()))
    text, credential = subject.string_to_sign, subject.credential
    for old, new in words:
        text, credential = text.replace(old, new), credential.replace(old, new)
    found = judge(replace(subject, scheme=other, string_to_sign=text, credential=credential), FAMILIES)
    assert found in ("MISMATCH", "MALFORMED")


def test_scopes_name_their_family() -> None:
    """A cache of derived keys is asked with the scope: two families never share an entry."""
    scopes = {}
    for name, scheme in FAMILIES.items():
        claim = read_claim(scheme.family, signed(name))
        assert claim.scope is not None
        assert claim.scope.scheme == name
        scopes[scheme.family.key_scope or claim.scope] = scheme.derive(EVERY_KEY, claim.scope)
    assert len(scopes) == len(FAMILIES)
    assert len(set(scopes.values())) == len(FAMILIES)


def test_a_key_only_allows_what_it_says() -> None:
    for name, other in PAIRS:
        found = verdict(signed(name), key=replace(KEY, allowed_schemes=frozenset({other})), schemes=FAMILIES)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.UNSUPPORTED_SCHEME


@pytest.mark.parametrize(("own", "other"), [("aws-sigv4", "aws-sigv4a"), ("aws-sigv4a", "aws-sigv4"), ("goog4", "osc-goog")])
def test_a_query_that_names_two_algorithms(own: str, other: str) -> None:
    request = signed(own, expires="60")
    family = FAMILIES[own].family
    assert family.query is not None
    second = b"&%s=%s" % (family.query.algorithm, FAMILIES[other].family.algorithm)
    assert judge(replace(request, target=request.target + second), FAMILIES) == "AMBIGUOUS"
    assert judge(replace(request, target=request.target + second), {own: FAMILIES[own]}) == "MALFORMED"
    assert judge(replace(request, target=request.target + second), {other: FAMILIES[other]}) == "MALFORMED"


@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_two_signatures(own: str, other: str) -> None:
    """One in the header and another's in the query: two schemes see theirs, and nobody chooses for the caller."""
    presigning, header = FAMILIES[own], FAMILIES[other]
    if presigning.family.query is None:
        return
    both = replace(signed(other), target=signed(own, expires="60").target)
    schemes = {own: presigning, other: header}
    assert judge(both, schemes) == "AMBIGUOUS"
    assert judge(both, schemes, Demand(allowed_schemes=frozenset({own}))) == "AMBIGUOUS"
