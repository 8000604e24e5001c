"""The walk through both halves of a verification, as a server does it, with what must hold of every single verdict."""

import base64
from collections.abc import Mapping

from counterseal.conformance.case import Sample, SchemeCase
from counterseal.conformance.expect import expect
from counterseal.core.model import Claim, Demand, Derive, Key, Rejected, Subject, Verdict, Verified
from counterseal.core.schemes.base import Scheme
from counterseal.core.verify import conclude, examine

MAX_DETAIL = 512


class _Held:
    """Stands for "the sample's own", where None has a meaning."""


HELD = _Held()


def judge(
    case: SchemeCase,
    sample: Sample,
    subject: Subject,
    *,
    key: Key | _Held | None = HELD,
    demand: Demand | None = None,
    now: float | None = None,
    schemes: Mapping[str, Scheme] | None = None,
    derive: Derive | None = None,
) -> Verdict:
    """Return the verdict on a subject. `key` None: there is no such key.

    Raises:
        AssertionError: the scheme raised, returned something else than a verdict, or refused with an unsafe detail.
    """
    known = sample.signer.key if isinstance(key, _Held) else key
    wanted = sample.demand if demand is None else demand
    time = case.now if now is None else now
    enabled = schemes or {case.scheme.name: case.scheme}
    try:
        found: Claim | Verdict = examine(subject, wanted, schemes=enabled, window=case.window, now=time)
        if isinstance(found, Claim):
            found = conclude(found, subject, known, wanted, schemes=enabled, window=case.window, now=time, derive=derive)
    except Exception as error:
        raise AssertionError(f"{case.scheme.name}: raised {type(error).__name__} instead of refusing") from error
    expect(isinstance(found, Verified | Rejected), f"{case.scheme.name}: no verdict, but {type(found).__name__}")
    if isinstance(found, Rejected):
        check_detail(found, sample)
    return found


def check_detail(found: Rejected, sample: Sample) -> None:
    """Check that a refusal's detail is fit for a log and for the caller."""
    detail = found.detail
    expect(0 < len(detail) <= MAX_DETAIL, f"a detail must have 1 to {MAX_DETAIL} characters: {found.reason}")
    expect(detail.isascii() and detail.isprintable(), f"a detail must be printable ASCII: {detail!r}")
    for text in private_texts(sample):
        expect(text not in detail, f"a detail gives away a secret: {found.reason}")


def private_texts(sample: Sample) -> list[str]:
    """Return every spelling of the sample's secrets that must appear nowhere."""
    key, credentials = sample.signer.key, sample.signer.credentials
    held = [key.secret, key.bearer_sha256, credentials.secret, credentials.private_key]
    texts = [text for secret in held if secret for text in spellings(secret)]
    token = sample.signer.credentials.security_token
    return texts if token is None else [*texts, token]


def spellings(raw: bytes) -> list[str]:
    """Return bytes as they may show up in a text: as they are, in hex, in base64 and its URL-safe form, as a repr."""
    plain = base64.b64encode(raw).decode()
    return [raw.decode("latin-1"), raw.hex(), plain, plain.rstrip("="), base64.urlsafe_b64encode(raw).decode(), repr(raw)[2:-1]]


def verified(case: SchemeCase, sample: Sample, subject: Subject, why: str = "", **changes: object) -> Verified:
    """Return the verdict, which has to be *verified*."""
    found = judge(case, sample, subject, **changes)  # type: ignore[arg-type]
    if not isinstance(found, Verified):
        raise AssertionError(f"{_title(case, sample)}: {why or 'as signed'}: refused, {found.reason.value}: {found.detail}")
    return found


def rejected(case: SchemeCase, sample: Sample, subject: Subject, why: str, **changes: object) -> Rejected:
    """Return the verdict, which has to be *rejected*."""
    found = judge(case, sample, subject, **changes)  # type: ignore[arg-type]
    if not isinstance(found, Rejected):
        raise AssertionError(f"{_title(case, sample)}: {why}: verified")
    return found


def examined(case: SchemeCase, sample: Sample, subject: Subject) -> Claim:
    """Return the claim of a subject that verifies."""
    schemes = {case.scheme.name: case.scheme}
    found = examine(subject, sample.demand, schemes=schemes, window=case.window, now=case.now)
    if not isinstance(found, Claim):
        raise AssertionError(f"{_title(case, sample)}: refused, {found.reason.value}: {found.detail}")
    return found


def _title(case: SchemeCase, sample: Sample) -> str:
    return f"{case.scheme.name}, {sample.name}"
