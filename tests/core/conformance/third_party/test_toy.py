"""Somebody else's scheme passes the suite, with pytest and without; and the suite finds what is wrong in bad ones."""

from functools import lru_cache

import pytest

from counterseal.conformance import Finding, Sample, SchemeCase, SchemeConformance, check_cross, names, run, symmetric_signer
from tests.core.conformance.cases import CASES
from tests.core.conformance.requests import EVENT, REPEATED
from tests.core.conformance.third_party.sabotaged import SABOTAGED
from tests.core.conformance.third_party.toy import Toy


def case_of(scheme: Toy) -> SchemeCase:
    signer = symmetric_signer(scheme.name)
    samples = [Sample(name=name, request=request, signer=signer) for name, request in (("a", REPEATED), ("b", EVENT))]
    return SchemeCase(scheme=scheme, samples=tuple(samples))


class TestToy(SchemeConformance):
    case = case_of(Toy())


def test_without_pytest() -> None:
    assert list(run(case_of(Toy()))) == []


def test_beside_ours() -> None:
    check_cross([case_of(Toy()), *CASES])


@lru_cache
def findings(name: str) -> frozenset[str]:
    (scheme,) = [scheme for _, scheme in SABOTAGED if scheme.__name__ == name]
    return frozenset(finding.check for finding in run(case_of(scheme())))


@pytest.mark.parametrize(("check", "scheme"), SABOTAGED, ids=[scheme.__name__ for _, scheme in SABOTAGED])
def test_a_mistake_is_found(check: str, scheme: type[Toy]) -> None:
    assert check in findings(scheme.__name__)


def test_a_finding_says_what_is_wrong() -> None:
    (scheme,) = [scheme for _, scheme in SABOTAGED if scheme.__name__ == "SignsTheMethodInSmallLetters"]
    (found, *_) = run(case_of(scheme()))
    assert isinstance(found, Finding)
    assert found.problem.startswith("AssertionError: toy-hmac, a: another method: verified, and the verdict calls the method")


def test_two_schemes_that_take_one_another_s_requests() -> None:
    class Twin(Toy):
        name = "toy-twin"

    with pytest.raises(AssertionError, match=r"toy-hmac, a: verified under toy-twin"):
        check_cross([case_of(Toy()), case_of(Twin())])


def test_most_checks_have_found_something() -> None:
    """A check that no mistake fails may check nothing. Of those left over, one is for what the core makes sure of, and one
    for schemes with strings to sign, which the toy has not.
    """
    found = frozenset[str]().union(*(findings(scheme.__name__) for _, scheme in SABOTAGED))
    assert set(names()) - found == {"test_a_poor_secret_never_verifies", "test_a_changed_string_to_sign"}
