"""Properties of bearer tokens, over whatever hypothesis comes up with."""

import hashlib
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes import bearer
from tests.core.bearer import making
from tests.core.bearer.exchange import KEY, KEY_ID, TOKEN, reason, sent

key_ids = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=20, max_size=20).map("CSBT".__add__)
rests = st.text(making.DIGITS, min_size=43, max_size=43)


@given(key_ids, rests)
@example("CSBT" + "A" * 20, "0" * 43)
@example("CSBT" + "7" * 20, "z" * 43)
def test_what_is_written_is_read_and_verifies_under_its_own_key_alone(key_id: str, rest: str) -> None:
    token = bearer.write_token(key_id, rest)
    assert token == making.token(key_id, rest)
    assert len(token) == 79
    assert bearer.read_token(token.encode()) == key_id
    key = replace(KEY, key_id=key_id, bearer_sha256=hashlib.sha256(token.encode()).digest())
    assert reason(sent(f"Bearer {token}"), key=key) is None
    assert reason(sent(f"Bearer {token}"), key=KEY) in {Reason.UNKNOWN_KEY, Reason.MISMATCH}


@given(st.binary(max_size=200))
@example(b"")
@example(TOKEN.encode()[:-1])
def test_no_bytes_but_a_token_are_read(data: bytes) -> None:
    """What is read is written the same again: there is one spelling of a token."""
    try:
        key_id = bearer.read_token(data)
    except Refusal:
        return
    _, _, tail = data.decode().split("_")
    assert data.decode() == making.token(key_id, tail[:43])


@given(st.binary(max_size=200))
def test_nothing_in_authorization_verifies_but_the_token(data: bytes) -> None:
    expected = b"bearer " + TOKEN.encode()
    plain = b" ".join(part for part in data.strip(b" \t").split(b" ") if part)
    verified = reason(sent(data)) is None
    assert verified is (plain[:6].lower() + plain[6:] == expected)


@given(rests)
def test_every_other_token_of_a_key_is_a_mismatch(rest: str) -> None:
    token = making.token(KEY_ID, rest)
    assert reason(sent(f"Bearer {token}")) is (None if token == TOKEN else Reason.MISMATCH)


@given(st.integers(0, 2**32 - 1))
@example(0)
@example(2**32 - 1)
def test_six_characters_hold_every_checksum(value: int) -> None:
    text = making.base62(value)
    assert len(text) == 6
    assert sum(making.DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(text))) == value
