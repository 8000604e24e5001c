"""Every POST policy vector, stage by stage: string to sign, signature, verdict. None deviates."""

import base64
import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest

from counterseal.core import http
from counterseal.core.buckets import BucketHosts
from counterseal.core.model import HttpRequest, Verified
from counterseal.core.post_form import Part
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from counterseal.core.schemes.aws_sigv2.canonical import signature
from counterseal.core.schemes.aws_sigv4 import AwsSigV4, FormClaim
from tests.core.post_form.parts import KEY, verdict, with_parts
from tests.core.subjects import NO_DEMAND
from tests.core.vectors import FOLDER

HOSTS = BucketHosts(base_domains=("s3.amazonaws.com",))
V4, V2 = AwsSigV4(HOSTS), AwsSigV2(HOSTS)
CASES: list[dict[str, Any]] = json.loads((FOLDER / "aws-docs-s3-post-policy.json").read_text())["cases"]


def request_of(case: dict[str, Any], *, virtual: bool) -> HttpRequest:
    form = case["form"]
    file = form["file"]
    parts = [Part(name=name.encode(), content=value.encode()) for name, value in form["fields"]]
    content = base64.b64decode(file["content_base64"], validate=True)
    parts.append(Part(name=b"file", filename=file["filename"].encode(), content=content))
    bucket = form["bucket"].encode()
    host = bucket + b".s3.amazonaws.com" if virtual else b"s3.amazonaws.com"
    return with_parts(parts, target=b"/" if virtual else b"/" + bucket, host=host)


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])


def test_the_suite_is_whole() -> None:
    assert [case["scheme"] for case in CASES] == ["sigv4-post-policy"] * 2 + ["sigv2-post-policy"] * 2
    assert all(case["expected"]["verdict"] == "valid" for case in CASES)


@each()
def test_string_to_sign_and_signature(case: dict[str, Any]) -> None:
    read = http.read_request(request_of(case, virtual=False))
    wanted, secret = case["expected"], case["key"]["secret"].encode()
    text = wanted["string_to_sign"].encode()
    if case["scheme"] == "sigv4-post-policy":
        claim = V4.read(read, NO_DEMAND)
        assert isinstance(claim, FormClaim)
        assert claim.stated == text
        assert claim.scope is not None
        made = V4.family.kind.sign(claim.key_id, secret, claim.scope, text)
        assert made.decode() == wanted["signature"] == claim.signature.decode()
    else:
        found = V2.read(read, NO_DEMAND)
        assert found.strings_to_sign == (text, text)
        assert signature(secret, text).decode() == wanted["signature"] == found.signature.decode()


@each()
@pytest.mark.parametrize("virtual", [False, True])
def test_verdict(case: dict[str, Any], virtual: bool) -> None:
    key = replace(KEY, key_id=case["key"]["id"], secret=case["key"]["secret"].encode())
    now = dt.datetime.fromisoformat(case["context"]["now"]).timestamp()
    found = verdict(request_of(case, virtual=virtual), key=key, now=now, schemes={"aws-sigv4": V4, "aws-sigv2": V2})
    assert isinstance(found, Verified), found
    assert found.scheme == case["scheme"].replace("sigv", "aws-sigv").removesuffix("-post-policy")
