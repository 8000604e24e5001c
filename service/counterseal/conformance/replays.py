"""What may be used once: one and the same for every form of a captured request, another one for every other request."""

from dataclasses import replace

from counterseal.conformance.base import Checks
from counterseal.conformance.expect import expect


class ReplayChecks(Checks):
    """That a change which still verifies is no new use is checked with every such change (`Checks.judge_change`)."""

    def test_a_use_is_named(self) -> None:
        """By enough bytes that nobody meets them by chance, the same each time, and whatever it is asked after."""
        for sample, request in self.signed():
            once = self.single_use(sample, request)
            expect(isinstance(once, bytes) and len(once) >= 3, f"{sample.name}: single_use must be bytes that tell uses apart")
            expect(once == self.single_use(sample, request), f"{sample.name}: single_use must always be the same")

    def test_another_signature_of_the_same_message_is_the_same_use(self) -> None:
        """Signed again at the same second: schemes whose signatures draw randomness must not go by the signature."""
        for sample, request in self.signed():
            again = self.case.sign(sample)
            expect(
                self.single_use(sample, request) == self.single_use(sample, again),
                f"{sample.name}: signed again at the same time, and single_use is another",
            )

    def test_another_message_is_another_use(self) -> None:
        """Signed a second later, where a time is signed and no nonce is chosen."""
        if self.case.scheme.timeless:
            return
        for sample, request in self.signed():
            if "nonce" in sample.options:
                continue
            later = self.case.sign(sample, now=self.case.now + 1)
            expect(
                self.single_use(sample, request) != self.single_use(sample, later),
                f"{sample.name}: signed a second later, and single_use is the same",
            )

    def test_a_field_that_nobody_signed_makes_no_new_use(self) -> None:
        """Added on the way, in front and behind, where that still verifies."""
        for sample, base in self.baselines():
            for name, value in ((b"x-forwarded-for", b"192.0.2.1"), (b"x-request-id", b"another"), (b"via", b"1.1 a")):
                for lines in ((*base.signed.headers, (name, value)), ((name, value), *base.signed.headers)):
                    self.judge_change(sample, base, replace(base.signed, headers=lines), "a field added")

    def test_blanks_and_the_case_of_the_host_make_no_new_use(self) -> None:
        """What proxies change in passing, where that still verifies."""
        for sample, base in self.baselines():
            for at, (name, value) in enumerate(base.signed.headers):
                for other in (
                    b" " + value,
                    value + b" \t",
                    value.upper(),
                    value.replace(b", ", b","),
                    value.replace(b",", b", "),
                ):
                    lines = (*base.signed.headers[:at], (name, other), *base.signed.headers[at + 1 :])
                    self.judge_change(sample, base, replace(base.signed, headers=lines), "spelled otherwise")

    def test_the_order_of_a_query_makes_no_new_use(self) -> None:
        """Where another order of parameters verifies."""
        for sample, base in self.baselines():
            path, mark, query = base.signed.target.partition(b"?")
            turned = path + mark + b"&".join(reversed(query.split(b"&")))
            self.judge_change(sample, base, replace(base.signed, target=turned), "parameters in another order")
