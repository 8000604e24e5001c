"""The conformance suite: what every scheme has to pass, ours and other people's.

A scheme is described by a `SchemeCase`; `SchemeConformance` holds the checks. With pytest:

    class TestMine(SchemeConformance):
        case = SchemeCase(scheme=MyScheme(), samples=(...))

Without pytest, `run(case)` yields a `Finding` for each check that fails. `check_cross` looks at several schemes together.
Needs nothing but `counterseal.core`. docs/schemes.md shows how to write a scheme and its case.
"""

from counterseal.conformance.case import Sample, SchemeCase, Signer, public_signer, symmetric_signer
from counterseal.conformance.cross import check_cross
from counterseal.conformance.suite import Finding, SchemeConformance, names, run

__all__ = [
    "Finding",
    "Sample",
    "SchemeCase",
    "SchemeConformance",
    "Signer",
    "check_cross",
    "names",
    "public_signer",
    "run",
    "symmetric_signer",
]
