"""Signatures in DER: one encoding of each number, nothing after it, and of the two right ones the lower."""

import json
import random
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from counterseal.core import asymmetric
from counterseal.core.model import Reason, Refusal, Rejected, Verified
from counterseal.core.sigv4.der import ORDER, low_s
from counterseal.core.sigv4.ecdsa import EcdsaP256
from tests.core.sigv4a.cases import KEY_4A, presigned, signature_of, signed, with_signature
from tests.core.subjects import verdict
from tests.core.vectors import FOLDER

GOOD = [signed(), presigned()]
MALFORMED, MISMATCH = Reason.MALFORMED, Reason.MISMATCH


def integer(number: int) -> bytes:
    raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes((len(raw),)) + raw


def sequence(body: bytes) -> bytes:
    return b"\x30" + bytes((len(body),)) + body


def odd_encodings(r: int, s: int) -> dict[str, bytes]:
    plain = sequence(integer(r) + integer(s))
    body = plain[2:]
    long_r = b"\x02" + bytes((34,)) + r.to_bytes(34, "big")
    return {
        "bytes after the end": plain + b"\x00",
        "bytes inside the sequence": sequence(body + b"\x05\x00"),
        "a long length": b"\x30\x81" + bytes((len(body),)) + body,
        "an indefinite length": b"\x30\x80" + body + b"\x00\x00",
        "another tag": b"\x31" + plain[1:],
        "an octet string for a number": sequence(b"\x04" + body[1:]),
        "a padded number": sequence(long_r + integer(s)),
        "a long length of a number": sequence(b"\x02\x81" + body[1:]),
        "three numbers": sequence(integer(r) + integer(s) + integer(1)),
        "one number": sequence(integer(r)),
        "no numbers": sequence(b""),
        "a cut end": plain[:-1],
        "r of zero": sequence(integer(0) + integer(s)),
        "s of zero": sequence(integer(r) + integer(0)),
        "r and s of zero (CVE-2022-21449)": sequence(integer(0) + integer(0)),
        "r of the order": sequence(integer(ORDER) + integer(s)),
        "s of the order": sequence(integer(r) + integer(ORDER)),
        "r with the order added": sequence(integer(r + ORDER) + integer(s)),
        "s with the order added": sequence(integer(r) + integer(s + ORDER)),
        "a negative number": sequence(b"\x02\x20" + b"\xff" * 32 + integer(s)),
        "an empty number": sequence(b"\x02\x00" + integer(s)),
        "huge numbers": sequence(integer(1 << 500) + integer(s)),
        "fixed width, as in RFC 9421": r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    }


def test_every_other_encoding_is_malformed() -> None:
    for good in GOOD:
        r, s = decode_dss_signature(bytes.fromhex(signature_of(good).decode()))
        for name, der in odd_encodings(r, s).items():
            found = verdict(with_signature(good, der.hex().encode()), key=KEY_4A)
            assert isinstance(found, Rejected), name
            assert found.reason is MALFORMED, (name, found)


def test_spellings_of_the_hex() -> None:
    for request in GOOD:
        text = signature_of(request)
        for other in (text.upper(), text[:-1], text + b"0", b"0x" + text, text + b"*" * (144 - len(text)), text[::-1], b"*"):
            found = verdict(with_signature(request, other), key=KEY_4A)
            assert isinstance(found, Rejected), other
            assert found.reason is MALFORMED


def test_both_right_signatures_verify_and_read_as_one() -> None:
    """Malleability: whoever sees a request makes the other one. A replay memory must take both for the same."""
    for request in GOOD:
        r, s = decode_dss_signature(bytes.fromhex(signature_of(request).decode()))
        assert s <= ORDER // 2, "a signer gives out the lower one"
        twin = with_signature(request, encode_dss_signature(r, ORDER - s).hex().encode())
        assert signature_of(twin) != signature_of(request)
        assert isinstance(verdict(twin, key=KEY_4A), Verified)
        assert EcdsaP256().read(signature_of(twin)) == EcdsaP256().read(signature_of(request))


def test_other_numbers_do_not_match() -> None:
    for request in GOOD:
        r, s = decode_dss_signature(bytes.fromhex(signature_of(request).decode()))
        for numbers in ((s, r), (r, s ^ 1), (r ^ 1, s), (ORDER - r, s), (1, 1), (r, 1), (ORDER - 1, ORDER - 1)):
            found = verdict(with_signature(request, encode_dss_signature(*numbers).hex().encode()), key=KEY_4A)
            assert isinstance(found, Rejected)
            assert found.reason is MISMATCH


def test_every_bit_of_a_signature() -> None:
    der = bytes.fromhex(signature_of(GOOD[0]).decode())
    for place in range(len(der) * 8):
        changed = bytearray(der)
        changed[place // 8] ^= 1 << place % 8
        found = verdict(with_signature(GOOD[0], bytes(changed).hex().encode()), key=KEY_4A)
        assert isinstance(found, Rejected), place


def test_random_numbers_come_back() -> None:
    dice = random.Random(11)
    for _ in range(2_000):
        r, s = dice.randrange(1, ORDER), dice.randrange(1, ORDER >> dice.choice((0, 0, 8, 200)))
        der = encode_dss_signature(r, s)
        assert low_s(der) == encode_dss_signature(r, min(s, ORDER - s))
        assert low_s(dice.randbytes(len(der))) is None
        for cut in (0, 1, 4, 7, len(der) - 1):
            assert low_s(der[:cut]) is None


def test_public_vectors() -> None:
    """Wycheproof's ECDSA signatures on P-256 that are valid: each is read, and still verifies in the low-s spelling."""
    found = json.loads((FOLDER / "wycheproof-subset.json").read_text())["cases"]
    mine = [case for case in found if "/ecdsa_secp256r1_sha256_test/" in case["id"]]
    for case in mine:
        key = asymmetric.read_public_key(case["public_key_pem"].encode())
        low = low_s(b64decode(case["signature_base64"]))
        assert low is not None, case["id"]
        assert asymmetric.verify(key, low, b64decode(case["message_base64"]), form="der")
    assert len(mine) == 174


def test_what_is_no_public_key_verifies_nothing() -> None:
    kind, good = EcdsaP256(), signature_of(GOOD[0])
    for derived in (b"", b"\x00" * 32, b"\x00" * 91, b"\x30" * 91):
        assert not kind.matches(derived, b"text", good)


def test_details_do_not_quote() -> None:
    with pytest.raises(Refusal) as refused:
        EcdsaP256().read(b"30" * 70)
    assert "3030" not in refused.value.detail
