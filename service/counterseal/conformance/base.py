"""What every group of checks stands on."""

from collections.abc import Iterator
from typing import ClassVar

from counterseal.conformance import signatures
from counterseal.conformance.case import Sample, SchemeCase
from counterseal.conformance.meaning import Baseline, added_fields, unnoticed
from counterseal.conformance.walk import examined, judge, verified
from counterseal.core.model import HttpRequest, Rejected, Verdict


class Checks:
    """A group of checks. Every method whose name begins with `test_` is one; its name says what holds."""

    case: ClassVar[SchemeCase]

    def signed(self) -> Iterator[tuple[Sample, HttpRequest]]:
        """Yield every sample, and the request that its signer sends."""
        for sample in self.case.samples:
            yield sample, self.case.sign(sample)

    def baselines(self) -> Iterator[tuple[Sample, Baseline]]:
        """Yield every sample with its signed request, which verifies."""
        for sample, request in self.signed():
            found = verified(self.case, sample, request)
            added = added_fields(sample.request, request)
            yield sample, Baseline(unsigned=sample.request, signed=request, verdict=found, added=added)

    def signature_text(self, sample: Sample, request: HttpRequest) -> bytes:
        """Return the signature as it is spelled in a signed request."""
        if self.case.signature_text is not None:
            return self.case.signature_text(request)
        return signatures.find(request, examined(self.case, sample, request))

    def judge_change(self, sample: Sample, base: Baseline, changed: HttpRequest, why: str) -> Verdict:
        """Return the verdict on a changed request, which must not be *verified* with anything changed that it calls covered."""
        found = judge(self.case, sample, changed)
        if isinstance(found, Rejected):
            return found
        self._check_single_use(sample, base, changed, why)
        part = unnoticed(base, changed, found)
        if part is not None and not self.case.same(base.signed, changed):
            raise AssertionError(
                f"{self.case.scheme.name}, {sample.name}: {why}: verified, and the verdict calls {part} covered, which differs"
            )
        return found

    def _check_single_use(self, sample: Sample, base: Baseline, changed: HttpRequest, why: str) -> None:
        """Check that whoever captured the request has won nothing by changing it: it counts as the one use that it was."""
        once = [self.single_use(sample, request) for request in (base.signed, changed)]
        if once[0] != once[1]:
            raise AssertionError(f"{self.case.scheme.name}, {sample.name}: {why}: verified, and single_use is another")

    def single_use(self, sample: Sample, request: HttpRequest) -> bytes:
        """Return by what a replay of a request that verifies is told."""
        return self.case.scheme.single_use(examined(self.case, sample, request))
