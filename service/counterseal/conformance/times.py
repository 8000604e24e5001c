"""Times: the window's edges, stated ends, and schemes that state no time."""

from counterseal.conformance.base import Checks
from counterseal.conformance.expect import expect
from counterseal.conformance.walk import examined, rejected, verified
from counterseal.core.model import Reason


class TimeChecks(Checks):
    """A signature is good from skew before its time to its end, both included, and not a moment longer."""

    def test_the_stated_time_is_that_of_signing(self) -> None:
        """Only a timeless scheme may leave it out."""
        for sample, request in self.signed():
            claim = examined(self.case, sample, request)
            if claim.signed_time is None:
                expect(self.case.scheme.timeless, f"{sample.name}: states no time, and the scheme is not timeless")
            else:
                expect(claim.signed_time == self.case.now, f"{sample.name}: states another time than that of signing")

    def test_the_window_ends_where_it_says(self) -> None:
        """Verified at both edges, TOO_NEW before and TOO_OLD behind them."""
        for sample, base in self.baselines():
            signed, end = base.verdict.signed_time, base.verdict.valid_until
            if signed is not None:
                start = signed - self.case.window.skew
                verified(self.case, sample, base.signed, "at the first moment", now=start)
                for early in (0.001, 1, 86_400):
                    found = rejected(self.case, sample, base.signed, f"{early} s early", now=start - early)
                    expect(found.reason is Reason.TOO_NEW, f"{sample.name}: too early, and refused as {found.reason.value}")
            if end is not None:
                verified(self.case, sample, base.signed, "at the last moment", now=end)
                for late in (0.001, 1, 86_400, 10**9):
                    found = rejected(self.case, sample, base.signed, f"{late} s late", now=end + late)
                    expect(found.reason is Reason.TOO_OLD, f"{sample.name}: too late, and refused as {found.reason.value}")

    def test_an_end_follows_from_a_time(self) -> None:
        """A stated time bounds the signature's age: by the skew, by a validity that it states, by an end that it states."""
        for sample, base in self.baselines():
            claim = examined(self.case, sample, base.signed)
            end = base.verdict.valid_until
            if claim.signed_time is None:
                continue
            reach = self.case.window.skew if claim.valid_for is None else claim.valid_for
            expect(end is not None and end <= claim.signed_time + reach, f"{sample.name}: valid beyond its window")
            expect(claim.expires is None or (end is not None and end <= claim.expires), f"{sample.name}: valid beyond its end")

    def test_another_day_signs_as_well(self) -> None:
        """Signing takes its time from the argument: across midnight, a year and a leap day."""
        for sample in self.case.samples:
            for now in (1_767_225_599, 1_767_225_600, 1_835_395_200, 1_709_164_800):
                request = self.case.sign(sample, now=now)
                verified(self.case, sample, request, f"signed at {now}", now=now)

    def test_another_time_is_another_signature(self) -> None:
        """What states a time signs it: the signature of one second is not good for the next."""
        for sample, request in self.signed():
            one = examined(self.case, sample, request)
            other = examined(self.case, sample, self.case.sign(sample, now=self.case.now + 1))
            if one.signed_time is not None:
                expect(one.signature != other.signature, f"{sample.name}: two times, one signature")
