"""Every SigV4 vector, stage by stage: canonical request, string to sign, signing key, signature, verdict."""

import json
import re
from dataclasses import replace

import pytest

from counterseal.core import http
from counterseal.core.encoding import percent_decode, percent_encode
from counterseal.core.model import HttpRequest, Reason, Refusal, Rejected, Scope, StringToSignSubject, Verified
from counterseal.core.schemes.aws_sigv4 import (
    AWS,
    AwsSigV4,
    SigV4Claim,
    canonical_request,
    read_claim,
    signature,
    signing_key,
    string_to_sign,
)
from counterseal.core.sigv4.claim import read_signed
from tests.core.subjects import KEY, verdict
from tests.core.vectors import FOLDER, SUITES, Case, cases

FOLD = "a raw line fold: RFC 9112 section 5.2 deprecates it, and a bare LF in a value lets lines into the canonical request"
RAW = "a raw space or raw UTF-8 in the target: neither is HTTP, and two programs read it in two ways"
DOTS = "signed without removing dot segments, for a service that is not S3: AWS verifies such services with them removed"
AFTER = "the security token was added after signing: anybody on the way could have put it there"

# Where this verifier's verdict is not the suite's. Every other case verifies. The stages match for all of them but the one in
# NO_STAGES. docs/vectors.md tells the same; a test compares the two.
DEVIATIONS = {
    **{
        f"aws-c-auth/v4/{name}/{place}": (reason, why)
        for place in ("header", "query")
        for name, reason, why in (
            ("get-header-value-multiline", Reason.MALFORMED, FOLD),
            ("get-space-normalized", Reason.MALFORMED, RAW),
            ("get-space-unnormalized", Reason.MALFORMED, RAW),
            ("get-utf8", Reason.MALFORMED, RAW),
            ("get-vanilla-utf8-query", Reason.MALFORMED, RAW),
            ("get-relative-unnormalized", Reason.MISMATCH, DOTS),
            ("get-relative-relative-unnormalized", Reason.MISMATCH, DOTS),
            ("get-slash-unnormalized", Reason.MISMATCH, DOTS),
            ("get-slash-dot-slash-unnormalized", Reason.MISMATCH, DOTS),
            ("get-slash-pointless-dot-unnormalized", Reason.MISMATCH, DOTS),
            ("get-slashes-unnormalized", Reason.MISMATCH, DOTS),
        )
    },
    "aws-c-auth/v4/post-sts-header-after/header": (Reason.NOT_COVERED, AFTER),
    "aws-c-auth/v4/post-sts-header-after/query": (Reason.MISMATCH, AFTER),
    "aws-legacy/post-sts-header-after": (Reason.NOT_COVERED, AFTER),
    "aws-legacy/get-header-value-multiline": (Reason.MALFORMED, FOLD),
    "aws-legacy/get-utf8": (Reason.MALFORMED, RAW),
    "aws-legacy/get-vanilla-utf8-query": (Reason.MALFORMED, RAW),
}
# The token stays in the canonical query, as PROTOCOLS has it, so the canonical request cannot be the one without it.
NO_STAGES = {"aws-c-auth/v4/post-sts-header-after/query"}
ALL = [case for suite in SUITES for case in cases(suite)]
IDS = [case.id for case in ALL]


def read_leniently(request: HttpRequest) -> http.ReadRequest:
    """Take a request apart that the reader refuses, so that the stages behind it can be tested on its parts."""
    path, _, query = request.target.partition(b"?")
    pairs = [item.partition(b"=") for item in query.split(b"&") if item]
    headers: dict[bytes, list[bytes]] = {}
    for name, value in request.headers:
        headers.setdefault(name, []).append(value)
    parameters = tuple((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return http.ReadRequest(request=request, path=path, headers=headers, parameters=parameters)


def _encoded(text: bytes) -> bytes:
    return percent_encode(percent_decode(text))


def claim_of(case: Case) -> SigV4Claim:
    request = case.request()
    if DEVIATIONS.get(case.id, (None, ""))[0] is Reason.MALFORMED:
        with pytest.raises(Refusal):
            read_claim(request, case.rules)
        return read_signed(AWS, read_leniently(request), case.rules)
    return read_claim(request, case.rules)


def test_the_suites_are_whole() -> None:
    counts = {suite: len(list(cases(suite))) for suite in SUITES}
    assert counts == {
        "aws-c-auth-v4": 76,
        "aws-docs-general-sigv4": 3,
        "aws-docs-s3-sigv4": 15,
        "aws-legacy-suite-v4": 34,
    }
    assert DEVIATIONS.keys() <= set(IDS)


@pytest.mark.parametrize("suite", ["aws-c-auth-v4", "aws-legacy-suite-v4"])
def test_deviations_are_those_that_are_written_down(suite: str) -> None:
    written = json.loads((FOLDER / "deviations" / f"{suite}.json").read_text())["deviations"]
    of_suite = {case.id for case in cases(suite)}
    assert written == {name: why for name, (_, why) in DEVIATIONS.items() if name in of_suite}


@pytest.mark.parametrize(
    "case", [c for c in ALL if c.id not in NO_STAGES and "canonical_request" in c.expected], ids=lambda c: c.id
)
def test_canonical_request_and_string_to_sign(case: Case) -> None:
    claim = claim_of(case)
    canonical = canonical_request(claim)
    assert canonical.decode() == case.expected["canonical_request"]
    assert string_to_sign(claim, canonical).decode() == case.expected["string_to_sign"]


@pytest.mark.parametrize("case", [c for c in ALL if c.id in NO_STAGES], ids=lambda c: c.id)
def test_the_one_canonical_request_that_is_another(case: Case) -> None:
    ours = canonical_request(claim_of(case)).decode().split("\n")
    theirs = case.expected["canonical_request"].split("\n")
    assert [number for number, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]] == [2]
    kept = [item for item in ours[2].split("&") if not item.startswith("X-Amz-Security-Token=")]
    assert "&".join(kept) == theirs[2]


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_signature_of_the_expected_string_to_sign(case: Case) -> None:
    claim = claim_of(case)
    assert claim.scope is not None
    key = signing_key(case.key().secret, claim.scope)
    if "signing_key_hex" in case.expected:
        assert key.hex() == case.expected["signing_key_hex"]
    assert signature(key, case.expected["string_to_sign"].encode()).decode() == case.expected["signature"]
    assert claim.signature.decode() == case.expected["signature"]


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_verdict(case: Case) -> None:
    found = verdict(case.request(), key=case.key(), now=case.now)
    if case.id in DEVIATIONS:
        assert isinstance(found, Rejected)
        assert found.reason is DEVIATIONS[case.id][0]
    else:
        assert case.expected["verdict"] == "valid"
        assert isinstance(found, Verified), found


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_the_string_to_sign_alone_verifies(case: Case) -> None:
    request = case.request()
    claim = claim_of(case)
    assert claim.scope is not None
    subject = StringToSignSubject(
        scheme="aws-sigv4",
        credential=f"{claim.key_id}/{claim.scope.text()}".encode(),
        string_to_sign=case.expected["string_to_sign"].encode(),
        signature=case.expected["signature"].encode(),
        security_token=claim.security_token,
        valid_for=claim.valid_for,
    )
    assert isinstance(verdict(subject, key=case.key(), now=case.now), Verified)
    assert request.method  # the request itself plays no part


@pytest.mark.parametrize("case", list(cases("aws-docs-general-sigv4", "sigv4-sts-only")), ids=lambda c: c.id)
def test_string_to_sign_without_a_request(case: Case) -> None:
    text = case.expected["string_to_sign"].encode()
    subject = StringToSignSubject(
        scheme="aws-sigv4",
        credential=KEY.key_id.encode() + b"/" + text.split(b"\n")[2],
        string_to_sign=text,
        signature=case.expected["signature"].encode(),
    )
    key = replace(KEY, secret=case.raw["key"]["secret"].encode())
    assert isinstance(verdict(subject, key=key, now=case.now), Verified)


@pytest.mark.parametrize("case", list(cases("aws-docs-general-sigv4", "sigv4-signing-key")), ids=lambda c: c.id)
def test_signing_key(case: Case) -> None:
    context = case.raw["context"]
    scope = Scope(date=context["date"], region=context["region"], service=context["service"])
    secret = case.raw["key"]["secret"].encode()
    assert signing_key(secret, scope).hex() == case.expected["signing_key_hex"]
    assert AwsSigV4().derive(replace(KEY, secret=secret), scope).hex() == case.expected["signing_key_hex"]


def test_the_documentation_tells_the_same() -> None:
    text = (FOLDER.parent.parent / "docs" / "vectors.md").read_text()
    for suite in SUITES:
        found = list(cases(suite))
        refused = sum(case.id in DEVIATIONS for case in found)
        stages = sum(case.id not in NO_STAGES for case in found)
        assert re.search(
            rf"\| {suite}[^|]*\| {len(found)} \| {stages} \| {len(found)} \| {len(found) - refused} \| {refused} \|", text
        )
    for name in DEVIATIONS:
        short = name.split("/")[-2 if "c-auth" in name else -1]
        reason = DEVIATIONS[name][0].value
        assert any(short in line and f"| {reason} |" in line for line in text.splitlines()), short
