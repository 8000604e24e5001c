"""Keys: which one verifies, in which state, and that kinds never cross."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from counterseal.conformance.base import Checks
from counterseal.conformance.case import Sample
from counterseal.conformance.expect import expect
from counterseal.conformance.spy import Spy
from counterseal.conformance.walk import rejected, verified
from counterseal.core.model import HttpRequest, Key, KeyKind, KeyState, PublicKey, Reason, Scope
from counterseal.core.verify import DUMMY_KEY

_OTHER_PUBLIC = PublicKey(algorithm="ed25519", spki=bytes.fromhex("302a300506032b6570032100") + b"\x01" + bytes(31))
_POOR_SECRETS = (b"", b"short", b"fifteen bytes..", bytes(16), bytes(64), b"short" + bytes(64))


def _lost(derived: bytes, key: Key, scope: Scope) -> bytes:  # noqa: ARG001
    return derived


class KeyChecks(Checks):
    """The stored key says what it is good for; the message never chooses."""

    def test_an_unknown_key_costs_a_computation(self) -> None:
        """UNKNOWN_KEY, after the signature was computed with the dummy, so that time tells nothing."""
        for sample, request in self.signed():
            spy = Spy(self.case.scheme)
            found = rejected(self.case, sample, request, "an unknown key", key=None, schemes={spy.name: spy})
            expect(found.reason is Reason.UNKNOWN_KEY, f"{sample.name}: an unknown key, and refused as {found.reason.value}")
            expect(spy.keys == [DUMMY_KEY] * self._computations(), f"{sample.name}: too little was computed for an unknown key")
            expect(not any(spy.answers), f"{sample.name}: the dummy key matches")

    def test_a_key_under_another_id_is_unknown(self) -> None:
        """A store that takes "AKID" for "akid" gains nobody anything."""
        for sample, request in self.signed():
            key_id = sample.signer.key.key_id
            for other in (key_id.swapcase() + "x", key_id + "x", key_id[:-1]):
                self._refuse_key(sample, request, Reason.UNKNOWN_KEY, key_id=other)

    def test_material_of_a_stranger_does_not_match(self) -> None:
        """The right key id and another secret or private key: MISMATCH."""
        for sample in self.case.samples:
            found = rejected(self.case, sample, self.case.sign(sample, sample.signer.stranger), "signed by a stranger")
            expect(found.reason is Reason.MISMATCH, f"{sample.name}: a stranger, and refused as {found.reason.value}")

    def test_the_key_has_to_allow_the_scheme(self) -> None:
        """No name, another name, a pattern: UNSUPPORTED_SCHEME."""
        name = self.case.scheme.name
        for sample, request in self.signed():
            for allowed in ((), (name + "x",), ("*",), (name[:-1],), (name.upper() + "!",), ("",)):
                self._refuse_key(sample, request, Reason.UNSUPPORTED_SCHEME, allowed_schemes=frozenset(allowed))

    def test_only_an_active_key_verifies(self) -> None:
        """Disabled, revoked, expired, not yet valid: each by its own reason, and only for the holder."""
        now = self.case.now
        for sample, request in self.signed():
            self._refuse_key(sample, request, Reason.KEY_DISABLED, state=KeyState.DISABLED)
            self._refuse_key(sample, request, Reason.KEY_REVOKED, state=KeyState.REVOKED)
            self._refuse_key(sample, request, Reason.KEY_EXPIRED, expires=now)
            self._refuse_key(sample, request, Reason.KEY_EXPIRED, not_before=now + 0.001)
            forged = self.case.sign(sample, sample.signer.stranger)
            self._refuse_key(sample, forged, Reason.MISMATCH, state=KeyState.REVOKED)

    def test_a_poor_secret_never_verifies(self) -> None:
        """Empty, short, or of NULs alone, even when the request was signed with it (CVE-2026-49852, CVE-2026-45363)."""
        for sample, request in self._of_kind(KeyKind.SYMMETRIC):
            for secret in _POOR_SECRETS:
                key = replace(sample.signer.key, secret=secret)
                rejected(self.case, sample, request, "the stored secret is poor", key=key)
                try:
                    poor = self.case.sign(sample, replace(sample.signer.credentials, secret=secret))
                except ValueError:
                    continue  # A signer may refuse it as well.
                rejected(self.case, sample, poor, "signed with a poor secret", key=key)

    def test_a_key_of_another_kind_never_reaches_the_scheme(self) -> None:
        """Whatever the record allows. `matches` sees keys of its kinds, or the dummy."""
        kinds = self.case.scheme.key_kinds
        for sample, request in self.signed():
            for key in self._variants(sample.signer.key):
                spy = Spy(self.case.scheme)
                rejected(self.case, sample, request, "a key of another kind", key=key, schemes={spy.name: spy})
                seen = [used for used in spy.keys if used != DUMMY_KEY and used.kind not in kinds]
                expect(not seen, f"{sample.name}: matches was given a key of kind {key.kind.value}")
                expect(
                    len(spy.keys) == self._computations(), f"{sample.name}: a key of another kind is told by the time it takes"
                )
                if key.kind not in kinds:
                    self._refuse_key(sample, request, Reason.UNSUPPORTED_SCHEME, **_material(key))

    def test_a_public_key_is_no_secret(self) -> None:
        """Whoever knows a public key must not be able to sign with it as an HMAC secret (CVE-2022-29217)."""
        for sample, _ in self._of_kind(KeyKind.SYMMETRIC):
            for public in self._public_keys():
                for secret in (public.spki, public.spki[-32:], base64.b64encode(public.spki)):
                    try:
                        request = self.case.sign(sample, replace(sample.signer.credentials, secret=secret))
                    except ValueError:
                        continue  # Not what a secret of this scheme looks like.
                    key = replace(sample.signer.key, public_key=public, secret=b"")
                    rejected(self.case, sample, request, "signed with a public key for a secret", key=key)
                    rejected(self.case, sample, request, "a record with both", key=replace(key, secret=secret))

    def test_a_required_security_token_is_never_skipped(self) -> None:
        """A temporary key verifies only requests that carry its security token; others carry none."""
        for sample, request in self.signed():
            if sample.signer.credentials.security_token is None:
                self._refuse_key(sample, request, Reason.MISMATCH, security_token_sha256=bytes(32))
            else:
                self._refuse_key(sample, request, Reason.MISMATCH, security_token_sha256=None)
                self._refuse_key(sample, request, Reason.MISMATCH, security_token_sha256=bytes(32))

    def test_a_signing_key_that_was_lost_does_not_match(self) -> None:
        """Whatever a cache hands out: an empty or zeroed derived key lets nobody sign."""
        for sample, request in self.signed():
            if self._derives(sample, request):
                for lost in (b"", bytes(32)):
                    derive = partial(_lost, lost)
                    rejected(self.case, sample, request, "with a lost signing key", derive=derive)

    def _computations(self) -> int:
        """How often a signature that does not match is computed: for the secret or token before too, where keys have any."""
        return 1 if self.case.scheme.key_kinds <= {KeyKind.PUBLIC} else 2

    def _derives(self, sample: Sample, request: HttpRequest) -> bool:
        asked: list[Key] = []

        def derive(key: Key, scope: Scope) -> bytes:
            asked.append(key)
            return self.case.scheme.derive(key, scope)

        verified(self.case, sample, request, derive=derive)
        return bool(asked)

    def _refuse_key(self, sample: Sample, request: HttpRequest, reason: Reason, **changes: object) -> None:
        key = replace(sample.signer.key, **changes)  # type: ignore[arg-type]
        found = rejected(self.case, sample, request, f"a key with {', '.join(changes)} changed", key=key)
        expect(
            found.reason is reason,
            f"{sample.name}: a key with {', '.join(changes)} changed: {found.reason.value}, not {reason.value}",
        )

    def _of_kind(self, kind: KeyKind) -> Iterator[tuple[Sample, HttpRequest]]:
        return ((sample, request) for sample, request in self.signed() if sample.signer.key.kind is kind)

    def _public_keys(self) -> list[PublicKey]:
        own = [sample.signer.key.public_key for sample in self.case.samples]
        return [*dict.fromkeys(key for key in own if key is not None), _OTHER_PUBLIC]

    def _variants(self, key: Key) -> list[Key]:
        """Return the record with material of the other kinds, made of what it has as far as that goes."""
        bare = replace(key, public_key=None, bearer_sha256=None, secret=b"")
        public = [replace(bare, public_key=public) for public in self._public_keys()]
        if key.public_key is not None:
            spki = key.public_key.spki
            return [replace(bare, secret=spki), bare, replace(bare, bearer_sha256=hashlib.sha256(spki).digest())]
        if key.bearer_sha256 is not None:
            found = key.bearer_sha256
            return [*public, bare, replace(bare, secret=found), replace(bare, secret=found.hex().encode())]
        return [*public, replace(bare, bearer_sha256=hashlib.sha256(key.secret).digest())]


def _material(key: Key) -> dict[str, object]:
    return {"public_key": key.public_key, "bearer_sha256": key.bearer_sha256, "secret": key.secret}
