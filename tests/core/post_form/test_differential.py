"""Thousands of generated forms: botocore signs the policies, urllib3 and httpx write the bodies, and ours verifies them all."""

import collections
import datetime as dt
import random
from dataclasses import replace
from typing import Any
from unittest import mock

import botocore.auth
import httpx
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib3.filepost import encode_multipart_formdata

from counterseal.core import http
from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from counterseal.core.schemes.aws_sigv2 import SigV2Claim
from counterseal.core.schemes.aws_sigv4 import FormClaim
from tests.core.post_form.parts import KEY, SCHEMES, verdict
from tests.core.subjects import NO_DEMAND, NOW, REGION, SECURITY_TOKEN, TEMPORARY_KEY

ROUNDS = 2_500  # for each of two signers
SIGNERS = {"S3SigV4PostAuth": "aws-sigv4", "HmacV1PostAuth": "aws-sigv2"}
LETTERS = "abcXYZ019-._~ !#$%&'()*+,/:;<=>?@[]^`{|}éß漢🐈"
NAMES = ("acl", "Content-Type", "Cache-Control", "success_action_status", "x-amz-meta-note", "X-Amz-Meta-B", "x-ignore-c")


def text(dice: random.Random, most: int = 12) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(dice.randint(0, most)))


def chosen(dice: random.Random, length: int) -> tuple[dict[str, str], list[Any]]:
    """Return fields, and conditions that they satisfy."""
    key = text(dice) + dice.choice(("k", "${filename}"))
    fields = {name: text(dice) for name in dice.sample(NAMES, dice.randint(0, 5))} | {"key": key}
    conditions: list[Any] = [dice.choice(({"bucket": "photos"}, ["eq", "$bucket", "photos"], ["starts-with", "$Bucket", "ph"]))]
    for name, value in fields.items():
        cut = value.partition("${filename}")[0]
        # The values of a Content-Type are a list at its commas, so its whole is no prefix of each.
        cut = "" if name == "Content-Type" else cut[: dice.randint(0, len(cut))]
        if "${filename}" in value or dice.random() < 0.5:
            conditions.append(["starts-with", f"${name}", cut])
        else:
            conditions.append(dice.choice(({name: value}, ["eq", f"${name.upper()}", value])))
    if dice.random() < 0.5:
        conditions.append(["content-length-range", dice.randint(0, length), length + dice.randint(0, 10)])
    dice.shuffle(conditions)
    return fields, conditions


def signed(signer: str, dice: random.Random, length: int, token: str | None, now: int) -> dict[str, str]:
    fields, conditions = chosen(dice, length)
    end = dt.datetime.fromtimestamp(now + dice.randint(1, 604_800), dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    request = AWSRequest(method="POST", url="https://s3.example.com/photos")
    request.context["s3-presign-post-fields"] = fields
    request.context["s3-presign-post-policy"] = {
        "expiration": end + dice.choice(("Z", ".000Z")),
        "conditions": conditions,
    }
    credentials = Credentials(KEY.key_id, KEY.secret.decode(), token)
    made: Any = getattr(botocore.auth, signer)(credentials, "s3", REGION)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=dt.datetime.fromtimestamp(now, dt.UTC)):
        made.add_auth(request)
    return dict(request.context["s3-presign-post-fields"])


def posted(dice: random.Random, fields: dict[str, str], content: bytes) -> HttpRequest:
    """Return the form as one of two clients writes it."""
    name = dice.choice(("cat.jpg", "a b.txt", "ü.png"))
    if dice.random() < 0.5:
        body, content_type = encode_multipart_formdata([*fields.items(), ("file", (name, content, "image/png"))])
    else:
        made = httpx.Request("POST", "https://s3.example.com/photos", data=fields, files={"file": (name, content)})
        body, content_type = made.read(), made.headers["content-type"]
    virtual = dice.random() < 0.5
    return HttpRequest(
        method=b"POST",
        target=b"/" if virtual else dice.choice((b"/photos", b"/photos/")),
        headers=(
            (b"host", b"photos.s3.example.com" if virtual else b"s3.example.com"),
            (b"content-type", content_type.encode()),
        ),
        content=body,
    )


@pytest.mark.parametrize("signer", SIGNERS)
def test_every_form_agrees(signer: str) -> None:
    dice = random.Random(f"counterseal {signer}")
    counts: collections.Counter[str] = collections.Counter()
    scheme = SCHEMES[SIGNERS[signer]]
    for _ in range(ROUNDS):
        with_token, now = dice.random() < 0.3, NOW + dice.randint(-10_000_000, 10_000_000)
        content = dice.randbytes(dice.choice((0, 1, 100)))
        fields = signed(signer, dice, len(content), SECURITY_TOKEN if with_token else None, now)
        request = posted(dice, fields, content)
        claim = scheme.read(http.read_request(request), NO_DEMAND)
        text_to_sign = claim.stated if isinstance(claim, FormClaim) else None
        text_to_sign = claim.strings_to_sign[0] if isinstance(claim, SigV2Claim) else text_to_sign
        assert text_to_sign == fields["policy"].encode()
        key = replace(TEMPORARY_KEY, allowed_schemes=KEY.allowed_schemes) if with_token else KEY
        found = verdict(request, key=key, now=now)
        assert isinstance(found, Verified), (found, fields)
        more = posted(dice, {"x-amz-storage-class": "GLACIER"} | fields, content)
        refused = verdict(more, key=key, now=now)
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.NOT_COVERED
        counts["compared"] += 1
        counts["with a security token"] += with_token
        counts["with an expanded key"] += "${filename}" in fields["key"]
        counts["in a virtual host"] += request.target == b"/"
    print(f"\n{signer}: {dict(counts)}, 0 disagreements")
    assert counts["compared"] == ROUNDS
    assert min(counts.values()) > ROUNDS / 20, "the generator has stopped making what it is for"
