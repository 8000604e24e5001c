"""What must hold of a scheme as a piece of software: no state, no leaks, no exceptions."""

import concurrent.futures
import dataclasses
from dataclasses import replace

from counterseal.conformance import garbage, signatures
from counterseal.conformance.base import Checks
from counterseal.conformance.case import Sample
from counterseal.conformance.expect import expect
from counterseal.conformance.meaning import Baseline
from counterseal.conformance.walk import examined, judge, private_texts, rejected, verified
from counterseal.core.model import HttpRequest, Rejected, Verdict

# No name of a header field, which a detail may give: capitals, and a character that no such name holds.
_MARKER = b"QX@Marker77"
_METHOD = b"QXMARKER77"
_GARBAGE = 3000


class HygieneChecks(Checks):
    """The scheme runs in a server, beside others, on what strangers send."""

    def test_the_same_question_gets_the_same_answer(self) -> None:
        """Twice in a row, and from several threads at once, whatever else is asked in between."""
        asked: list[tuple[Sample, HttpRequest, Verdict]]
        asked = [(sample, base.signed, base.verdict) for sample, base in self.baselines()]
        for sample in self.case.samples:
            forged = self.case.sign(sample, sample.signer.stranger)
            asked.append((sample, forged, judge(self.case, sample, forged)))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda item: judge(self.case, item[0], item[1]), asked * 25))
        for (sample, _, expected), answer in zip(asked * 25, answers, strict=True):
            expect(answer == expected, f"{sample.name}: the same request got two verdicts")

    def test_claims_are_frozen(self) -> None:
        """Nobody changes a claim between reading and deciding."""
        for sample, request in self.signed():
            claim = examined(self.case, sample, request)
            try:
                claim.key_id = "another"  # type: ignore[misc]
            except (dataclasses.FrozenInstanceError, AttributeError):
                continue
            raise AssertionError(f"{sample.name}: a claim that can be changed")

    def test_nothing_private_is_printed(self) -> None:
        """The repr of claim, verdict and scheme shows neither signature nor secret: it ends up in logs and tracebacks."""
        for sample, base in self.baselines():
            claim = examined(self.case, sample, base.signed)
            printed = " ".join(map(repr, (claim, base.verdict, self.case.scheme, sample.signer.credentials)))
            for text in private_texts(sample):
                expect(text not in printed, f"{sample.name}: a repr shows a secret")
            for spelled in signatures.spelled(claim.signature):
                expect(spelled.decode("latin-1") not in printed, f"{sample.name}: a repr shows the signature")

    def test_refusals_quote_nothing(self) -> None:
        """A detail names fields and limits; what a stranger wrote into the request never shows up in it."""
        for sample, base in self.baselines():
            for changed in self._marked(base):
                found = judge(self.case, sample, changed)
                if isinstance(found, Rejected):
                    expect(
                        "MARKER77" not in found.detail.upper(), f"{sample.name}: a detail quotes the request: {found.detail}"
                    )

    def test_refusals_do_not_tell_the_signature(self) -> None:
        """Not the one that was sent, and above all not the one that would have matched."""
        for sample, base in self.baselines():
            claim = examined(self.case, sample, base.signed)
            text = self.signature_text(sample, base.signed)
            forged = signatures.put(base.signed, text, text[:-2] + (b"AA" if text[-2:] != b"AA" else b"BB"))
            found = rejected(self.case, sample, forged, "forged")
            for spelled in signatures.spelled(claim.signature):
                expect(spelled.decode("latin-1") not in found.detail, f"{sample.name}: a detail tells the signature")

    def test_garbage_is_refused(self) -> None:
        """Thousands of mangled requests, the same on every run: a verdict each time, never an exception, never a false yes."""
        each = max(200, _GARBAGE // len(self.case.samples))
        for sample, base in self.baselines():
            for changed in garbage.requests(base.signed, seed=sample.name, count=each):
                self.judge_change(sample, base, changed, "mangled")

    def test_huge_fields_are_refused(self) -> None:
        """A field of 100 kB where the signature stands, in several shapes: refused, and soon."""
        for sample, base in self.baselines():
            text = self.signature_text(sample, base.signed)
            for filling in (b"A", b"=", b",", b'"', b"(", b";a=1", b"\\", b" ,", text + b","):
                huge = filling * (100_000 // len(filling))
                rejected(self.case, sample, signatures.put(base.signed, text, huge), "a huge signature")
                for name in sorted(base.added):
                    rejected(self.case, sample, self._with(base.signed, name, huge), "a huge field")

    def test_it_verifies_beside_a_copy_of_the_sample(self) -> None:
        """Reading one request leaves no trace in the reading of the next."""
        for sample in self.case.samples:
            one, other = self.case.sign(sample), self._other(sample)
            for request in (one, other, one):
                verified(self.case, sample, request, "one after another")

    def _other(self, sample: Sample) -> HttpRequest:
        content = b"another body" if sample.request.content and not sample.in_body else sample.request.content
        return self.case.sign(replace(sample, request=replace(sample.request, content=content)))

    def _marked(self, base: Baseline) -> list[HttpRequest]:
        """Return the request with the marker in one place each: method, target, every field's value, front and back."""
        signed = base.signed
        marked = [replace(signed, method=_METHOD), replace(signed, target=signed.target + _MARKER)]
        marked += [replace(signed, target=b"/" + _MARKER + signed.target), replace(signed, target=_MARKER)]
        for name, value in signed.headers:
            middle = value[: len(value) // 2] + _MARKER + value[len(value) // 2 :]
            marked += [self._with(signed, name, text) for text in (_MARKER, _MARKER + value, value + _MARKER, middle)]
        return marked

    @staticmethod
    def _with(request: HttpRequest, name: bytes, value: bytes) -> HttpRequest:
        headers = tuple((found, value if found == name else old) for found, old in request.headers)
        return replace(request, headers=headers)
