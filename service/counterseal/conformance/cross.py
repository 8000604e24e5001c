"""Schemes beside one another: what is signed for one is good for no other."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from counterseal.conformance.case import Sample, SchemeCase
from counterseal.conformance.walk import HELD, judge
from counterseal.core.model import Demand, Key, Rejected, Verified


def check_cross(cases: Sequence[SchemeCase]) -> None:
    """Check every sample of every scheme against every other scheme, under the most lenient circumstances.

    The key allows both schemes, or the other alone (a key for webhooks may not allow more than one); the other scheme is
    enabled alone, or demanded beside the true one; the key that a scheme wants demanded is demanded.

    Raises:
        AssertionError: naming both schemes and the sample.
    """
    for case in cases:
        for sample in case.samples:
            request = case.sign(sample)
            for other in cases:
                if other.scheme.name == case.scheme.name:
                    continue
                for found in _verdicts(case, sample, request, other):
                    if isinstance(found, Verified) and found.scheme != case.scheme.name:
                        raise AssertionError(f"{case.scheme.name}, {sample.name}: verified under {other.scheme.name}")


def _verdicts(case: SchemeCase, sample: Sample, request: object, other: SchemeCase) -> Iterable[Verified | Rejected]:
    key: Key = sample.signer.key
    both = replace(key, allowed_schemes=frozenset({case.scheme.name, other.scheme.name}))
    its_own = replace(key, allowed_schemes=frozenset({other.scheme.name}))
    alone = {other.scheme.name: other.scheme}
    together = {case.scheme.name: case.scheme, **alone}
    named = replace(sample.demand, key_id=key.key_id)
    only = replace(named, allowed_schemes=frozenset(alone))
    for schemes, demand in ((alone, named), (alone, Demand()), (together, only), (together, named), (together, Demand())):
        for known in (both, its_own, HELD):
            yield judge(case, sample, request, key=known, demand=demand, schemes=schemes)  # type: ignore[arg-type]
