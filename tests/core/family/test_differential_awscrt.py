"""6,000 generated requests: awscrt signs with SigV4 and SigV4A, in a header and in the query, and all of them verify here."""

import collections
import random
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, ChunkSigned, ChunkUnsigned, Unsigned
from counterseal.core.schemes.aws_sigv4a import AWS4A
from counterseal.core.sigv4.claim import read_claim
from tests.core.family.crt_client import Terms, sign
from tests.core.subjects import KEY, NOW, SECURITY_TOKEN, TEMPORARY_KEY, verdict
from tests.core.test_differential_botocore import METHODS, headers, path, query

ROUNDS = 1_500  # for each scheme and place
REGIONS = {
    "aws-sigv4": ("eu-west-1", "us-gov-east-1", "cn-north-1"),
    "aws-sigv4a": ("eu-west-1", "*", "us-*", "us-east-1,eu-*", "cn-north-1,*-west-1,x"),
}
# A demand that the set above meets, and one that it does not (None: there is no such region).
MET = {"*": ("x", None), "us-*": ("us-gov-east-1", "eu-us-1"), "us-east-1,eu-*": ("eu-west-1", "us-east-11")}
MET["cn-north-1,*-west-1,x"] = ("ap-west-1", "ap-west-1a")
STREAMS = {
    "aws-sigv4": ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
    "aws-sigv4a": ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"),
}
ANY = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
Dice = random.Random
Made = tuple[str, str, list[tuple[str, str]], bytes, Terms]


def generate(scheme: str, *, presigned: bool, dice: Dice) -> Made:
    service = dice.choice(("s3", "s3-outposts", "sqs", "execute-api"))
    states = (service.startswith("s3") or dice.random() < 0.3) and not presigned
    stated: str | None = None
    if states:
        stated = dice.choice((None, None, "UNSIGNED-PAYLOAD", ANY, *STREAMS[scheme]))
    elif presigned and service.startswith("s3"):
        stated = "UNSIGNED-PAYLOAD"
    fields = [("Host", dice.choice(("b.example.com", "localhost:9000", "[::1]:8443"))), *headers(dice, presigned=True)]
    if stated is not None and stated.startswith("STREAMING-"):
        fields.append(("x-amz-decoded-content-length", "5"))
        fields += [("x-amz-trailer", "x-amz-checksum-crc32c")] if stated.endswith("TRAILER") else []
    terms = Terms(
        scheme=scheme,
        key_id=KEY.key_id,
        secret=KEY.secret.decode(),
        region=dice.choice(REGIONS[scheme]),
        service=service,
        now=NOW + dice.randint(-100_000, 100_000),
        token=dice.choice((None, None, SECURITY_TOKEN)),
        expires=dice.randint(1, 604_800) if presigned else None,
        stated=stated,
        states_payload=states,
    )
    target = path(dice) + (f"?{q}" if (q := query(dice)) else "")
    return dice.choice(METHODS), target, fields, dice.randbytes(dice.choice((0, 1, 50))), terms


def expected_duty(terms: Terms) -> type:
    if terms.stated is None:
        return AlreadyChecked
    if terms.stated == ANY:
        return ChunkUnsigned
    return ChunkSigned if terms.stated in STREAMS[terms.scheme] else Unsigned


@pytest.mark.parametrize("presigned", [False, True], ids=["header", "query"])
@pytest.mark.parametrize("scheme", REGIONS)
def test_awscrt_agrees(scheme: str, presigned: bool) -> None:
    dice = Dice(f"{scheme} {presigned}")
    seen: collections.Counter[str] = collections.Counter()
    for _ in range(ROUNDS):
        method, target, fields, body, terms = generate(scheme, presigned=presigned, dice=dice)
        request = sign(method, target, fields, body, terms)
        key = replace(TEMPORARY_KEY if terms.token else KEY, allowed_schemes=frozenset({scheme}))
        found = verdict(request, key=key, now=terms.now)
        assert isinstance(found, Verified), (found, request)
        assert isinstance(found.payload_duty, expected_duty(terms)), (found.payload_duty, terms)
        met, unmet = MET.get(terms.region, (terms.region, "us-west-1"))
        asked = verdict(request, key=key, now=terms.now, demand=Demand(regions=frozenset({met, "nowhere-1"})))
        assert isinstance(asked, Verified)
        if unmet is not None:
            refused = verdict(request, key=key, now=terms.now, demand=Demand(regions=frozenset({unmet})))
            assert isinstance(refused, Rejected)
        seen.update((terms.service, str(terms.stated), terms.region, "token" if terms.token else "no token"))
        seen["high-s"] += scheme == "aws-sigv4a" and _is_high(request)
    print(f"\n{scheme}, {'query' if presigned else 'header'}: {ROUNDS} requests, 0 disagreements; {dict(seen)}")
    assert min(seen[region] for region in REGIONS[scheme]) > ROUNDS // 20
    assert presigned or min(seen[word] for word in (*STREAMS[scheme], ANY, "None")) > ROUNDS // 20
    assert scheme == "aws-sigv4" or ROUNDS // 3 < seen["high-s"] < ROUNDS * 2 // 3


def _is_high(request: HttpRequest) -> bool:
    claim = read_claim(AWS4A, request)
    return claim.signature != claim.sent_signature
