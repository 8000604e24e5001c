"""Fuzz targets for the Signature Version 4 family: sets of regions, ECDSA signatures in DER, families by configuration."""

import json

from counterseal.core import http
from counterseal.core.model import Demand, HttpRequest, Refusal
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4a import AWS4A
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.scope import MAX_REGIONS, is_in_region_set, read_region_set
from counterseal.core.sigv4.claim import read_claim
from counterseal.core.sigv4.custom import from_options
from counterseal.core.sigv4.der import ORDER, low_s
from counterseal.core.sigv4.ecdsa import EcdsaP256
from counterseal.core.sigv4.scheme import FamilyScheme
from tests.fuzz import seeds
from tests.fuzz.checks import check, walk

FAMILIES = {scheme.name: scheme for scheme in BUILT_IN.values() if isinstance(scheme, FamilyScheme)}
REQUEST = HttpRequest(
    method=b"PUT", target=b"/a%20b?c=d", headers=((b"host", b"x"), (b"content-type", b"text/plain")), content=b"body"
)
CREDENTIALS = Credentials(key_id="AKIDEXAMPLE", secret=b"a secret of more than sixteen bytes")
NOW = 1_790_000_000


def region_set(data: bytes) -> None:
    """Any set of regions, and a region behind the last comma to look for in it."""
    text, _, region = data.rpartition(b",")
    try:
        entries = read_region_set(text)
    except Refusal:
        return
    check(1 <= len(entries) <= MAX_REGIONS, "a set is neither empty nor huge")
    check(b",".join(part.strip(b" \t") for part in text.split(b",")).decode() == ",".join(entries), "nothing is lost")
    name = region.decode("latin-1")
    found = is_in_region_set(name, entries)
    check(found or "*" not in entries, "a star is every region")
    check(found or name not in entries, "a region is in a set that names it")
    check(not found or name in entries or "*" in ",".join(entries), "without a star, only what is named")
    check(is_in_region_set(name, (*entries, name)) or "*" in name, "a set with one more entry holds it")


def ecdsa_signature(data: bytes) -> None:
    """Any bytes as DER, and as its text in hex."""
    low = low_s(data)
    if low is not None:
        check(8 <= len(data) <= 72, "a signature is short")
        check(low_s(low) == low, "the low spelling is its own low spelling")
        check(len(low) <= len(data), "and no longer than the one that came")
        size = low[3]
        check(low[: 4 + size] == data[:1] + low[1:2] + data[2 : 4 + size], "r is as it came")
        check(int.from_bytes(low[6 + size :], "big") <= ORDER // 2, "s is the lower one")
    try:
        read = EcdsaP256().read(data)
    except Refusal:
        return
    check(low_s(bytes.fromhex(read.decode())) == bytes.fromhex(read.decode()), "what is read is in the low spelling")


def family_claim(data: bytes) -> None:
    """Any request to every member: what each reads is its own, and nothing verifies that nobody signed."""
    request = seeds.unpack(data)
    walk(request, data)
    for scheme in FAMILIES.values():
        try:
            claim = scheme.read(http.read_request(request), Demand())
        except Refusal:
            continue
        check(claim.scheme == scheme.name and claim.scope is not None, "a claim is its scheme's")
        check(claim.scope is not None and claim.scope.scheme == scheme.name, "and so is its scope")
        check(bool(claim.region_set) == bool(scheme.family.region_set_header), "regions are stated where they must be")
        check(bool(claim.signature), "there was a signature")


def custom_family(data: bytes) -> None:
    """Any options in JSON: refused with a reason, or a scheme that reads what it signs."""
    try:
        name, options = json.loads(data)
        known = isinstance(name, str) and isinstance(options, dict)
    except (ValueError, TypeError, RecursionError):
        return
    if not known:
        return
    try:
        scheme = from_options(name, options)
    except ValueError as refused:
        check(str(refused).startswith(("name: ", "option ")), "the refusal says what it is about")
        return
    check(scheme.family.algorithm not in {other.family.algorithm for other in FAMILIES.values()}, "no algorithm twice")
    signed = scheme.sign(REQUEST, CREDENTIALS, Signing(now=NOW))
    check(read_claim(scheme.family, signed).key_id == CREDENTIALS.key_id, "what it signs, it reads")
    check(not any(other.recognises(http.read_request(signed)) for other in FAMILIES.values()), "and nobody else does")


def region_seeds() -> set[bytes]:
    return {b"eu-west-1,eu-west-1", b"*,x", b"us-*,us-east-1", b"a*b*c,abc", b"a , b,b", b",", b"*" * 64 + b",a"}


def signature_seeds() -> set[bytes]:
    kind = EcdsaP256()
    scope = AWS4A.key_scope
    check(scope is not None, "one key for all scopes")
    texts = {kind.sign("AKID", CREDENTIALS.secret, scope, b"%d" % i) for i in range(4)} if scope else set()
    raw = {bytes.fromhex(text.decode()) for text in texts}
    return texts | raw | {b"\x30\x06\x02\x01\x01\x02\x01\x01", b"0" * 144, b""}


def claim_seeds() -> set[bytes]:
    found = set()
    for scheme in FAMILIES.values():
        found.add(seeds.pack(scheme.sign(REQUEST, CREDENTIALS, Signing(now=NOW))))
        if scheme.family.query is not None:
            found.add(seeds.pack(scheme.sign(REQUEST, CREDENTIALS, Signing(now=NOW, options={"expires": "60"}))))
    return found


def custom_seeds() -> set[bytes]:
    options: list[dict[str, object]] = [
        {"provider1": "osc"},
        {"provider1": "osc", "provider2": "amz", "presigned": True},
        {"provider1": "a1", "path": "as-sent", "states_payload": True, "region": "r", "service": "s", "title": "t"},
        {"provider1": "aws"},
        {"path": "x"},
        {},
    ]
    return {json.dumps(["name", each]).encode() for each in options}


TARGETS = {
    "region_set": (region_set, region_seeds),
    "ecdsa_signature": (ecdsa_signature, signature_seeds),
    "family_claim": (family_claim, claim_seeds),
    "custom_family": (custom_family, custom_seeds),
}
