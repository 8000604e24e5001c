"""http-message-signatures 3.0.0 as the oracle: each verifies what the other signs, and both see a change, or neither."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from counterseal.core.model import Demand, HttpRequest, Reason, Verified
from counterseal.core.schemes.rfc9421 import read_claim
from tests.core.rfc9421.generating import Generated, changed, generate, names_of
from tests.core.rfc9421.making import ALGORITHMS, HMAC, KEY_ID, NOW, pair, private_pem, signed, verdict

COUNT = 1500
THEIRS = {
    HMAC: algorithms.HMAC_SHA256,
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
}


class Headers:
    """Header lines in order, with repeats, as that library wants them."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self.lines = lines

    def items(self) -> list[tuple[str, str]]:
        return list(self.lines)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.lines))

    def __contains__(self, name: str) -> bool:
        return any(found.lower() == name.lower() for found, _ in self.lines)

    def __setitem__(self, name: str, value: str) -> None:
        self.lines = [*((n, v) for n, v in self.lines if n.lower() != name.lower()), (name.lower(), value)]

    def __delitem__(self, name: str) -> None:
        self.lines = [(n, v) for n, v in self.lines if n.lower() != name.lower()]


@dataclass
class Message:
    method: str
    url: str
    headers: Headers
    request_target: str


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm

    def resolve_public_key(self, key_id: str) -> Any:
        return pair(HMAC).credentials.secret if self.algorithm == HMAC else loaded(self.algorithm).public_key()

    def resolve_private_key(self, key_id: str) -> Any:
        return pair(HMAC).credentials.secret if self.algorithm == HMAC else loaded(self.algorithm)


@cache
def loaded(algorithm: str) -> Any:
    return load_pem_private_key(private_pem(algorithm), None)


class Verifier(HTTPMessageVerifier):
    """Without its clock: times are compared elsewhere."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        return


def message(request: HttpRequest) -> Message:
    host = next(value for name, value in request.headers if name == b"host").decode()
    lines = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
    target = request.target.decode()
    return Message(
        method=request.method.decode(), url=f"{request.scheme}://{host}{target}", headers=Headers(lines), request_target=target
    )


def they_verify(request: HttpRequest, algorithm: str) -> bool:
    verifier = Verifier(signature_algorithm=THEIRS[algorithm], key_resolver=Keys(algorithm))
    try:
        results = verifier.verify(message(request), max_age=None)
    except HTTPMessageSignaturesException:
        return False
    return len(results) == 1


def they_sign(made: Generated) -> HttpRequest:
    signer = HTTPMessageSigner(signature_algorithm=THEIRS[made.algorithm], key_resolver=Keys(made.algorithm))
    content = made.request.content if '"content-digest"' in made.components else None
    subject = message(made.request)
    signer.sign(
        subject,
        key_id=KEY_ID,
        created=dt.datetime.fromtimestamp(NOW, dt.UTC),
        label="theirs",
        tag=made.options.get("tag"),
        nonce=made.options.get("nonce"),
        include_alg="alg" in made.options,
        covered_component_ids=made.components,
        body=content,
    )
    headers = tuple((name.encode(), value.encode("latin-1")) for name, value in subject.headers.items())
    return replace(made.request, headers=headers)


def we_verify(request: HttpRequest, made: Generated) -> bool:
    found = verdict(request, pair(made.algorithm).key, Demand(required_components=made.components))
    assert isinstance(found, Verified) or found.reason in {Reason.MISMATCH, Reason.MALFORMED}
    return isinstance(found, Verified)


def we_sign(made: Generated) -> HttpRequest:
    options = made.options | {"components": " ".join(made.components)}
    return signed(made.algorithm, made.request, NOW, **options)


def test_what_one_signs_the_other_verifies() -> None:
    seen: Counter[str] = Counter()
    for seed in range(COUNT):
        made = generate(seed)
        ours, theirs = we_sign(made), they_sign(made)
        assert they_verify(ours, made.algorithm), made
        assert we_verify(theirs, made), made
        seen.update([made.algorithm, *names_of(made)])
    print(f"{COUNT} requests signed by each and verified by the other, 0 disagreements; covered: {dict(seen)}")
    assert set(ALGORITHMS) <= set(seen)
    assert all(count > COUNT // 150 for count in seen.values()), seen
    assert {"@query-param", "@target-uri", ";bs", ";sf", ";key"} <= set(seen)


def test_a_change_is_seen_by_both_or_by_neither() -> None:
    seen: Counter[str] = Counter()
    for seed in range(COUNT, 2 * COUNT):
        made = generate(seed, (HMAC, "ed25519"))
        other = changed(made, we_sign(made), seed)
        both = (we_verify(other, made), they_verify(other, made.algorithm))
        assert both[0] == both[1], (made, other, both)
        seen["verified" if both[0] else "refused"] += 1
    print(f"{COUNT} requests with one change, 0 disagreements: {dict(seen)}")
    assert min(seen["verified"], seen["refused"]) > COUNT // 10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_of_the_other_algorithms_are_refused_by_both(algorithm: str) -> None:
    for seed in range(10):
        made = replace(generate(seed), algorithm=algorithm)
        request = we_sign(made)
        assert read_claim(request).signature
        for other in ALGORITHMS:
            if other != algorithm:
                assert not they_verify(request, other)
                assert not we_verify(request, replace(made, algorithm=other))
