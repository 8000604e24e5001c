"""The suite: every group of checks in one class."""

from collections.abc import Iterator
from dataclasses import dataclass

from counterseal.conformance.basics import BasicChecks
from counterseal.conformance.bodies import BodyChecks
from counterseal.conformance.case import SchemeCase
from counterseal.conformance.demands import DemandChecks
from counterseal.conformance.hygiene import HygieneChecks
from counterseal.conformance.keys import KeyChecks
from counterseal.conformance.replays import ReplayChecks
from counterseal.conformance.strings import StringChecks
from counterseal.conformance.tampering import TamperingChecks
from counterseal.conformance.times import TimeChecks


class SchemeConformance(
    BasicChecks, TimeChecks, TamperingChecks, KeyChecks, DemandChecks, BodyChecks, StringChecks, ReplayChecks, HygieneChecks
):
    """All checks. With pytest: `class TestMine(SchemeConformance): case = SchemeCase(...)`. Without it: `run`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A check that failed, by its name, and why."""

    check: str
    problem: str


def names() -> list[str]:
    """Return the names of all checks."""
    return [name for name in dir(SchemeConformance) if name.startswith("test_")]


def run(case: SchemeCase) -> Iterator[Finding]:
    """Run every check on a scheme, and yield those that failed."""
    suite = type("Suite", (SchemeConformance,), {"case": case})()
    for name in names():
        try:
            getattr(suite, name)()
        except Exception as error:
            yield Finding(check=name, problem=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
