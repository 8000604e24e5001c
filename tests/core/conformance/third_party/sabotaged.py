"""The toy with one thing wrong at a time: mistakes that real verifiers were found with. Each names the check that finds it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from counterseal.core.http import ReadRequest
from counterseal.core.model import (
    Claim,
    Coverage,
    Demand,
    Derive,
    HttpRequest,
    Key,
    KeyKind,
    Reason,
    Refusal,
    StringToSignSubject,
    Subject,
)
from counterseal.core.payload import BodySha256, PayloadDuty, Unsigned
from counterseal.core.schemes.base import Credentials, Signing
from tests.core.conformance.third_party.toy import HEADER, Toy

SABOTAGED: list[tuple[str, type[Toy]]] = []


def found_by(check: str) -> Callable[[type[Toy]], type[Toy]]:
    """Note which check finds what is wrong."""

    def note(scheme: type[Toy]) -> type[Toy]:
        SABOTAGED.append((check, scheme))
        return scheme

    return note


@found_by("test_it_has_a_name_a_title_and_kinds_of_key")
class BadName(Toy):
    name = "Toy HMAC"


@found_by("test_a_changed_target")
class IgnoresThePath(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        key_id, time, method, _, host, body = super().lines(request, key_id, time)
        return key_id, time, method, host, body


@found_by("test_a_changed_target")
class IgnoresTheQuery(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        key_id, time, method, target, host, body = super().lines(request, key_id, time)
        return key_id, time, method, target.partition(b"?")[0], host, body


@found_by("test_a_changed_method")
class SignsTheMethodInSmallLetters(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        return [line.lower() if place == 2 else line for place, line in enumerate(super().lines(request, key_id, time))]


@found_by("test_another_time_is_another_signature")
class LeavesTheTimeUnsigned(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        return super().lines(request, key_id, b"")


@found_by("test_a_spoilt_signature")
class AcceptsAnEmptySignature(Toy):
    def read_signature(self, text: bytes) -> bytes:
        return text if not text else super().read_signature(text)

    def same(self, expected: bytes, stated: bytes) -> bool:
        return expected.startswith(stated)


@found_by("test_a_spoilt_signature")
class ComparesUpToTheShorter(Toy):
    def read_signature(self, text: bytes) -> bytes:
        return text

    def same(self, expected: bytes, stated: bytes) -> bool:
        return all(one == other for one, other in zip(expected, stated, strict=False))


@found_by("test_a_spoilt_signature")
class TakesCapitals(Toy):
    def read_signature(self, text: bytes) -> bytes:
        return super().read_signature(text.lower())


@found_by("test_every_byte_of_the_signature_counts")
class ComparesHalf(Toy):
    def same(self, expected: bytes, stated: bytes) -> bool:
        return super().same(expected[:32], stated[:32])


@found_by("test_a_changed_field")
class ClaimsAHeaderThatItDoesNotCover(Toy):
    def read(self, request: ReadRequest, demand: Demand) -> Claim:
        claim = super().read(request, demand)
        return replace(claim, coverage=replace(claim.coverage, headers=(b"host", b"content-type")))


@found_by("test_what_it_signs_verifies")
class ClaimsAPathThatWasNotSent(Toy):
    def verified_path(self, claim: Claim) -> bytes:
        return b"/"


@found_by("test_what_it_signs_verifies")
class ReadsNoTime(Toy):
    def read(self, request: ReadRequest, demand: Demand) -> Claim:
        return replace(super().read(request, demand), signed_time=None)


@found_by("test_an_unsigned_request_is_not_recognised")
class RecognisesAnything(Toy):
    def recognises(self, request: ReadRequest) -> bool:
        return True


@found_by("test_every_field_that_signing_added_is_needed_once")
class TakesTheLastOfTwoSignatures(Toy):
    def fields(self, request: ReadRequest) -> list[bytes]:
        return request.headers[HEADER][-1].split(b";")


@found_by("test_the_same_question_gets_the_same_answer")
class RemembersWhatItRead(Toy):
    seen: bytes = b""

    def read(self, request: ReadRequest, demand: Demand) -> Claim:
        claim = super().read(request, demand)
        if claim.signature == self.seen:
            raise Refusal(Reason.MALFORMED, "seen before")
        self.seen = claim.signature
        return claim


@found_by("test_refusals_quote_nothing")
class QuotesTheRequest(Toy):
    def read_signature(self, text: bytes) -> bytes:
        if not re.fullmatch(rb"[0-9a-f]{64}", text):
            raise Refusal(Reason.MALFORMED, f"no signature: {text[:40].decode('ascii', 'replace')!a}")
        return text


@found_by("test_garbage_is_refused")
class RaisesOnGarbage(Toy):
    def read_signature(self, text: bytes) -> bytes:
        bytes.fromhex(text.decode("ascii"))
        return super().read_signature(text)


@found_by("test_a_changed_body")
class LeavesTheBodyUnsigned(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        return [*super().lines(request, key_id, time)[:-1], b"-"]


@found_by("test_no_body_at_hand")
class NamesAnotherHash(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        return [*super().lines(request, key_id, time)[:-1], b"-"]

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        return BodySha256(sha256=bytes(32))


@found_by("test_a_demanded_key")
class RefusesADemandedKey(Toy):
    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        super().check_coverage(claim, demand)
        if demand.key_id:
            raise Refusal(Reason.NOT_COVERED, "toy-hmac: cannot tell keys apart")


@found_by("test_a_signed_request_is_recognised")
class RecognisesNothing(Toy):
    def recognises(self, request: ReadRequest) -> bool:
        return False


@found_by("test_a_string_to_sign_reads_like_its_request")
class TakesAnyStringToSign(Toy):
    def read_string_to_sign(self, subject: StringToSignSubject) -> Claim:
        raise Refusal(Reason.MALFORMED, "string to sign: not understood")


@found_by("test_a_public_key_is_no_secret")
class TakesAPublicKeyForASecret(Toy):
    key_kinds = frozenset({KeyKind.SYMMETRIC, KeyKind.PUBLIC})

    def secret(self, key: Key) -> bytes:
        return key.secret or (key.public_key.spki if key.public_key else b"")


@found_by("test_the_samples_use_every_kind_of_key")
class ClaimsAKindThatNobodyTried(Toy):
    key_kinds = frozenset({KeyKind.SYMMETRIC, KeyKind.PUBLIC})


@found_by("test_an_unknown_option_is_refused")
class TakesAnyOption(Toy):
    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        return super().sign(request, credentials, replace(signing, options={}))


@found_by("test_material_of_a_stranger_does_not_match")
class MatchesAnything(Toy):
    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        return True


@found_by("test_demanded_headers")
class CoversNoHostAtTimes(Toy):
    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        super().check_coverage(claim, demand)
        if demand.required_headers == frozenset({b"host"}):
            raise Refusal(Reason.NOT_COVERED, "host: not signed")


@found_by("test_a_foreign_field_is_not_covered")
class CallsEveryFieldCovered(Toy):
    def read(self, request: ReadRequest, demand: Demand) -> Claim:
        return replace(
            super().read(request, demand),
            coverage=Coverage(headers=tuple(request.headers), method=True, path=True, query=True),
        )


@found_by("test_nothing_private_is_printed")
class PrintsTheSecret(Toy):
    last: str = ""

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        self.last = key.secret.decode("latin-1")
        return super().matches(claim, key, derive)

    def __repr__(self) -> str:
        return f"PrintsTheSecret({self.last})"


@found_by("test_the_hash_in_place_of_the_body")
class CallsASentHashUnsigned(Toy):
    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        lines = list(super().lines(request, key_id, time))
        return [*lines[:-1], b"-"] if lines[-1] == b"absent" else lines

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        sent = isinstance(subject, HttpRequest) and subject.content is not None
        return super().payload_duty(claim, subject) if sent else Unsigned()

    def same(self, expected: bytes, stated: bytes) -> bool:
        return True


@found_by("test_signing_leaves_the_rest_alone")
class ChangesTheRequest(Toy):
    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        return super().sign(replace(request, headers=request.headers[::-1]), credentials, signing)
