"""The scheme itself: its name and kinds, that it signs what it verifies, and that it recognises only its own."""

import re
from typing import Final

from counterseal.conformance.base import Checks
from counterseal.conformance.expect import expect
from counterseal.conformance.meaning import added_fields
from counterseal.conformance.walk import judge, verified
from counterseal.core import encoding, http
from counterseal.core.model import Claim, Demand, KeyKind, Reason, Rejected, Verified
from counterseal.core.schemes.base import Signing

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class BasicChecks(Checks):
    """What anybody expects of a scheme at first sight."""

    def test_it_has_a_name_a_title_and_kinds_of_key(self) -> None:
        """The name fits configuration, keys and metrics; the title fits one line."""
        scheme = self.case.scheme
        expect(NAME.fullmatch(scheme.name) is not None, f"name: must match {NAME.pattern}")
        expect(scheme.title.isprintable() and 0 < len(scheme.title) <= 100, "title: must be one line of at most 100 characters")
        expect(bool(scheme.key_kinds), "key_kinds: must name at least one")
        expect(all(isinstance(kind, KeyKind) for kind in scheme.key_kinds), "key_kinds: must hold KeyKind")
        expect(isinstance(scheme.timeless, bool) and isinstance(scheme.names_key, bool), "timeless, names_key: must be bool")

    def test_the_samples_use_every_kind_of_key(self) -> None:
        """Else the suite shows nothing about a kind."""
        used = {sample.signer.key.kind for sample in self.case.samples}
        expect(used == self.case.scheme.key_kinds, f"the samples use {used}, the scheme takes {self.case.scheme.key_kinds}")

    def test_what_it_signs_verifies(self) -> None:
        """Every sample is verified by the scheme itself, and the verdict names key, scheme and a path that was sent."""
        for sample, base in self.baselines():
            found = base.verdict
            expect(found.key is sample.signer.key, f"{sample.name}: the verdict names another key")
            expect(found.scheme == self.case.scheme.name, f"{sample.name}: the verdict names another scheme")
            self._check_path(sample.name, base.signed.target, found)

    def test_an_unsigned_request_is_not_recognised(self) -> None:
        """Without its signature a request is UNSIGNED, and no business of the scheme's."""
        for sample in self.case.samples:
            expect(
                not self.case.scheme.recognises(http.read_request(sample.request)),
                f"{sample.name}: recognised before it was signed",
            )
            found = judge(self.case, sample, sample.request)
            expect(
                isinstance(found, Rejected) and found.reason is Reason.UNSIGNED, f"{sample.name}: unsigned, and not refused so"
            )

    def test_a_signed_request_is_recognised(self) -> None:
        """`recognises` says yes to what `sign` returns."""
        for sample, request in self.signed():
            expect(self.case.scheme.recognises(http.read_request(request)), f"{sample.name}: not recognised")

    def test_signing_leaves_the_rest_alone(self) -> None:
        """Fields are added behind those of the request, or parameters to its query; method, path and body stay."""
        for sample, request in self.signed():
            sent = sample.request
            path = sent.target.partition(b"?")[0]
            expect(request.method == sent.method, f"{sample.name}: the method changed")
            expect(request.target.partition(b"?")[0] == path, f"{sample.name}: the path changed")
            if sample.in_body:
                continue
            expect(request.content == sent.content, f"{sample.name}: the body changed")
            expect(request.headers[: len(sent.headers)] == sent.headers, f"{sample.name}: a field of the request changed")
            expect(
                request.target != sent.target or bool(added_fields(sent, request)),
                f"{sample.name}: signing changed nothing",
            )

    def test_an_unknown_option_is_refused(self) -> None:
        """`sign` raises ValueError, naming an option that it does not have."""
        for sample in self.case.samples:
            options = {**sample.options, "no-such-option": "1"}
            try:
                self.case.scheme.sign(sample.request, sample.signer.credentials, Signing(now=self.case.now, options=options))
            except ValueError as error:
                expect("no-such-option" in str(error), "the error must name the unknown option")
            else:
                raise AssertionError(f"{sample.name}: signed with an option that there is not")

    def test_the_claim_names_scheme_and_key(self) -> None:
        """What `read` returns carries the scheme's own name and the signer's key id."""
        for sample, request in self.signed():
            claim = self.case.scheme.read(http.read_request(request), sample.demand)
            expect(isinstance(claim, Claim), f"{sample.name}: read returns no Claim")
            expect(claim.scheme == self.case.scheme.name, f"{sample.name}: the claim names another scheme")
            expect(claim.key_id == sample.signer.key.key_id, f"{sample.name}: the claim names another key")
            if claim.scope is not None:
                expect(claim.scope.scheme == self.case.scheme.name, f"{sample.name}: the scope names another scheme")

    def test_a_scheme_that_names_no_key_needs_one_demanded(self) -> None:
        """With `names_key` false, a request alone verifies under no key at all."""
        for sample, request in self.signed():
            if self.case.scheme.names_key:
                verified(self.case, sample, request)
                continue
            found = judge(self.case, sample, request, demand=Demand())
            expect(
                isinstance(found, Rejected) and found.reason is Reason.UNSUPPORTED_SCHEME,
                f"{sample.name}: verified without a demanded key",
            )

    @staticmethod
    def _check_path(name: str, target: bytes, found: Verified) -> None:
        path = target.partition(b"?")[0]
        if not found.coverage.path:
            expect(found.verified_path == b"", f"{name}: a verified path, although none is covered")
            return
        verified_path = encoding.recode_path(found.verified_path)
        expect(verified_path == encoding.recode_path(path), f"{name}: the verified path is not the one that was sent")
