"""The payload duty: what the verdict says about the body is true, however much of the body was sent along."""

import hashlib
from dataclasses import replace
from typing import Final

from counterseal.conformance import changes
from counterseal.conformance.base import Checks
from counterseal.conformance.expect import expect
from counterseal.conformance.meaning import Baseline
from counterseal.conformance.walk import judge
from counterseal.core.model import HttpRequest, Reason, Rejected, Verdict, Verified
from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, ChunkSigned, ChunkUnsigned, LeftToCaller, Unsigned

_HASHES: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_NOTHING_PROMISED: Final = (Unsigned, ChunkSigned, ChunkUnsigned)


class BodyChecks(Checks):
    """A gateway that does what the duty says hands only signed bodies on."""

    def test_a_body_that_was_sent_is_checked(self) -> None:
        """With the whole body at hand nothing of it is left to the caller, except what nobody can check from the head alone."""
        for sample, base in self.baselines():
            if base.signed.content is None:
                continue
            duty = base.verdict.payload_duty
            expect(isinstance(duty, AlreadyChecked | Unsigned | ChunkSigned | ChunkUnsigned), f"{sample.name}: {duty}")

    def test_a_changed_body(self) -> None:
        """Refused, unless the duty says that the signature does not cover it; and then the duty stays the same."""
        for sample, base in self.baselines():
            if base.signed.content is None:
                continue
            for content in changes.of_body(base.signed.content):
                found = self.judge_change(sample, base, replace(base.signed, content=content), "another body")
                if isinstance(found, Verified):
                    expect(found.payload_duty == base.verdict.payload_duty, f"{sample.name}: another body, another duty")
                    expect(isinstance(found.payload_duty, _NOTHING_PROMISED), f"{sample.name}: another body verified")

    def test_the_hash_in_place_of_the_body(self) -> None:
        """Checked as the body is; where a hash is not enough, BODY_REQUIRED or a digest that the caller has to check."""
        for sample, base in self.baselines():
            content = base.signed.content
            if content is None:
                continue
            hashed = replace(base.signed, content=None, content_sha256=hashlib.sha256(content).digest())
            found = judge(self.case, sample, hashed)
            self._check_left(sample.name, base, hashed, found)
            wrong = judge(self.case, sample, replace(hashed, content_sha256=bytes(32)))
            if isinstance(found, Verified) and isinstance(found.payload_duty, AlreadyChecked):
                expect(isinstance(wrong, Rejected), f"{sample.name}: another hash of the body verified")
            if isinstance(wrong, Verified):
                self._check_left(sample.name, base, hashed, wrong)
                expect(not isinstance(wrong.payload_duty, AlreadyChecked), f"{sample.name}: another hash called checked")

    def test_no_body_at_hand(self) -> None:
        """A gateway that streams is told what the body must hash to, or is asked for it; never that it was checked."""
        for sample, base in self.baselines():
            streamed = replace(base.signed, content=None, content_sha256=None)
            found = judge(self.case, sample, streamed)
            self._check_left(sample.name, base, streamed, found)
            if isinstance(found, Verified):
                expect(not isinstance(found.payload_duty, AlreadyChecked), f"{sample.name}: checked without a body")

    def _check_left(self, name: str, base: Baseline, request: HttpRequest, found: Verdict) -> None:
        """Check what the duty leaves to the caller against the body as it was signed."""
        if isinstance(found, Rejected):
            expect(found.reason is Reason.BODY_REQUIRED, f"{name}: without its body refused as {found.reason.value}")
            return
        content, duty = base.signed.content or b"", found.payload_duty
        expect(not isinstance(duty, LeftToCaller), f"{name}: a whole request's body is left to the caller")
        if isinstance(duty, Unsigned | ChunkSigned | ChunkUnsigned):
            expect(duty == base.verdict.payload_duty, f"{name}: with the body the duty is {base.verdict.payload_duty}")
        if isinstance(duty, BodySha256):
            expect(request.content_sha256 is None, f"{name}: the hash was sent, and not compared")
            expect(duty.sha256 == hashlib.sha256(content).digest(), f"{name}: the duty names another body's hash")
        if isinstance(duty, BodyDigests):
            expect(bool(duty.digests), f"{name}: a duty of no digests")
            for algorithm, digest in duty.digests:
                expect(_HASHES[algorithm](content).digest() == digest, f"{name}: the duty names another body's {algorithm}")
