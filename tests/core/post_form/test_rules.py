"""What a form stands for: when it counts, until when, for which bucket, and never under another scheme."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from counterseal.core import http
from counterseal.core.model import Demand, HttpRequest, Reason, Rejected, Verified
from counterseal.core.payload import Unsigned
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Signing
from tests.core.post_form.parts import (
    CONDITIONS,
    FIELDS,
    FILE,
    KEY,
    SCHEMES,
    V2,
    V4,
    adding,
    fields4,
    form2,
    form4,
    parts_of,
    post,
    setting,
    verdict,
)
from tests.core.subjects import CREDENTIALS, NOW, TEMPORARY, TEMPORARY_KEY

FORM4, FORM2 = form4(), form2()
MALFORMED, MISMATCH, NOT_COVERED, UNSIGNED = Reason.MALFORMED, Reason.MISMATCH, Reason.NOT_COVERED, Reason.UNSIGNED
SIGNATURE4 = next(part.content for part in parts_of(FORM4) if part.name == b"x-amz-signature")
POLICY4 = next(part.content for part in parts_of(FORM4) if part.name == b"policy")


@pytest.mark.parametrize("form", [FORM4, FORM2])
@pytest.mark.parametrize("at", [0, 3])
def test_fields_to_be_ignored_need_no_condition(form: HttpRequest, at: int) -> None:
    found = verdict(adding(b"X-Ignore-Note", b"anything", at=at)(form))
    assert isinstance(found, Verified), found
    assert found.coverage.headers == ()
    assert found.payload_duty == Unsigned()
    assert found.verified_path == b"/photos"


@pytest.mark.parametrize(("seconds", "reason"), [(-901, Reason.TOO_NEW), (-900, None), (3600, None), (3601, Reason.TOO_OLD)])
def test_the_end_of_a_policy_is_the_window(seconds: int, reason: Reason | None) -> None:
    """Not the fifteen minutes of a header signature: a form is made long before somebody posts it."""
    found = verdict(FORM4, now=NOW + seconds)
    assert (found.reason if isinstance(found, Rejected) else None) is reason


def test_a_form_is_good_for_seven_days_at_most() -> None:
    """Whatever end a policy states: from its date on under Version 4, and from now on under Version 2, which has no date."""
    far = "2027-01-01T00:00:00Z"
    document = {"expiration": far, "conditions": json.loads(base64.b64decode(POLICY4))["conditions"]}
    text = base64.b64encode(json.dumps(document).encode())
    fields = fields4() | {"policy": text.decode()}
    claim = V4.read(http.read_request(post(fields)), Demand())
    assert claim.scope is not None
    made = V4.family.kind.sign(CREDENTIALS.key_id, CREDENTIALS.secret, claim.scope, text)
    form = post(fields | {"x-amz-signature": made.decode()})
    assert isinstance(verdict(form, now=NOW + 604_800), Verified)
    found = verdict(form, now=NOW + 604_801)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TOO_OLD
    week = post(V2.sign_form(FIELDS, CREDENTIALS, conditions=CONDITIONS, bucket="photos", now=NOW + 1000, expires=604_800))
    found = verdict(week)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TOO_NEW


def test_never_under_the_other_version() -> None:
    """A form of one version, with its signature in the other's fields, verifies under neither."""
    four = {"AWSAccessKeyId": "AKIDEXAMPLE", "policy": POLICY4.decode(), "signature": SIGNATURE4.decode()}
    found = verdict(post(FIELDS | four))
    assert isinstance(found, Rejected)
    two = V2.sign_form(FIELDS, CREDENTIALS, conditions=CONDITIONS, bucket="photos", now=NOW, expires=60)
    crossed = fields4() | {"policy": two["policy"], "x-amz-signature": SIGNATURE4.decode()}
    assert isinstance(verdict(post(crossed)), Rejected)
    for form, other in ((FORM4, "aws-sigv2"), (FORM2, "aws-sigv4")):
        for changes in (
            {"key": replace(KEY, allowed_schemes=frozenset({other}))},
            {"demand": Demand(allowed_schemes=frozenset({other}))},
        ):
            found = verdict(form, **changes)
            assert isinstance(found, Rejected)
            assert found.reason is Reason.UNSUPPORTED_SCHEME


@pytest.mark.parametrize("form", [FORM4, FORM2, post(FIELDS)])
def test_without_the_body_nobody_knows(form: HttpRequest) -> None:
    """A form that was not sent along may be signed; one that is signed in its head needs no body."""
    for streamed in (replace(form, content=None), replace(form, content=None, content_sha256=b"\x00" * 32)):
        found = verdict(streamed)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.BODY_REQUIRED
        assert "not its hash" in found.detail
        for scheme in ("github", "no-such-scheme"):
            found = verdict(streamed, demand=Demand(allowed_schemes=frozenset({scheme})), schemes=BUILT_IN)
            assert isinstance(found, Rejected)
            assert found.reason is UNSIGNED
    base = replace(form, content=None, target=b"/photos/cat.jpg")
    signed = V4.sign(base, CREDENTIALS, Signing(now=NOW, options={"payload": "UNSIGNED-PAYLOAD"}))
    assert isinstance(verdict(signed), Verified)


def test_a_multipart_body_under_a_header_signature_is_only_payload() -> None:
    """SeaweedFS #7912 the other way round: the header counts, and the fields are the upstream's own affair."""
    for form in (FORM4, post(FIELDS), replace(FORM4, content=b"no form")):
        signed = V4.sign(form, CREDENTIALS, Signing(now=NOW, options={}))
        found = verdict(signed)
        assert isinstance(found, Verified)
        assert b"host" in found.coverage.headers
        presigned = V4.sign(form, CREDENTIALS, Signing(now=NOW, options={"expires": "60"}))
        assert isinstance(verdict(presigned), Verified)


def test_a_form_without_a_policy_is_unsigned() -> None:
    for form in (post(FIELDS), post({"key": "a"}), post({"policy": "e30=", "signature": "x"})):
        found = verdict(form)
        assert isinstance(found, Rejected)
        assert found.reason is UNSIGNED


@pytest.mark.parametrize("name", ["AWSAccessKeyId", "GoogleAccessId", "x-goog-signature", "OSSAccessKeyId", "x-amz-signature"])
def test_a_form_that_nobody_here_reads_is_not_anonymous(name: str) -> None:
    """Signed in a way that is not enabled: UNSUPPORTED_SCHEME, so that no gateway takes it for an unsigned request."""
    schemes = {"github": BUILT_IN["github"]}
    found = verdict(post({name: "x", "policy": "e30="}), schemes=schemes)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME
    found = verdict(post({"policy": "e30="}), schemes=schemes)
    assert isinstance(found, Rejected)
    assert found.reason is UNSIGNED


@pytest.mark.parametrize("scheme", ["aws-sigv4", "aws-sigv2"])
def test_security_tokens(scheme: str) -> None:
    key = replace(TEMPORARY_KEY, allowed_schemes=frozenset(SCHEMES))

    def made(credentials: Any) -> HttpRequest:
        if scheme == "aws-sigv4":
            return post(fields4(credentials=credentials))
        return post(V2.sign_form(FIELDS, credentials, conditions=CONDITIONS, bucket="photos", now=NOW, expires=60))

    assert isinstance(verdict(made(TEMPORARY), key=key), Verified)
    for credentials, known in ((TEMPORARY, KEY), (CREDENTIALS, key), (replace(TEMPORARY, security_token="x"), key)):
        found = verdict(made(credentials), key=known)
        assert isinstance(found, Rejected)
        assert found.reason is MISMATCH
    found = verdict(made(replace(TEMPORARY, security_token="a b")), key=key)
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED


def test_a_policy_needs_a_bucket() -> None:
    """Without that condition, the form would be good for every bucket of the service."""
    document = json.loads(base64.b64decode(POLICY4))
    document["conditions"] = [item for item in document["conditions"] if item != {"bucket": "photos"}]
    found = verdict(setting(b"policy", base64.b64encode(json.dumps(document).encode()))(FORM4))
    assert isinstance(found, Rejected)
    assert "bucket" in found.detail


def test_names_in_details_are_cut_and_plain() -> None:
    """Whoever sends a form chooses its names and its policy's, before any key is known; details are logged."""
    for form in (form4([*CONDITIONS, {"~" * 256: "x"}]), adding(b"~" * 256, b"x")(FORM4), adding(b"~" * 256, b"\n")(FORM4)):
        found = verdict(form, key=None)
        assert isinstance(found, Rejected)
        assert found.reason in {NOT_COVERED, MALFORMED}
        assert found.detail.count("~") == 64
    for name in ("z\r\n2026-11-22 INFO verified", "\x1b[2J", "\x00", "\x7f", "a b", "é", "~" * 257):
        found = verdict(form4([*CONDITIONS, ["eq", f"${name}", "x"]]), key=None)
        assert isinstance(found, Rejected)
        assert found.reason is MALFORMED
        assert found.detail.isascii()
        assert found.detail.isprintable()
        assert "~" not in found.detail


def test_an_exact_condition_on_what_is_expanded_never_holds() -> None:
    """`${filename}` is the sender's choice, so the key as it stands and the key as it becomes both have to satisfy."""
    found = verdict(form4([{"key": "user/user1/${filename}"}, *CONDITIONS]))
    assert isinstance(found, Rejected)
    assert found.reason is NOT_COVERED
    exact = form4([], FIELDS | {"key": "user/user1/cat.jpg"})
    assert isinstance(verdict(exact), Verified)
    assert isinstance(verdict(replace(exact, target=b"/photos/")), Verified)


def test_what_else_a_form_may_say() -> None:
    condition = [["starts-with", "$bucket", "pho"], *CONDITIONS]
    assert isinstance(verdict(form4(condition)), Verified)
    assert isinstance(verdict(form4(condition, FIELDS | {"bucket": "photos", "tagging": "<Tagging>\r\n</Tagging>"})), Verified)
    types = form4([["starts-with", "$Content-Type", "image/"]], FIELDS | {"Content-Type": "image/jpeg, image/png"})
    assert isinstance(verdict(types), Verified)
    assert isinstance(verdict(form4(file=replace(FILE, filename="né.jpg".encode()))), Verified)
    virtual = form4(target=b"/", host=b"photos.s3.example.com")
    assert isinstance(verdict(virtual), Verified)
