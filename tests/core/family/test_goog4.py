"""`goog4`: 3,000 generated requests against a signer written from Google's documentation, by stage; and what it refuses."""

import collections
import hashlib
import random
from dataclasses import replace
from urllib.parse import quote

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, BodySha256, Unsigned
from counterseal.core.schemes.base import Signing
from counterseal.core.schemes.goog4 import GOOG, Goog4
from counterseal.core.sigv4.canonical import canonical_request, string_to_sign
from counterseal.core.sigv4.claim import read_claim
from tests.core.family.google_signer import Signed, sign_header, sign_url
from tests.core.subjects import CREDENTIALS, KEY, NOW, PLAIN, SECRET, and_header, edit_header, verdict, without_header

ROUNDS = 1_500
GOOG_KEY = replace(KEY, allowed_schemes=frozenset({"goog4"}))
LETTERS = "abcXYZ019-._~ !\"#$%&'()*+,/:;<=>?@[]{}éß漢🐈\t"


def text(dice: random.Random, most: int = 10) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(dice.randint(0, most)))


def generate(dice: random.Random, *, presigned: bool) -> tuple[Signed, HttpRequest, int]:
    names = ("bucket", "a b", "..", "", "x", text(dice))
    path = "/" + "/".join(quote(dice.choice(names), safe="~") for _ in range(dice.randint(1, 4)))
    parameters = [(dice.choice(("prefix", "a b", "ä", "generation")) + str(i), text(dice)) for i in range(dice.randint(0, 4))]
    headers = {"Host": "storage.googleapis.com"}
    for name in dice.sample(("Content-Type", "x-goog-meta-a", "x-goog-acl", "Range", "X-Goog-Resumable"), dice.randint(0, 4)):
        headers[name] = dice.choice(("a", "  a   b ", "x,y", ""))
    body = dice.randbytes(dice.choice((0, 1, 30)))
    if dice.random() < 0.4:
        headers["x-goog-content-sha256"] = dice.choice((hashlib.sha256(body).hexdigest(), "UNSIGNED-PAYLOAD"))
    method, now = dice.choice(("GET", "PUT", "DELETE", "HEAD", "POST")), NOW + dice.randint(-100_000, 100_000)
    location = dice.choice(("auto", "us-central1", "eu"))
    terms = {"key_id": KEY.key_id, "secret": SECRET.decode(), "location": location, "now": now}
    if presigned:
        made = sign_url(method, path, parameters, headers, expires=dice.randint(1, 604_800), **terms)  # type: ignore[arg-type]
    else:
        made = sign_header(method, path, parameters, headers, body, **terms)  # type: ignore[arg-type]
    fields = tuple((name.lower().encode(), value.encode()) for name, value in made.headers.items())
    return made, HttpRequest(method=method.encode(), target=made.target.encode(), headers=fields, content=body), now


@pytest.mark.parametrize("presigned", [False, True], ids=["header", "query"])
def test_every_stage_agrees(presigned: bool) -> None:
    dice = random.Random(f"goog4 {presigned}")
    counts: collections.Counter[str] = collections.Counter()
    for _ in range(ROUNDS):
        made, request, now = generate(dice, presigned=presigned)
        claim = read_claim(GOOG, request)
        assert canonical_request(claim).decode() == made.canonical_request
        assert string_to_sign(claim, canonical_request(claim)).decode() == made.string_to_sign
        assert claim.signature.decode() == made.signature
        found = verdict(request, key=GOOG_KEY, now=now)
        assert isinstance(found, Verified), (found, request)
        counts[type(found.payload_duty).__name__] += 1
        counts["dot segments"] += b"/.." in request.target
        counts["with a query"] += b"%" in request.target
    print(f"\ngoog4, {'query' if presigned else 'header'}: {ROUNDS} requests, 0 disagreements; {dict(counts)}")
    assert min(counts.values()) > ROUNDS // 20
    assert len(counts) == 4


def signed(request: HttpRequest = PLAIN, **options: str) -> HttpRequest:
    return Goog4().sign(request, CREDENTIALS, Signing(now=NOW, options=options))


def reason(request: HttpRequest) -> Reason | None:
    found = verdict(request, key=GOOG_KEY)
    return found.reason if isinstance(found, Rejected) else None


def test_what_is_signed_here_verifies() -> None:
    for made in (signed(), signed(expires="60"), signed(payload="UNSIGNED-PAYLOAD"), signed(region="eu", service="other")):
        assert reason(made) is None


def test_payload_duties() -> None:
    head = replace(signed(payload=hashlib.sha256(b"a cat").hexdigest()), content=None)
    duties = [verdict(made, key=GOOG_KEY) for made in (signed(), head, signed(expires="60"))]
    kinds = [type(found.payload_duty) for found in duties if isinstance(found, Verified)]
    assert kinds == [AlreadyChecked, BodySha256, Unsigned]
    assert reason(replace(signed(), content=None)) is Reason.BODY_REQUIRED
    assert reason(replace(signed(), content=b"a dog")) is Reason.MISMATCH


@pytest.mark.parametrize("name", [b"x-goog-acl", b"x_goog_acl", b"x-goog_acl", b"x-amz-acl", b"x_amz-acl"])
def test_headers_that_the_storage_reads_are_signed(name: bytes) -> None:
    bare = without_header(PLAIN, b"x-amz-acl")
    assert reason(and_header(signed(bare), name, b"public-read")) is Reason.NOT_COVERED
    assert reason(and_header(signed(bare, expires="60"), name, b"public-read")) is Reason.NOT_COVERED


@pytest.mark.parametrize("word", ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x", "GOOG"])
def test_words_that_google_does_not_have(word: str) -> None:
    with pytest.raises(ValueError, match="x-goog-content-sha256"):
        signed(payload=word)


def test_the_time_has_to_be_signed() -> None:
    unsigned = edit_header(signed(), b"authorization", b";x-goog-date", b"")
    found = verdict(unsigned, key=GOOG_KEY)
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail) == (Reason.NOT_COVERED, "header x-goog-date: gives the time, and is not signed")
    assert reason(without_header(signed(), b"x-goog-date")) is Reason.MALFORMED


def test_the_rsa_algorithm_is_not_read() -> None:
    request = signed(expires="60")
    request = replace(request, target=request.target.replace(b"GOOG4-HMAC-SHA256", b"GOOG4-RSA-SHA256"))
    assert reason(request) is Reason.UNSUPPORTED_SCHEME
    assert reason(edit_header(signed(), b"authorization", b"GOOG4-HMAC", b"GOOG4-RSA")) is Reason.UNSUPPORTED_SCHEME
