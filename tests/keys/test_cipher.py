"""Sealed secrets open where they were sealed, as they were sealed, and nowhere else."""

import itertools
from typing import Any

import pytest

from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys

SECRET = b"cssk_the-secret-in-question"
OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
PLACE: dict[str, Any] = {"tenant": "default", "key_id": "AKIDEXAMPLE", "version": 1}


def cipher(active: str = "old", **keys: bytes) -> SecretCipher:
    return SecretCipher(MasterKeys(active=active, keys=keys or {"old": OLD}))


def broken(by: SecretCipher, sealed: bytes, **changes: Any) -> str:
    with pytest.raises(SealBroken) as caught:
        by.unseal(sealed, **(PLACE | changes))
    text = str(caught.value)
    assert "secret-in-question" not in text
    assert len(sealed) < 8 or sealed[2:].hex() not in text
    return text


@pytest.mark.parametrize("secret", [SECRET, b"", bytes(range(256))])
def test_what_was_sealed_opens(secret: bytes) -> None:
    sealed = cipher().seal(secret, **PLACE)
    assert cipher().unseal(sealed, **PLACE) == secret
    assert secret == b"" or secret not in sealed


def test_two_seals_of_one_secret_differ() -> None:
    assert cipher().seal(SECRET, **PLACE) != cipher().seal(SECRET, **PLACE)


def test_every_bit_counts() -> None:
    sealed = cipher().seal(SECRET, **PLACE)
    for position, bit in itertools.product(range(len(sealed)), range(8)):
        changed = bytearray(sealed)
        changed[position] ^= 1 << bit
        broken(cipher(), bytes(changed))


def test_every_cut_and_every_addition_is_noticed() -> None:
    sealed = cipher().seal(SECRET, **PLACE)
    for length in range(len(sealed)):
        broken(cipher(), sealed[:length])
        broken(cipher(), sealed[length + 1 :])
    broken(cipher(), sealed + b"\x00")


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"key_id": "AKIDEXAMPLF"},
        {"tenant": "other"},
        {"version": 2},
        {"version": 11},
        {"tenant": "defaultA", "key_id": "KIDEXAMPLE"},
        {"tenant": "defaul", "key_id": "tAKIDEXAMPLE"},
        {"key_id": "AKIDEXAMPLE1", "version": 1},
        {"tenant": "", "key_id": "defaultAKIDEXAMPLE"},
    ],
)
def test_a_sealed_secret_moved_to_another_row_does_not_open(elsewhere: dict[str, Any]) -> None:
    broken(cipher(), cipher().seal(SECRET, **PLACE), **elsewhere)


def test_a_rotated_ring_opens_the_old_and_seals_with_the_new() -> None:
    sealed = cipher().seal(SECRET, **PLACE)
    rotated = cipher("new", new=NEW, old=OLD)
    assert rotated.unseal(sealed, **PLACE) == SECRET
    assert not rotated.is_current(sealed)
    again = rotated.seal(SECRET, **PLACE)
    assert rotated.is_current(again)
    assert cipher("new", new=NEW).unseal(again, **PLACE) == SECRET
    assert "new, which is missing" in broken(cipher(), again)


def test_a_missing_master_key_is_named() -> None:
    assert "old, which is missing" in broken(cipher("new", new=NEW), cipher().seal(SECRET, **PLACE))


def test_another_master_key_under_the_same_id_does_not_open() -> None:
    broken(cipher("old", old=OTHER), cipher().seal(SECRET, **PLACE))


def test_the_id_of_another_master_key_does_not_open() -> None:
    """Both are in the ring, and even the same key under two ids is not mixed up: the envelope's head is authenticated."""
    sealed = cipher("one", one=OLD).seal(SECRET, **PLACE)
    both = cipher("one", one=OLD, two=OLD)
    assert both.unseal(sealed, **PLACE) == SECRET
    broken(both, sealed.replace(b"one", b"two", 1))


def test_what_stands_in_a_damaged_envelope_is_not_quoted() -> None:
    assert "\n" not in broken(cipher(), b"\x01\x04a\nb " + bytes(40))
    for sealed in (b"", b"\x01", b"\x02", b"\x00" * 60, b"\x01\xff" + b"a" * 60, b"\x01\x00" + bytes(60)):
        broken(cipher(), sealed)
        with pytest.raises(SealBroken):
            cipher().is_current(sealed[:2])
