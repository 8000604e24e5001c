"""Fuzz targets for draft-cavage and its dialects, for digests of bodies, and for public keys as people hand them over."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from counterseal.core import asymmetric, digest
from counterseal.core.asymmetric.kinds import load
from counterseal.core.model import HttpRequest, Key, KeyState, Refusal, Rejected
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, parameters
from counterseal.core.scope import is_key_id
from counterseal.core.verify import conclude, examine
from tests.fuzz.checks import ANY_TIME, NO_DEMAND, check, walk

VECTORS = Path(__file__).parent.parent / "vectors"
SCHEMES = (CAVAGE, CAVAGE_KONG, CAVAGE_APISIX)
ENABLED = {scheme.name: scheme for scheme in SCHEMES}
NOW = 1_500_000_000
BODY = b"a body"
HEADERS = (
    (b"host", b"example.com"),
    (b"date", b"Fri, 14 Jul 2017 02:40:00 GMT"),
    (b"digest", digest.write_digest(BODY)),
    (b"x-empty", b""),
)
PUBLIC_KEYS = tuple(asymmetric.decoy(algorithm) for algorithm in sorted(asymmetric.ALGORITHMS))


def cavage_parameters(data: bytes) -> None:
    """Read parameters, the first byte says of which dialect."""
    dialect = SCHEMES[data[0] % len(SCHEMES) if data else 0].dialect
    try:
        found = parameters.read(data[1:], dialect)
    except Refusal:
        return
    check(dialect.key_parameter in found and all(found.values()), "what is read is there, and not empty")
    numbers = {b"created", b"expires"}
    printed = b",".join(b"%s=%s" % (n, v) if n in numbers else b'%s="%s"' % (n, v) for n, v in found.items())
    check(parameters.read(printed, dialect) == found, "parameters print back to what reads the same")
    try:
        listed = parameters.read_list(found, dialect)
        signature = parameters.read_signature(found)
        parameters.read_created(found)
        parameters.read_expires(found)
    except Refusal:
        return
    check(len(set(listed)) == len(listed) and all(name == name.lower() for name in listed), "a list repeats nothing")
    check(base64.b64encode(signature) == found[b"signature"], "a signature has one spelling")


def cavage_request(data: bytes) -> None:
    """Put the bytes into each field that may hold a signature: nothing verifies, whatever the kind of key."""
    for name in (b"authorization", b"signature", b"proxy-authorization"):
        request = HttpRequest(method=b"POST", target=b"/a?b=c", headers=(*HEADERS, (name, data)), content=BODY)
        walk(request, data)
        found = examine(request, NO_DEMAND, schemes=ENABLED, window=ANY_TIME, now=NOW)
        if isinstance(found, Rejected):
            continue
        check(is_key_id(found.key_id), "a key id is one")
        # The kind of key is the store's word: all of them are tried, so that no name of an algorithm breaks the walk.
        for public in PUBLIC_KEYS:
            allowed = frozenset(ENABLED)
            key = Key(
                key_id=found.key_id, tenant="", secret=b"", allowed_schemes=allowed, state=KeyState.ACTIVE, public_key=public
            )
            verdict = conclude(found, request, key, NO_DEMAND, schemes=ENABLED, window=ANY_TIME, now=NOW)
            check(isinstance(verdict, Rejected), "nothing verifies under a key that it was not signed with")


def digests(data: bytes) -> None:
    """Read lines of both fields."""
    readers: tuple[Callable[[list[bytes]], dict[str, bytes]], ...] = (digest.read_content_digest, digest.read_digest)
    for read in readers:
        try:
            found = read(data.split(b"\n"))
        except Refusal as refusal:
            check(len(refusal.detail) < 200, "a detail quotes nothing")
            continue
        sizes = {"sha-256": 32, "sha-512": 64}
        check(bool(found) and all(len(value) == sizes[name] for name, value in found.items()), "digests have their length")
        check(not digest.check(found, data), "nobody knows a text that holds its own hash")


def public_keys(data: bytes) -> None:
    """Read a public key, the first byte says for which algorithm."""
    names = ["", *sorted(asymmetric.ALGORITHMS)]
    algorithm = names[data[0] % len(names)] if data else ""
    try:
        key = asymmetric.read_public_key(data[1:], algorithm=algorithm)
    except ValueError as error:
        check(len(str(error)) < 250 and error.__cause__ is None, "an error quotes nothing")
        return
    check(key.algorithm in asymmetric.ALGORITHMS and algorithm in {"", key.algorithm}, "the algorithm is the one named")
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(key.spki) + b"-----END PUBLIC KEY-----\n"
    check(asymmetric.read_public_key(pem, algorithm=key.algorithm) == key, "a key prints back to what reads the same")
    load(key)
    for form in ("raw", "der"):
        check(not asymmetric.verify(key, data, b"nobody signed this", form=form), "nothing verifies that nobody signed")


def _signed() -> list[HttpRequest]:
    request = HttpRequest(method=b"POST", target=b"/a?b=c", headers=HEADERS, content=BODY)
    credentials = Credentials(key_id="client-1", secret=hashlib.sha256(b"seeds").digest())
    found = [scheme.sign(request, credentials, Signing(now=NOW)) for scheme in SCHEMES]
    options = {"algorithm": "hmac-sha256", "headers": "(request-target) date host digest", "field": "signature"}
    found.append(CAVAGE.sign(request, credentials, Signing(now=NOW, options=options)))
    found.append(CAVAGE.sign(request, credentials, Signing(now=NOW, options={"expires": "60"})))
    return found


def _values() -> set[bytes]:
    cases = json.loads((VECTORS / "cavage-12.json").read_text())["cases"]
    lines = [(name.lower(), value.encode()) for case in cases for name, value in case["request"]["headers"]]
    lines += [(name.decode(), value) for request in _signed() for name, value in request.headers]
    return {value for name, value in lines if name in {"authorization", "signature"}}


def _parameters() -> set[bytes]:
    plain = {value.removeprefix(b"Signature ").removeprefix(b"hmac ") for value in _values()}
    return {bytes((number,)) + text for text in plain for number in range(3)}


def _digests() -> set[bytes]:
    cases = json.loads((VECTORS / "rfc9530.json").read_text())["cases"]
    written = {write(BODY, name) for write in (digest.write_content_digest, digest.write_digest) for name in digest.ALGORITHMS}
    return {case["value"].encode() for case in cases} | written


def _public_keys() -> set[bytes]:
    found = set()
    for number, key in enumerate(PUBLIC_KEYS, 1):
        pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(key.spki) + b"-----END PUBLIC KEY-----\n"
        found |= {bytes((number,)) + pem, bytes((number,)) + key.spki[-65:], bytes((number,)) + key.spki[-32:]}
        x, y = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (key.spki[-64:-32], key.spki[-32:]))
        for members in (
            {"kty": "EC", "crv": "P-256", "x": x, "y": y},
            {"kty": "OKP", "crv": "Ed25519", "x": y, "alg": "EdDSA"},
        ):
            found.add(bytes((number,)) + json.dumps(members).encode())
    rsa = {"kty": "RSA", "n": base64.urlsafe_b64encode(b"\xc5" * 256).rstrip(b"=").decode(), "e": "AQAB", "alg": "PS512"}
    return found | {b"\x00" + json.dumps(rsa).encode(), b"\x04" + json.dumps(rsa).encode()}


TARGETS = {
    "cavage_parameters": (cavage_parameters, _parameters),
    "cavage_request": (cavage_request, _values),
    "digests": (digests, _digests),
    "public_keys": (public_keys, _public_keys),
}
