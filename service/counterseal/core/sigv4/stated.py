"""The claim of a string to sign that a gateway took out of a request."""

from counterseal.core import encoding
from counterseal.core.model import Coverage, Reason, Refusal, StringToSignSubject
from counterseal.core.sigv4 import facts, parts
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import Family


def read_string_to_sign(family: Family, subject: StringToSignSubject) -> SigV4Claim:
    """Read a string to sign against the credential that came with it.

    Four lines, no more: a chunk's or a trailer's string has another algorithm line and other lines. A presigned request's
    string has the same shape as a header's, so `valid_for` is the caller's word; a family that presigns nothing never has one.
    A set of regions is not in it: it stands in the canonical request, so a demand for regions is never met.

    Raises:
        Refusal: MALFORMED.
    """
    key_id, scope = parts.read_credential(subject.credential, family)
    lines = subject.string_to_sign.split(b"\n")
    if len(lines) != 4 or lines[0] != family.algorithm:
        raise Refusal(Reason.MALFORMED, f"string to sign: must be four lines, the first of them {family.algorithm.decode()}")
    stamp = family.read_stamp(lines[1])
    if stamp is None:
        raise Refusal(Reason.MALFORMED, f"string to sign: the time must be {family.stamp_form}")
    if lines[2] != scope.text().encode("ascii") or scope.date.encode("ascii") != stamp.day:
        raise Refusal(Reason.MALFORMED, "string to sign: the scope is not the credential's, or not of the stated day")
    if not encoding.is_sha256_hex(lines[3]):
        raise Refusal(Reason.MALFORMED, "string to sign: the last line must be 64 lower-case hex digits")
    signature = family.kind.read(subject.signature)
    _check_valid_for(family, subject.valid_for)
    return SigV4Claim(
        scheme=family.name,
        key_id=key_id,
        scope=scope,
        signed_time=stamp.seconds,
        valid_for=subject.valid_for,
        coverage=Coverage(),
        signature=signature,
        security_token=subject.security_token,
        family=family,
        timestamp=stamp.text,
        presigned=subject.valid_for is not None,
        rules=family.general.path,
        sent_signature=subject.signature,
        stated=subject.string_to_sign,
    )


def _check_valid_for(family: Family, seconds: int | None) -> None:
    if seconds is None:
        return
    if family.query is None:
        # It would widen the window of a signature in a header.
        raise Refusal(Reason.MALFORMED, f"valid_for: {family.name} presigns nothing")
    if not 1 <= seconds <= facts.MAX_EXPIRES:
        raise Refusal(Reason.MALFORMED, f"valid_for: must be 1 to {facts.MAX_EXPIRES} seconds")
