"""Thousands of generated requests: botocore signs, our strings to sign and signatures come out the same, byte for byte."""

import collections
import contextlib
import datetime as dt
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode, percent_encode_sequence

from counterseal.core import http
from counterseal.core.model import HttpRequest, Verified
from counterseal.core.schemes.aws_sigv2.canonical import signature
from tests.core.sigv2.parts import KEY, SCHEME, verdict
from tests.core.subjects import NO_DEMAND, NOW, SECURITY_TOKEN, TEMPORARY_KEY

ROUNDS = 3_000
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
LETTERS = "abcXYZ019-._~ !\"#$'()*+,/:;<>?@[]^`{|}éß漢🐈"
HEADERS = (
    "Content-Type",
    "Content-MD5",
    "Range",
    "x-amz-acl",
    "X-Amz-Meta-Note",
    "X-Amz-Meta-B",
    "x-amz-copy-source",
    "User-Agent",
)
SUB_RESOURCES = tuple(sorted(set(botocore.auth.HmacV1Auth.QSAOfInterest)))  # one of them stands there twice
PAGING = ("prefix", "marker", "max-keys", "delimiter", "list-type")


def text(dice: random.Random, most: int = 10) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(dice.randint(0, most)))


def url(dice: random.Random) -> str:
    host = dice.choice(("https://s3.amazonaws.com", "http://localhost:9000", "https://[::1]:8443"))
    parts = [percent_encode(text(dice) or "k", safe="/~") for _ in range(dice.randint(0, 4))]
    return host + "/" + "/".join(parts)


def s3_query(dice: random.Random) -> str:
    # botocore signs `acl=` as `acl=`, while the documentation and Go clients sign `acl`: an empty value never has its `=` here.
    names = dice.sample(SUB_RESOURCES, dice.choice((0, 0, 1, 2, 4)))
    valued = [f"{name}={percent_encode(value)}" if (value := text(dice)) and dice.random() < 0.6 else name for name in names]
    paging = percent_encode_sequence([(name, text(dice)) for name in dice.sample(PAGING, dice.choice((0, 0, 2)))])
    items = [*valued, *([paging] if paging else [])]
    dice.shuffle(items)
    return "&".join(items)


def headers(dice: random.Random) -> list[tuple[str, str]]:
    found = []
    for name in dice.sample(HEADERS, dice.randint(0, 5)):
        several = name.lower().startswith("x-amz-") and dice.random() < 0.3
        for _ in range(2 if several else 1):
            blank = dice.choice(("", " ", "\t"))
            found.append((name, blank + dice.choice(("a", "b,c", '"x  y"', "z;q=1")) + blank))
    return found


@contextlib.contextmanager
def at(now: int) -> Iterator[None]:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with (
        mock.patch.object(botocore.auth, "formatdate", return_value=stamp),
        mock.patch.object(time, "time", return_value=float(now)),
        mock.patch.object(botocore.auth.time, "gmtime", return_value=time.gmtime(now)),
    ):
        yield


def on_the_wire(aws: Any, target: str | None = None) -> HttpRequest:
    parts = urlsplit(aws.url)
    found = [(name.lower().encode(), value.encode()) for name, value in aws.headers.items()]
    found.insert(0, (b"host", parts.netloc.encode()))
    query = f"?{parts.query}" if parts.query else ""
    return HttpRequest(
        method=aws.method.encode(), target=(target or (parts.path or "/") + query).encode(), headers=tuple(found), content=b""
    )


def s3(signer: str, dice: random.Random, token: str | None, now: int) -> tuple[HttpRequest, str, str]:
    """Return the request on the wire, the string to sign and the signature."""
    cls: Any = getattr(botocore.auth, signer)
    texts: list[str] = []
    found: list[str] = []

    class Recording(cls):  # type: ignore[misc]
        def sign_string(self, string_to_sign: str) -> Any:
            texts.append(string_to_sign)
            found.append(super().sign_string(string_to_sign))
            return found[-1]

    query = s3_query(dice)
    aws = AWSRequest(method=dice.choice(METHODS), url=url(dice) + (f"?{query}" if query else ""))
    fields = headers(dice)
    if "Query" in signer:
        # botocore signs all headers of one name, and writes the first of them into the query.
        fields = list(dict(fields).items())
    for name, value in fields:
        aws.headers[name] = value
    credentials = Credentials(KEY.key_id, KEY.secret.decode(), token)
    with at(now):
        (Recording(credentials, expires=dice.randint(1, 604_800)) if "Query" in signer else Recording(credentials)).add_auth(
            aws
        )
    if "Query" in signer:
        del aws.headers["Date"]  # there it held the end, for the computation alone
    return on_the_wire(aws), texts[0], found[0]


@pytest.mark.parametrize("signer", ["HmacV1Auth", "HmacV1QueryAuth"])
def test_s3_agrees(signer: str) -> None:
    dice = random.Random(f"counterseal {signer}")
    counts: collections.Counter[str] = collections.Counter()
    for _ in range(ROUNDS):
        with_token = dice.random() < 0.3
        now = NOW + dice.randint(-10_000_000, 10_000_000)
        request, string_to_sign, made = s3(signer, dice, SECURITY_TOKEN if with_token else None, now)
        claim = SCHEME.read(http.read_request(request), NO_DEMAND)
        assert claim.strings_to_sign[0].decode() == string_to_sign
        assert signature(KEY.secret, string_to_sign.encode()) == made.encode() == claim.signature
        key = replace(TEMPORARY_KEY, allowed_schemes=KEY.allowed_schemes) if with_token else KEY
        found = verdict(request, key=key, now=now)
        assert isinstance(found, Verified), (found, request)
        counts["compared"] += 1
        counts["with a security token"] += with_token
        counts["with sub-resources"] += b"?" in claim.strings_to_sign[0].rpartition(b"\n")[2]
        counts["with amz headers"] += b"\nx-amz-" in claim.strings_to_sign[0]
        counts["with repeated headers"] += "Query" in signer or len(dict(request.headers)) < len(request.headers)
    print(f"\n{signer}: {dict(counts)}, 0 disagreements")
    assert counts["compared"] == ROUNDS
    assert min(counts.values()) > ROUNDS / 20, "the generator has stopped making what it is for"


def test_the_query_api_agrees() -> None:
    dice = random.Random("counterseal SigV2Auth")
    counts: collections.Counter[str] = collections.Counter()
    for _ in range(ROUNDS):
        with_token, now = dice.random() < 0.3, NOW + dice.randint(-10_000_000, 10_000_000)
        aws = AWSRequest(
            method=dice.choice(("GET", "POST", "HEAD")), url=dice.choice(("https://sdb.amazonaws.com/", url(dice)))
        )
        names = {
            dice.choice(("Action", "a b", "ü", "Attribute.1.Name", "~", "Z" + text(dice, 3))) for _ in range(dice.randint(1, 8))
        }
        aws.params = {name: text(dice) for name in names}
        stages: list[str] = []
        credentials = Credentials(KEY.key_id, KEY.secret.decode(), SECURITY_TOKEN if with_token else None)
        signer = botocore.auth.SigV2Auth(credentials)
        with (
            at(now),
            mock.patch.object(botocore.auth.logger, "debug", side_effect=lambda *args, stages=stages: stages.append(args[-1])),
        ):
            signer.add_auth(aws)
        request = on_the_wire(aws, urlsplit(aws.url).path + "?" + percent_encode_sequence(aws.params))
        claim = SCHEME.read(http.read_request(request), NO_DEMAND)
        assert claim.strings_to_sign[0].decode() == stages[-1]
        assert signature(KEY.secret, claim.strings_to_sign[0], "sha256").decode() == aws.params["Signature"]
        key = replace(TEMPORARY_KEY, allowed_schemes=KEY.allowed_schemes) if with_token else KEY
        assert isinstance(verdict(request, key=key, now=now), Verified)
        counts["compared"] += 1
        counts["with a security token"] += with_token
        counts["with names that need encoding"] += any(name not in {"Action", "Attribute.1.Name", "~"} for name in names)
    print(f"\nSigV2Auth: {dict(counts)}, 0 disagreements")
    assert min(counts.values()) > ROUNDS / 20, "the generator has stopped making what it is for"
