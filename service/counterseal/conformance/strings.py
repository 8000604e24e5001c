"""Strings to sign, where a gateway may send them in place of the request."""

from dataclasses import replace

from counterseal.conformance import changes
from counterseal.conformance.base import Checks
from counterseal.conformance.expect import expect
from counterseal.conformance.walk import examined, judge, rejected, verified
from counterseal.core.model import Reason, Refusal, Rejected, StringToSignSubject
from counterseal.core.payload import LeftToCaller


class StringChecks(Checks):
    """A gateway that has already canonicalised vouches for the request; the rest is checked as ever."""

    def test_a_string_to_sign_reads_like_its_request(self) -> None:
        """Same key, time, end and scope; nothing of the request is called covered, and the body is left to the caller."""
        if self.case.string_subject is None:
            self._check_none()
            return
        for sample, base in self.baselines():
            if sample.in_body:
                continue  # What is signed is in the form itself.
            subject = self.case.string_subject(base.signed, examined(self.case, sample, base.signed))
            found = verified(self.case, sample, subject, "as a string to sign")
            whole = base.verdict
            expect(
                (found.key, found.scope, found.signed_time, found.valid_until)
                == (whole.key, whole.scope, whole.signed_time, whole.valid_until),
                f"{sample.name}: the string to sign says something else than its request",
            )
            expect(isinstance(found.payload_duty, LeftToCaller), f"{sample.name}: the body of a string to sign was not seen")
            coverage = found.coverage
            covered = coverage.headers or coverage.method or coverage.path or coverage.query or coverage.components
            expect(not covered and not found.verified_path, f"{sample.name}: a string to sign covers nothing that was seen")

    def test_a_changed_string_to_sign(self) -> None:
        """One byte of the string, of the signature or of the credential."""
        if self.case.string_subject is None:
            return
        for sample, request in self.signed():
            if sample.in_body:
                continue
            subject = self.case.string_subject(request, examined(self.case, sample, request))
            for field in ("string_to_sign", "signature", "credential"):
                for other in changes.texts(getattr(subject, field)):
                    changed = replace(subject, **{field: other})  # type: ignore[arg-type]
                    rejected(self.case, sample, changed, f"{field} changed")

    def _check_none(self) -> None:
        """Check that a scheme without such strings says so."""
        for sample in self.case.samples:
            subject = StringToSignSubject(
                scheme=self.case.scheme.name,
                credential=sample.signer.key.key_id.encode(),
                string_to_sign=b"a\nb\nc\nd",
                signature=b"0" * 64,
            )
            found = judge(self.case, sample, subject)
            expect(
                isinstance(found, Rejected) and found.reason is Reason.UNSUPPORTED_SCHEME,
                f"{sample.name}: a string to sign, for a scheme without any in its case",
            )
            try:
                self.case.scheme.read_string_to_sign(subject)
            except Refusal:
                continue
            raise AssertionError(f"{sample.name}: a string to sign was read")
