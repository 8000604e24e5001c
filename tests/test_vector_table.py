"""The README's table of vectors is what the files say, and every deviation is of a case that exists."""

from tests.support.vector_table import MARKED, README, deviations, suites, table


def test_the_readme_tells_the_same() -> None:
    found = MARKED.search(README.read_text())
    assert found is not None
    assert found[0] == table(), "run: python -m tests.support.vector_table"


def test_deviations_are_of_cases_that_exist_and_have_a_reason() -> None:
    cases = suites()
    for suite, ours in deviations().items():
        assert ours.keys() <= set(cases[suite]), suite
        assert all(reason.strip() for reason in ours.values()), suite
