"""Small formats: signatures, times and secrets, each in one spelling."""

import base64

import pytest

from counterseal.core.schemes.webhooks.layout import (
    SecretForm,
    open_secret,
    read_signature,
    read_time,
    write_signature,
    write_time,
)

RAW = bytes(range(0xE0, 0x100))
WHSEC = SecretForm(encoding="whsec", prefix=b"whsec_")


@pytest.mark.parametrize("encoding", ["hex", "base64", "base64url", "base64url-padded"])
@pytest.mark.parametrize("length", [20, 32, 64])
def test_a_signature_reads_as_written_and_in_no_other_way(encoding: str, length: int) -> None:
    raw = (RAW * 2)[:length]
    text = write_signature(raw, encoding)
    assert read_signature(text, encoding, length) == raw
    others = [b"", text[:-1], text + b"=", text + text[:4], b" " + text, text + b"\n", text * 20, b"\xff" + text[1:]]
    for other in [*others, text.upper()] if encoding == "hex" else others:
        assert read_signature(other, encoding, length) is None, other
    for other_length in (16, length - 1, length + 1):
        assert read_signature(text, encoding, other_length) is None
    for wrong in {"hex", "base64", "base64url", "base64url-padded"} - {encoding}:
        if write_signature(raw, wrong) != text:
            assert read_signature(write_signature(raw, wrong), encoding, length) is None


def test_bits_that_carry_nothing_are_zero() -> None:
    # 32 bytes end in a letter with two bits to spare: four texts decode to them, one is theirs.
    text = base64.b64encode(bytes(32))
    assert text.endswith(b"A=")
    for letter in b"BCD":
        other = text[:-2] + bytes((letter,)) + b"="
        assert base64.b64decode(other) == bytes(32)
        assert read_signature(other, "base64", 32) is None


@pytest.mark.parametrize(
    "text",
    b"|0|179000000|17900000000|0790000000| 1790000000|1790000000 |+790000000|-790000000|1790000000.0|1_90000000|1e90000000|"
    b"0x90000000|1790000000\n|1790000000000\x00|\xd9\xa1\xd9\xa7\xd9\xa9\xd9\xa0\xd9\xa0".split(b"|"),
)
def test_times_are_ten_or_thirteen_digits(text: bytes) -> None:
    assert read_time(text, "s") is None
    assert read_time(text, "ms") is None


def test_times_read_as_written() -> None:
    assert read_time(write_time(1_790_000_000, "s"), "s") == 1_790_000_000
    assert read_time(write_time(1_790_000_000, "ms"), "ms") == 1_790_000_000
    assert read_time(b"1790000000999", "ms") == 1_790_000_000
    assert read_time(b"1790000000", "ms") is None
    assert read_time(b"1790000000999", "s") is None


@pytest.mark.parametrize(
    ("secret", "form", "opened"),
    [
        (b"whsec_" + base64.b64encode(RAW), WHSEC, RAW),
        (base64.b64encode(RAW), WHSEC, RAW),
        (base64.b64encode(RAW).rstrip(b"="), WHSEC, RAW),
        (b"cssk_" + base64.urlsafe_b64encode(RAW).rstrip(b"="), WHSEC, b"cssk_" + base64.urlsafe_b64encode(RAW).rstrip(b"=")),
        (b"two words, long enough", WHSEC, b"two words, long enough"),
        (b"whsec_not base64, but long enough", WHSEC, None),
        (b"whsec_" + b"A" * 33, WHSEC, None),  # one letter over groups of four
        (b"B" * 33, WHSEC, b"B" * 33),
        (b"whsec_" + base64.b64encode(RAW[:15]), WHSEC, None),  # long enough only before it is decoded
        (base64.b64encode(RAW[:15]), WHSEC, None),
        (b"whsec_" + base64.b64encode(bytes(32)), WHSEC, None),
        (b"whsec_", WHSEC, None),
        (b"", WHSEC, None),
        (b"whsec_test_secret", SecretForm(), b"whsec_test_secret"),
        (b"pre_" + RAW, SecretForm(prefix=b"pre_"), RAW),
        (b"short", SecretForm(), None),
        (RAW.hex().encode(), SecretForm(encoding="hex"), RAW),
        (RAW.hex().upper().encode(), SecretForm(encoding="hex"), None),
        (b"zz" * 32, SecretForm(encoding="hex"), None),
        (base64.b64encode(RAW), SecretForm(encoding="base64"), RAW),
        (b"pre_" + base64.b64encode(RAW), SecretForm(encoding="base64", prefix=b"pre_"), RAW),
        (b"no base64, and not taken as it is", SecretForm(encoding="base64"), None),
        (b"", SecretForm(encoding="base64"), None),
    ],
)
def test_a_secret_has_one_meaning(secret: bytes, form: SecretForm, opened: bytes | None) -> None:
    assert open_secret(secret, form) == opened
