"""The scheme and the key that a request names: ATTACKS.md, first section."""

from dataclasses import replace

import pytest

from counterseal.core.http import ReadRequest
from counterseal.core.model import (
    Claim,
    Coverage,
    Demand,
    Derive,
    Key,
    Reason,
    Rejected,
    Scope,
    Verified,
)
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4 import AwsSigV4, canonical_request, read_claim, signature, string_to_sign
from tests.core import sloppy
from tests.core.attacks.parts import (
    AUTH,
    HEADER,
    QUERY,
    sig,
)
from tests.core.subjects import KEY, NOW, PLAIN, and_header, verdict, with_header, without_header

MALFORMED, UNSUPPORTED, AMBIGUOUS = Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME, Reason.AMBIGUOUS


def test_key_ids_with_slashes_are_read_from_the_right() -> None:
    request = sloppy.sign(PLAIN)
    whole_id = "tenant/AKID/EXAMPLE"
    credential = sloppy.credential(key_id=whole_id)
    value = sloppy.authorization(
        without_header(request, AUTH), b"content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date", credential=credential
    )
    found = verdict(with_header(request, AUTH, value), key=replace(KEY, key_id=whole_id))
    assert isinstance(found, Verified)


@pytest.mark.parametrize("secret", [b"", b"A", b"A" * 15, b"\x00" * 32, b"A" * 15 + b"\x00" * 32])
@pytest.mark.parametrize("remembered", [True, False])
def test_a_short_secret_never_verifies(secret: bytes, remembered: bool) -> None:
    names = b"content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date"
    request = sloppy.sign(PLAIN)
    value = sloppy.authorization(without_header(request, AUTH), names, credential=sloppy.credential(), secret=secret)
    key = replace(KEY, secret=secret)
    derive: Derive | None = (lambda k, s: AwsSigV4().derive(key, s)) if remembered else None
    found = verdict(with_header(request, AUTH, value), key=key, derive=derive)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH


@pytest.mark.parametrize("derived", [b"", b"k" * 31, b"k" * 33, b"\x00" * 32])
def test_a_derived_key_of_another_length_never_verifies(derived: bytes) -> None:
    claim = read_claim(HEADER)
    forged = signature(derived, string_to_sign(claim, canonical_request(claim)))
    found = verdict(sig(forged)(HEADER), derive=lambda key, scope: derived)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH


def test_a_scheme_that_the_key_does_not_allow() -> None:
    found = verdict(HEADER, key=replace(KEY, allowed_schemes=frozenset({"rfc9421"})))
    assert isinstance(found, Rejected)
    assert found.reason is UNSUPPORTED


def test_a_remembering_derivation_is_given_only_its_own_key() -> None:
    """One that remembers by scope alone would otherwise keep a signing key made from the dummy's public secret."""
    given: list[Key] = []

    def derive(key: Key, scope: Scope) -> bytes:
        given.append(key)
        return AwsSigV4().derive(key, scope)

    other = replace(KEY, allowed_schemes=frozenset())
    verdict(HEADER, key=other, derive=derive)
    verdict(HEADER, demand=Demand(tenants=frozenset({"else"})), derive=derive)
    assert [key.secret for key in given] == [KEY.secret, KEY.secret]


def test_a_scheme_that_the_demand_does_not_allow() -> None:
    for subject in (HEADER, QUERY):
        found = verdict(subject, demand=Demand(allowed_schemes=frozenset({"rfc9421"})))
        assert isinstance(found, Rejected)
        assert found.reason is UNSUPPORTED


def test_a_scheme_that_is_not_enabled() -> None:
    for subject in (HEADER, QUERY):
        found = verdict(subject, schemes={})
        assert isinstance(found, Rejected)
        assert found.reason is UNSUPPORTED


class _Greedy(AwsSigV4):
    """A second scheme that sees its signature in every request."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "greedy"

    def recognises(self, request: ReadRequest) -> bool:
        return True


def test_signatures_of_two_schemes_are_ambiguous() -> None:
    found = verdict(HEADER, schemes={**BUILT_IN, "greedy": _Greedy()}, now=NOW)
    assert isinstance(found, Rejected)
    assert found.reason is AMBIGUOUS


def test_a_demand_chooses_among_signatures_of_two_schemes() -> None:
    schemes = {**BUILT_IN, "greedy": _Greedy()}
    assert isinstance(verdict(HEADER, demand=Demand(allowed_schemes=frozenset({"aws-sigv4"})), schemes=schemes), Verified)


def test_a_claim_of_another_scheme_is_a_bug_not_a_verdict() -> None:
    claim = Claim(scheme="x", key_id="x", scope=None, signed_time=0, valid_for=None, coverage=Coverage(), signature=b"")
    with pytest.raises(TypeError):
        AwsSigV4().check_coverage(claim, Demand())


@pytest.mark.parametrize("found_under", ["akidexample", "AKIDEXAMPLE ", "OTHER"])
def test_a_key_that_a_store_found_under_another_id(found_under: str) -> None:
    """MySQL's default collations ignore case and blanks at the end."""
    assert verdict(HEADER, key=replace(KEY, key_id=found_under)) == verdict(HEADER, key=None)


def test_two_authorizations_of_other_schemes() -> None:
    """Not UNSUPPORTED_SCHEME: with two of them nobody knows which one the upstream would take."""
    unsigned = without_header(HEADER, AUTH)
    found = verdict(and_header(and_header(unsigned, AUTH, b"Basic eA=="), AUTH, b"Bearer x"))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MALFORMED
