"""Signing and verifying agree, in both directions and with the library used plainly."""

import hashlib

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from counterseal.core import asymmetric
from counterseal.core.asymmetric import private
from tests.core.asymmetric import keys

ALGORITHMS = sorted(asymmetric.ALGORITHMS)
MESSAGES = [hashlib.sha256(b"%d" % n).digest() * (n % 4) for n in range(24)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ["raw", "der"])
def test_what_is_signed_verifies_in_its_own_form(algorithm: str, form: str) -> None:
    key, pem = keys.public_key(algorithm), keys.private_key(algorithm)
    for message in MESSAGES:
        signature = asymmetric.sign(pem, algorithm, message, form=form)
        assert asymmetric.verify(key, signature, message, form=form)
        assert not asymmetric.verify(key, signature, message + b"x", form=form)
        other = "der" if form == "raw" else "raw"
        assert asymmetric.verify(key, signature, message, form=other) is not algorithm.startswith("ecdsa")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_all_but_pss_is_deterministic(algorithm: str) -> None:
    first, second = (asymmetric.sign(keys.private_key(algorithm), algorithm, b"m") for _ in range(2))
    assert (first == second) is (algorithm != "rsa-pss-sha512")


def test_no_signature_of_one_algorithm_verifies_under_another() -> None:
    signatures = {a: asymmetric.sign(keys.private_key(a), a, b"m") for a in ALGORITHMS}
    for algorithm in ALGORITHMS:
        for other, signature in signatures.items():
            assert asymmetric.verify(keys.public_key(algorithm), signature, b"m") is (algorithm == other)


def test_der_is_read_strictly() -> None:
    # A shorter or padded length, a long form of it, trailing bytes: a second spelling of the same two numbers.
    key = keys.public_key("ecdsa-p256-sha256")
    der = asymmetric.sign(keys.private_key("ecdsa-p256-sha256"), "ecdsa-p256-sha256", b"m", form="der")
    long_form = b"\x30\x81" + der[1:]
    padded = b"\x30" + bytes([der[1] + 1]) + b"\x02" + bytes([der[3] + 1]) + b"\x00" + der[4:]
    for changed in (long_form, padded, der + b"\x00", der[:-1], b"", b"\x30\x06\x02\x01\x00\x02\x01\x00"):
        assert not asymmetric.verify(key, changed, b"m", form="der")
    for r, s in ((0, 0), (0, 1), (1, 0), (private.P256_ORDER, private.P256_ORDER)):
        assert not asymmetric.verify(key, r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"m")
        assert not asymmetric.verify(key, encode_dss_signature(r, s), b"m", form="der")


def test_forms_and_algorithms_must_exist() -> None:
    pem = keys.private_key("ed25519")
    with pytest.raises(ValueError, match="form: must be raw or der"):
        asymmetric.sign(pem, "ed25519", b"m", form="p1363")
    with pytest.raises(ValueError, match="form: must be raw or der"):
        asymmetric.verify(keys.public_key("ed25519"), b"", b"m", form="")
    for algorithm in ("", "hmac-sha256"):
        with pytest.raises(ValueError, match="algorithm: must be one of"):
            asymmetric.sign(pem, algorithm, b"m")
    with pytest.raises(ValueError, match="not made for rsa-pss-sha512"):
        asymmetric.sign(pem, "rsa-pss-sha512", b"m")
    with pytest.raises(ValueError, match="algorithm: must be one of"):
        asymmetric.decoy("hmac-sha256")


def test_private_keys_in_other_forms() -> None:
    for algorithm in ALGORITHMS:
        pem = keys.private_key(algorithm)
        der = keys.pkcs8(serialization.load_pem_private_key(pem, None), serialization.Encoding.DER)
        assert asymmetric.public_of(der, algorithm) == keys.public_key(algorithm)
    assert asymmetric.public_of(keys.private_key("ed25519")) == keys.public_key("ed25519")


def test_private_keys_that_cannot_be_used() -> None:
    secret = b"a passphrase of some length"
    locked = keys.rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(secret)
    )
    for given in (b"", b"hello", locked, keys.spki_pem(keys.public_key("ed25519"))):
        with pytest.raises(ValueError, match="private key: must be an unencrypted PEM or DER") as caught:
            asymmetric.public_of(given)
        assert caught.value.__cause__ is None
    with pytest.raises(ValueError, match="private key: must be Ed25519"):
        asymmetric.public_of(keys.pkcs8(dsa.generate_private_key(1024)))
    with pytest.raises(ValueError, match="2048 to 8192 bits"):
        asymmetric.sign(keys.pkcs8(keys.rsa_key(1024)), "rsa-v1_5-sha256", b"m")


def test_scalars_of_p256() -> None:
    for scalar in (1, 2, 7**80, private.P256_ORDER - 1):
        key = asymmetric.p256_public(scalar)
        signature = asymmetric.p256_sign(scalar, b"m")
        assert key.algorithm == "ecdsa-p256-sha256"
        assert asymmetric.verify(key, signature, b"m", form="der")
        assert not asymmetric.verify(key, signature, b"n", form="der")
    for scalar in (-1, 0, private.P256_ORDER, 2**256):
        with pytest.raises(ValueError, match="private scalar"):
            asymmetric.p256_public(scalar)
        with pytest.raises(ValueError, match="private scalar"):
            asymmetric.p256_sign(scalar, b"m")


def test_without_deterministic_ecdsa_signing_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ec.ECDSA

    def older(digest: hashes.HashAlgorithm, deterministic_signing: bool = False) -> ec.ECDSA:
        if deterministic_signing:
            raise UnsupportedAlgorithm("OpenSSL before 3.2")
        return plain(digest)

    monkeypatch.setattr(ec, "ECDSA", older)
    signature = asymmetric.p256_sign(7, b"m")
    assert asymmetric.verify(asymmetric.p256_public(7), signature, b"m", form="der")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_decoys_can_be_computed_with_and_match_nothing(algorithm: str) -> None:
    key = asymmetric.decoy(algorithm)
    assert key.algorithm == algorithm
    assert not asymmetric.verify(key, b"\x01" * 64, b"m")
    assert not asymmetric.verify(key, asymmetric.sign(keys.private_key(algorithm), algorithm, b"m"), b"m")
