"""The key pair that is derived from a secret: by one counter, for one key id, and remembered for all scopes."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import Key, KeyKind, PublicKey, Reason, Rejected, Scope, Verified
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4a import AwsSigV4A
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.sigv4.der import ORDER
from counterseal.core.sigv4.ecdsa import private_scalar
from tests.core.sigv4a.cases import KEY_4A, SCALAR, presigned, signed, signed_again
from tests.core.subjects import KEY, NOW, PLAIN, SECRET, verdict


def kdf(secret: bytes, key_id: str, counter: int, *, prefix: bytes = b"AWS4A", block: int = 1, bits: int = 256) -> int:
    """The derivation once more, with everything that could be wrong as an argument."""
    fixed = b"AWS4-ECDSA-P256-SHA256\x00" + key_id.encode() + bytes([counter]) + bits.to_bytes(4, "big")
    digest = hmac.new(prefix + secret, block.to_bytes(4, "big") + fixed, hashlib.sha256).digest()
    return int.from_bytes(digest, "big") % (ORDER - 1) + 1


def test_the_first_counter() -> None:
    assert kdf(SECRET, KEY.key_id, 1) == SCALAR
    assert isinstance(verdict(signed_again(signed()), key=KEY_4A), Verified)


WRONG = {
    "the second counter": kdf(SECRET, KEY.key_id, 2),
    "counter zero": kdf(SECRET, KEY.key_id, 0),
    "the second block": kdf(SECRET, KEY.key_id, 1, block=2),
    "SigV4's prefix": kdf(SECRET, KEY.key_id, 1, prefix=b"AWS4"),
    "another length": kdf(SECRET, KEY.key_id, 1, bits=32),
    "another key id": kdf(SECRET, "AKIDEXAMPLF", 1),
    "no key id": kdf(SECRET, "", 1),
    "without the one added": SCALAR - 1,
    "the secret itself": int.from_bytes(SECRET[:32], "big"),
    "one": 1,
    "minus the right one": ORDER - SCALAR,
}


@pytest.mark.parametrize("scalar", WRONG.values(), ids=WRONG.keys())
def test_any_other_derivation(scalar: int) -> None:
    for made in (signed(), presigned()):
        found = verdict(signed_again(made, scalar), key=KEY_4A)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.MISMATCH


def test_a_candidate_out_of_range_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never happens by chance: one HMAC in 2^32 begins with four bytes of ones."""
    answers = [(ORDER - 1).to_bytes(32, "big"), b"\xff" * 32, (ORDER - 2).to_bytes(32, "big")]
    seen: list[bytes] = []

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        assert (key, name) == (b"AWS4A" + SECRET, "sha256")
        seen.append(message)
        return answers[len(seen) - 1]

    monkeypatch.setattr("counterseal.core.sigv4.ecdsa.hmac.digest", digest)
    assert private_scalar(KEY.key_id, SECRET) == ORDER - 1
    assert [message[-5] for message in seen] == [1, 2, 3]
    monkeypatch.setattr("counterseal.core.sigv4.ecdsa.hmac.digest", lambda *_: b"\xff" * 32)
    with pytest.raises(ValueError, match="no private key"):
        private_scalar(KEY.key_id, SECRET)


def test_one_key_for_all_scopes_and_nothing_in_it_that_signs() -> None:
    asked: list[Scope] = []

    def derive(key: Key, scope: Scope) -> bytes:
        asked.append(scope)
        return BUILT_IN[scope.scheme].derive(key, scope)

    for made in (signed(), presigned(), signed(service="sqs")):
        assert isinstance(verdict(made, key=KEY_4A, derive=derive), Verified)
    assert len(set(asked)) == 1
    assert asked[0].scheme == "aws-sigv4a"
    assert asked[0].parts() == ("aws4_request",)
    derived = AwsSigV4A().derive(KEY_4A, asked[0])
    assert derived == asymmetric.p256_public(SCALAR).spki
    assert derived == AwsSigV4A().derive(KEY_4A, Scope(date="20260921", region="", service="s3", scheme="aws-sigv4a"))
    assert SCALAR.to_bytes(32, "big") not in derived


@pytest.mark.parametrize("handed", [b"", b"\x00" * 32, b"\x00" * 91, asymmetric.p256_public(7).spki, b"\x30" * 4096])
def test_whatever_a_cache_hands_out(handed: bytes) -> None:
    found = verdict(signed(), key=KEY_4A, derive=lambda key, scope: handed)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH


def test_key_kinds_do_not_cross() -> None:
    """A registered public key is none that is derived from a secret, even when it is the right one."""
    public = replace(KEY_4A, secret=b"", public_key=asymmetric.p256_public(SCALAR))
    assert AwsSigV4A().key_kinds == {KeyKind.SYMMETRIC}
    found = verdict(signed(), key=public)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME
    as_secret = replace(KEY_4A, secret=asymmetric.p256_public(SCALAR).spki)
    found = verdict(signed(), key=as_secret)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MISMATCH
    assert isinstance(public.public_key, PublicKey)


def test_an_unknown_key_costs_the_same_computation() -> None:
    asked: list[str] = []

    def derive(key: Key, scope: Scope) -> bytes:
        asked.append(key.key_id)
        return BUILT_IN[scope.scheme].derive(key, scope)

    found = verdict(signed(), key=None, derive=derive)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNKNOWN_KEY
    # Twice, as for a known key whose signature does not match: with the secret before as well.
    assert asked == ["unknown", "unknown"]


def test_a_signer_needs_a_secret() -> None:
    credentials = Credentials(key_id=KEY.key_id, private_key=b"x")
    with pytest.raises(ValueError, match="secret"):
        AwsSigV4A().sign(PLAIN, credentials, Signing(now=NOW))
