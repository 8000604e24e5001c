"""Every built-in scheme, and configured ones, pass the one suite; and none accepts what is signed for another."""

import pytest

from counterseal.conformance import SchemeCase, SchemeConformance, check_cross, names
from counterseal.core.schemes import BUILT_IN
from tests.core.conformance.cases import CASES


@pytest.mark.parametrize("check", names())
@pytest.mark.parametrize("case", CASES, ids=[case.scheme.name for case in CASES])
def test_scheme(case: SchemeCase, check: str) -> None:
    suite = type("Suite", (SchemeConformance,), {"case": case})()
    getattr(suite, check)()


def test_no_built_in_scheme_is_left_out() -> None:
    assert set(BUILT_IN) <= {case.scheme.name for case in CASES}


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.scheme.name for case in CASES}) == len(CASES)


def test_none_accepts_what_is_signed_for_another() -> None:
    check_cross(CASES)
