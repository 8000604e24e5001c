"""One change in a request that verifies: refused, unless the verdict says that the changed part is not covered."""

from dataclasses import replace

from counterseal.conformance import changes, signatures
from counterseal.conformance.base import Checks
from counterseal.conformance.expect import expect
from counterseal.conformance.walk import rejected, verified
from counterseal.core.model import Reason, Verified


class TamperingChecks(Checks):
    """The heart of the matter. What an upstream does must be what the signer signed, wherever the verdict says so."""

    def test_a_changed_method(self) -> None:
        """Also in other letters: a scheme that signs it in lower case has to refuse others than capitals."""
        for sample, base in self.baselines():
            for changed in changes.of_method(base.signed):
                self.judge_change(sample, base, changed, "another method")

    def test_a_changed_target(self) -> None:
        """One byte of path or query, a parameter more or less, a segment more."""
        for sample, base in self.baselines():
            for changed in changes.of_target(base.signed):
                self.judge_change(sample, base, changed, "another target")

    def test_a_changed_field(self) -> None:
        """One byte of any field's value or name."""
        for sample, base in self.baselines():
            for name, changed in changes.of_fields(base.signed):
                self.judge_change(sample, base, changed, f"header {name.decode('latin-1')} changed")

    def test_fields_left_out_or_repeated(self) -> None:
        """A covered field that is gone, or there twice, is not the field that was signed."""
        for sample, base in self.baselines():
            for name, changed in changes.of_lines(base.signed):
                self.judge_change(sample, base, changed, f"header {name.decode('latin-1')} left out or repeated")

    def test_the_order_of_different_fields_means_nothing(self) -> None:
        """RFC 9110 section 5.3: only fields of one name have an order. Proxies do reorder, and must not break signatures."""
        for sample, base in self.baselines():
            names = list(dict.fromkeys(name for name, _ in base.signed.headers))
            lines = [line for name in reversed(names) for line in base.signed.headers if line[0] == name]
            verified(self.case, sample, replace(base.signed, headers=tuple(lines)), "fields in another order")

    def test_repeated_fields_keep_their_order(self) -> None:
        """Two lines of one covered name swapped are another message."""
        for sample, base in self.baselines():
            lines = base.signed.headers
            for at, (name, value) in enumerate(lines):
                for later in range(at + 1, len(lines)):
                    if lines[later][0] == name and lines[later][1] != value:
                        swapped = (*lines[:at], lines[later], *lines[at + 1 : later], lines[at], *lines[later + 1 :])
                        self.judge_change(sample, base, replace(base.signed, headers=swapped), "repeated fields swapped")

    def test_a_foreign_field_is_not_covered(self) -> None:
        """A field added on the way is refused, or the verdict does not list it."""
        for sample, base in self.baselines():
            changed = replace(base.signed, headers=(*base.signed.headers, (b"added-on-the-way", b"1")))
            found = self.judge_change(sample, base, changed, "a field added")
            if isinstance(found, Verified):
                expect(b"added-on-the-way" not in found.coverage.headers, "a field that nobody signed is called covered")

    def test_a_spoilt_signature(self) -> None:
        """Empty, doubled, cut, in other letters, of other characters: never a match and never an exception."""
        for sample, base in self.baselines():
            text = self.signature_text(sample, base.signed)
            for name, other in signatures.spoilt(text):
                rejected(self.case, sample, signatures.put(base.signed, text, other), f"signature {name}")

    def test_every_byte_of_the_signature_counts(self) -> None:
        """Wherever it differs, and in whatever spelling: base64's unused bits are no second spelling."""
        for sample, base in self.baselines():
            text = self.signature_text(sample, base.signed)
            for other in changes.signatures(text):
                changed = signatures.put(base.signed, text, other)
                rejected(self.case, sample, changed, "one byte of the signature changed")

    def test_without_its_signature_a_request_is_unsigned(self) -> None:
        """All that signing added taken away again: UNSIGNED, whoever sent it."""
        for sample, base in self.baselines():
            kept = tuple(line for line in base.signed.headers if line[0] not in base.added)
            stripped = replace(base.signed, headers=kept, target=sample.request.target)
            found = rejected(self.case, sample, stripped, "the signature removed")
            expect(found.reason is Reason.UNSIGNED, f"{sample.name}: without a signature, and refused as {found.reason.value}")

    def test_every_field_that_signing_added_is_needed_once(self) -> None:
        """One of them gone or doubled: refused. Of two equal signatures nobody says which one counts."""
        for sample, base in self.baselines():
            for name, value in base.signed.headers:
                if name in base.added:
                    kept = tuple(line for line in base.signed.headers if line[0] != name)
                    title = name.decode("latin-1")
                    rejected(self.case, sample, replace(base.signed, headers=kept), f"header {title} gone")
                    for twice in ((*base.signed.headers, (name, value)), ((name, b""), *base.signed.headers)):
                        rejected(self.case, sample, replace(base.signed, headers=twice), f"header {title} repeated")

    def test_the_signature_of_another_request(self) -> None:
        """Two samples of one form: the signature of one does not fit the other, where what it covers differs."""
        bases = [base for _, base in self.baselines()]
        for sample, base in self.baselines():
            for other in bases:
                if base.added == other.added and base.added:
                    taken = [line for line in other.signed.headers if line[0] in other.added]
                    kept = [line for line in base.signed.headers if line[0] not in base.added]
                    changed = replace(base.signed, headers=(*kept, *taken))
                    self.judge_change(sample, other, changed, "another request's signature")
