"""Signing forms: what comes out verifies, and what cannot be signed is named."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from counterseal.core.model import HttpRequest, Verified
from counterseal.core.post_form import Part, write_form, write_policy
from counterseal.core.schemes.base import Signing
from tests.core.post_form.parts import FIELDS, FILE, V2, V4, parts_of, post, verdict, with_parts
from tests.core.subjects import CREDENTIALS, NOW, TEMPORARY

BOTH = pytest.mark.parametrize("scheme", [V4, V2], ids=["aws-sigv4", "aws-sigv2"])


def sign(scheme: Any, request: HttpRequest, credentials: Any = CREDENTIALS, **options: str) -> HttpRequest:
    found: HttpRequest = scheme.sign(request, credentials, Signing(now=NOW, options={"form": "3600"} | options))
    return found


@BOTH
def test_a_signed_form_verifies_and_keeps_its_parts(scheme: Any) -> None:
    base = post(FIELDS)
    signed = sign(scheme, base)
    found = verdict(signed)
    assert isinstance(found, Verified), found
    assert found.scheme == scheme.name
    assert found.valid_until == NOW + 3600
    assert parts_of(signed)[: len(FIELDS)] == parts_of(base)[: len(FIELDS)]
    assert parts_of(signed)[-1] == FILE
    assert dict(signed.headers)[b"content-length"] == b"%d" % len(signed.content or b"")
    virtual = sign(scheme, post(FIELDS, target=b"/", host=b"photos.s3.example.com"))
    assert isinstance(verdict(virtual), Verified)


@BOTH
def test_a_security_token_goes_into_a_field(scheme: Any) -> None:
    signed = sign(scheme, post(FIELDS), TEMPORARY)
    assert b"x-amz-security-token" in {part.name for part in parts_of(signed)}


@BOTH
@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda r: replace(r, method=b"PUT"), "multipart form"),
        (lambda r: replace(r, content=None), "multipart form"),
        (lambda r: replace(r, target=b"*"), "target"),
        (lambda r: replace(r, target=b"/"), "target"),
        (lambda r: replace(r, target=b"/photos?acl"), "query"),
        (lambda r: replace(r, content=b"x"), "delimiter"),
        (lambda r: with_parts([Part(name=b"file", content=b"x")]), "key"),
        (lambda r: with_parts([Part(name=b"policy", content=b"x"), *parts_of(r)]), "policy"),
        (lambda r: with_parts([Part(name="ä".encode(), content=b"x"), *parts_of(r)]), "name"),
        (lambda r: replace(r, headers=(*r.headers, (b"x-amz-acl", b"private"))), "x-amz-acl"),
    ],
)
def test_forms_that_cannot_be_signed(scheme: Any, change: Any, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        sign(scheme, change(post(FIELDS)))


@BOTH
def test_forms_are_signed_with_secrets(scheme: Any) -> None:
    with pytest.raises(ValueError, match="secret"):
        sign(scheme, post(FIELDS), replace(CREDENTIALS, secret=b"", private_key=b"x"))


@BOTH
def test_what_is_signed_already(scheme: Any) -> None:
    with pytest.raises(ValueError, match="already"):
        sign(scheme, sign(scheme, post(FIELDS)))


@BOTH
@pytest.mark.parametrize("value", ["0", "604801", "1h", "-1"])
def test_how_long_a_form_may_be_good(scheme: Any, value: str) -> None:
    with pytest.raises(ValueError, match="form: "):
        sign(scheme, post(FIELDS), form=value)


@BOTH
def test_options(scheme: Any) -> None:
    with pytest.raises(ValueError, match="option expires"):
        sign(scheme, post(FIELDS), expires="60")
    header = sign(scheme, post(FIELDS), form="")
    assert b"authorization" in dict(header.headers)
    assert isinstance(verdict(header), Verified)
    with pytest.raises(ValueError, match="nothing"):
        sign(scheme, header, form="", nothing="x")


def test_regions_and_services() -> None:
    found = verdict(sign(V4, post(FIELDS), region="eu-central-1", service="s3express"))
    assert isinstance(found, Verified)
    assert found.scope is not None
    assert (found.scope.region, found.scope.service) == ("eu-central-1", "s3express")
    with pytest.raises(ValueError, match="service"):
        sign(V4, post(FIELDS), service="sqs")


@BOTH
def test_fields_for_a_page_that_posts_later(scheme: Any) -> None:
    """As boto3's generate_presigned_post does: the fields alone, and the form is put together elsewhere."""
    more = {"region": "eu-west-1"} if scheme is V4 else {}
    conditions = [["content-length-range", 1, 100], ["starts-with", "$Content-Type", "image/"], {"bucket": "photos"}]
    settings: dict[str, Any] = {"bucket": "photos", "now": NOW, "expires": 60, "conditions": conditions} | more
    fields = scheme.sign_form({"key": "a/${filename}", "acl": "private"}, CREDENTIALS, **settings)
    document = json.loads(base64.b64decode(fields["policy"]))
    assert document["expiration"] == "2026-09-21T14:14:20Z"
    assert document["conditions"].count({"bucket": "photos"}) == 1
    assert ["starts-with", "$key", "a/"] in document["conditions"]
    assert isinstance(verdict(post({"Content-Type": "image/gif"} | fields)), Verified)
    assert not isinstance(verdict(post({"Content-Type": "text/html"} | fields)), Verified)
    for name in ("Policy", "policy", next(reversed(fields)).upper()):
        with pytest.raises(ValueError, match="signing adds it"):
            scheme.sign_form({name: "x"}, CREDENTIALS, bucket="photos", now=NOW, expires=60, **more)


def test_policies_of_no_fields() -> None:
    document = json.loads(base64.b64decode(write_policy({}, [{}], bucket="b", expires=NOW)))
    assert document["conditions"] == [{"bucket": "b"}, {}]


def test_a_boundary_never_occurs_in_what_it_bounds() -> None:
    first = write_form([Part(name=b"a", content=b"")])[0].rpartition(b"=")[2]
    parts = [Part(name=b"a", content=b""), Part(name=b"file", content=first)]
    again = write_form(parts)[0].rpartition(b"=")[2]
    assert again != first
    # A content that names its own boundary cannot be made by hand; so the first choice is forced to be in it.
    with pytest.MonkeyPatch.context() as patch:
        made = iter([b"x" * 32, b"y" * 32])

        class Digest:
            def __init__(self, _: bytes) -> None:
                self.text = next(made)

            def hexdigest(self) -> str:
                return self.text.decode()

        patch.setattr("counterseal.core.post_form.write.hashlib.sha256", Digest)
        content_type, _ = write_form([Part(name=b"file", content=b"x" * 40)])
    assert content_type.endswith(b"y" * 32)
