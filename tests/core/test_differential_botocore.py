"""10,000 generated requests: botocore signs, and every stage of ours must come out the same, byte for byte."""

import collections
import random

import pytest
from botocore.utils import percent_encode, percent_encode_sequence

from counterseal.core.model import Verified
from counterseal.core.schemes.aws_sigv4 import canonical_request, read_claim, signature, signing_key, string_to_sign
from tests.core.botocore_client import SIGNERS, Sent, send
from tests.core.subjects import KEY, NOW, SECURITY_TOKEN, TEMPORARY_KEY, verdict

ROUNDS = 2_500  # for each of four signers
SERVICES = {"SigV4Auth": ("sqs", "iam", "dynamodb", "execute-api"), "SigV4QueryAuth": ("sts", "polly", "execute-api")}
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
LETTERS = "abcXYZ019-._~ !\"#$%&'()*+,/:;<=>?@[]^`{|}éßñ漢字🐈\x00\x7f\n\t\\"
WORDS = ("..", ".", "", "a", "photos", "a b", "a+b", "100%", "%2F", "ü", "a=b&c", "//", "~user", "x" * 40)
HEADERS = (
    "Content-Type",
    "Range",
    "If-Match",
    "X-Amz-Meta-Note",
    "x-amz-acl",
    "X-Amz-Target",
    "Cache-Control",
    "Foo",
    "User-Agent",
    "Expect",
)


def text(dice: random.Random, most: int = 12) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(dice.randint(0, most)))


def path(dice: random.Random) -> str:
    # Never empty: for a URL without a path botocore's S3 signers sign an empty line, while every HTTP client sends "/".
    parts = [dice.choice((dice.choice(WORDS), text(dice))) for _ in range(dice.randint(0, 5))]
    return "".join(f"/{percent_encode(part, safe='/~')}" for part in parts) or "/"


def query(dice: random.Random) -> str:
    names = [dice.choice(("prefix", "marker", "list-type", "Param", "Param-3", "ä", "a b")) for _ in range(dice.randint(0, 6))]
    encoded = percent_encode_sequence([(name, text(dice)) for name in names])
    flags = [dice.choice(("acl", "uploads", "versioning")) for _ in range(dice.choice((0, 0, 1)))]
    return "&".join(part for part in (encoded, *flags) if part)


def headers(dice: random.Random, presigned: bool) -> list[tuple[str, str]]:
    found = []
    for name in dice.sample(HEADERS, dice.randint(0, 5)):
        for _ in range(dice.choice((1, 1, 1, 2))):
            blank = dice.choice(("", " ", "  ", "\t"))
            found.append(
                (name, blank + blank.join(dice.choice(("a", "b,c", '"x  y"', "1=2;", "z")) for _ in range(dice.randint(0, 4))))
            )
    if presigned:
        found = [item for item in found if item[0].lower() != "user-agent"]
    return found


def generate(signer: str, dice: random.Random) -> tuple[Sent, bool]:
    presigned = "Query" in signer
    host = dice.choice(
        ("https://b.s3.amazonaws.com", "http://localhost:9000", "https://x.example.com:443", "https://[::1]:8443")
    )
    url = host + path(dice) + (f"?{q}" if (q := query(dice)) else "")
    with_token = dice.random() < 0.3
    sent = send(
        signer,
        method=dice.choice(METHODS),
        url=url,
        headers=headers(dice, presigned),
        body=b"" if presigned else dice.randbytes(dice.choice((0, 0, 1, 100))),
        secret=KEY.secret.decode(),
        now=NOW + dice.randint(-100_000, 100_000),
        service=dice.choice(SERVICES.get(signer, ("s3", "s3-object-lambda"))),
        region=dice.choice(("eu-west-1", "us-gov-east-1", "cn-north-1")),
        security_token=SECURITY_TOKEN if with_token else None,
        expires=dice.randint(1, 604_800) if presigned else None,
    )
    return sent, with_token


@pytest.mark.parametrize("signer", SIGNERS)
def test_every_stage_agrees(signer: str) -> None:
    dice = random.Random(f"counterseal {signer}")
    counts: collections.Counter[str] = collections.Counter()
    for _ in range(ROUNDS):
        sent, with_token = generate(signer, dice)
        claim = read_claim(sent.request)
        canonical = canonical_request(claim)
        assert canonical.decode() == sent.canonical_request.decode()
        assert string_to_sign(claim, canonical) == sent.string_to_sign
        assert claim.scope is not None
        assert claim.signed_time is not None
        assert signature(signing_key(KEY.secret, claim.scope), sent.string_to_sign) == sent.signature == claim.signature
        found = verdict(sent.request, key=TEMPORARY_KEY if with_token else KEY, now=claim.signed_time)
        assert isinstance(found, Verified), (found, sent.request)
        counts["compared"] += 1
        counts["with a security token"] += with_token
        counts["with a query"] += b"?" in sent.request.target
        counts["with repeated headers"] += len(dict(sent.request.headers)) < len(sent.request.headers)
        counts["with dot segments"] += b"/." in sent.request.target
    print(f"\n{signer}: {dict(counts)}, 0 disagreements")
    assert counts["compared"] == ROUNDS
    assert min(counts.values()) > ROUNDS / 20, "the generator has stopped making what it is for"
