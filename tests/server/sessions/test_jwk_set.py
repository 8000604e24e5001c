"""A JWK Set: which keys in it vouch for ID tokens, and what is none."""

import json
from typing import Any

import pytest

from counterseal.server.sessions.jwk_set import MAX_KEYS, KeySet, NoKeySet, read_key_set
from tests.server.sessions.oidc_provider import jwk_of, private

OLD, NEW = private("p256", 1), private("p256", 2)


def _set(*keys: dict[str, Any]) -> KeySet:
    return read_key_set(json.dumps({"keys": keys}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": [], "keys": []}',
        b'{"key": []}',
        b"[" * 200_000,
        b'{"keys":' + b"[" * 200_000,
        b"\xff\xfe",
        b'{"keys": NaN}',
        json.dumps({"keys": [jwk_of(OLD)] * (MAX_KEYS + 1)}).encode(),
    ],
)
def test_what_is_no_set(text: bytes) -> None:
    with pytest.raises(NoKeySet):
        read_key_set(text)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("text", "malformed"),
        ({}, "malformed"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "symmetric"),
        (jwk_of(OLD) | {"k": "c2VjcmV0"}, "private"),
        (jwk_of(OLD) | {"d": "AAAA"}, "private"),
        (jwk_of(OLD) | {"use": "enc"}, "not_for_signatures"),
        (jwk_of(OLD) | {"key_ops": ["encrypt"]}, "not_for_signatures"),
        (jwk_of(OLD) | {"key_ops": "verify"}, "not_for_signatures"),
        (jwk_of(OLD) | {"kid": 7}, "malformed"),
        (jwk_of(OLD) | {"kid": "k" * 256}, "malformed"),
        (jwk_of(OLD) | {"crv": "P-521"}, "malformed"),
        (jwk_of(OLD) | {"crv": "P-384"}, "malformed"),
        (jwk_of(OLD) | {"crv": "secp256k1"}, "malformed"),
        (jwk_of(OLD) | {"y": jwk_of(NEW)["y"]}, "malformed"),
        (jwk_of(OLD) | {"alg": "ES384"}, "other_algorithm"),
        (jwk_of(OLD) | {"alg": "HS256"}, "other_algorithm"),
        (jwk_of(OLD) | {"alg": None}, "other_algorithm"),
        (jwk_of(private("rsa1024")), "weak"),
        (jwk_of(private("rsa")) | {"e": "AQ"}, "malformed"),
        (jwk_of(private("rsa")) | {"e": "Aw"}, "weak"),
        (jwk_of(private("rsa")) | {"n": "AQAB"}, "malformed"),
        (jwk_of(private("rsa")) | {"alg": "RSA-OAEP"}, "other_algorithm"),
        (jwk_of(private("ed25519")) | {"crv": "X25519"}, "malformed"),
        (jwk_of(private("ed25519")) | {"x": "A" * 43}, "weak"),
    ],
)
def test_keys_that_vouch_for_nothing(key: Any, reason: str) -> None:
    found = _set(key, jwk_of(NEW, kid="new"))
    assert [kept.kid for kept in found.keys] == ["new"]
    assert found.left_out == {reason: 1}


def test_what_keys_are_for() -> None:
    rsa_ones = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    for name, algorithms in (("rsa", rsa_ones), ("p256", {"ES256"}), ("p384", {"ES384"}), ("ed25519", {"EdDSA"})):
        (found,) = _set(jwk_of(private(name), use="sig", x5c=["AAAA"], key_ops=["verify"])).keys
        assert found.algorithms == algorithms
        assert found.key == private(name).public_key()
    for alg in rsa_ones:
        (found,) = _set(jwk_of(private("rsa"), alg=alg)).keys
        assert found.algorithms == {alg}
