"""How a token is written, and where it may stand."""

import hashlib
import itertools
import string
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Coverage, Demand, Reason, Refusal, Verified
from counterseal.core.payload import Unsigned
from counterseal.core.schemes import BUILT_IN, bearer
from counterseal.core.schemes.base import Credentials, Signing
from tests.core.bearer.exchange import BARE, KEY_ID, OTHER_TOKEN, SENT, TOKEN, reason, sent, verdict
from tests.core.bearer.making import key_id, rest
from tests.core.subjects import NOW

SCHEME = BUILT_IN["bearer"]
FORM_TYPE = (b"content-type", b"application/x-www-form-urlencoded")


def test_the_verdict_on_a_good_token_promises_nothing_of_the_request() -> None:
    found = verdict()
    assert isinstance(found, Verified)
    assert (found.signed_time, found.valid_until, found.scope, found.verified_path) == (None, None, None, b"")
    assert found.payload_duty == Unsigned()
    assert found.coverage == Coverage()


def test_every_change_of_one_character_is_refused_before_any_look_up() -> None:
    """By form or checksum: MALFORMED, and where the prefix is gone it is nobody's token here."""
    alphabet = string.ascii_letters + string.digits + "_-.~+/= %\x7f\xe9"
    for place, character in itertools.product(range(len(TOKEN)), alphabet):
        if TOKEN[place] == character:
            continue
        changed = f"{TOKEN[:place]}{character}{TOKEN[place + 1 :]}".encode("latin-1")
        expected = Reason.UNSUPPORTED_SCHEME if place < len(bearer.PREFIX) else Reason.MALFORMED
        if (place == len(TOKEN) - 1 and character == " ") or b"\x7f" in changed:
            expected = Reason.MALFORMED  # a blank at the end is HTTP's, so the token is cut; DEL is in no field at all
        assert reason(sent(b"Bearer " + changed)) is expected, (place, character)


def test_characters_left_out_doubled_or_swapped_are_refused() -> None:
    for place in range(len(TOKEN)):
        for changed in (TOKEN[:place] + TOKEN[place + 1 :], TOKEN[:place] + TOKEN[place] * 2 + TOKEN[place + 1 :]):
            assert reason(sent(f"Bearer {changed}")) in {Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME}
    for place in range(len(TOKEN) - 1):
        if TOKEN[place] != TOKEN[place + 1]:
            changed = TOKEN[:place] + TOKEN[place + 1] + TOKEN[place] + TOKEN[place + 2 :]
            assert reason(sent(f"Bearer {changed}")) in {Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME}


@pytest.mark.parametrize(
    "value", ["Bearer {}", "bearer {}", "BEARER {}", "bEaReR {}", "Bearer  {}", "Bearer   {}", " Bearer {}\t "]
)
def test_spellings_that_http_has_for_one_thing(value: str) -> None:
    """RFC 9110 section 11.1: the scheme's name is case-insensitive, then 1*SP; section 5.5: a value has no blanks around it."""
    assert reason(sent(value.format(TOKEN))) is None


@pytest.mark.parametrize(
    "target", ["/?q={}", "/?token={}", "/?access_token[]={}", "/?my_access_token={}", "/{}", "/?a=Bearer%20{}"]
)
def test_elsewhere_in_the_target_a_token_is_nothing_to_us(target: str) -> None:
    """An application may search for such texts; no such token is accepted."""
    assert reason(replace(BARE, target=target.format(TOKEN).encode())) is Reason.UNSIGNED
    assert reason(replace(SENT, target=target.format(TOKEN).encode())) is None


def test_somebody_elses_access_token_in_the_query_is_not_ours() -> None:
    assert reason(replace(BARE, target=b"/?access_token=eyJhbGciOiJub25lIn0.e30.")) is Reason.UNSIGNED
    assert reason(replace(SENT, target=b"/?access_token=eyJhbGciOiJub25lIn0.e30.")) is None


def test_a_token_in_a_form_is_not_looked_at() -> None:
    """RFC 6750 section 2.2 is not offered: a body is seldom at hand."""
    form = replace(
        BARE,
        headers=((b"host", b"h"), FORM_TYPE),
        content=b"access_token=" + TOKEN.encode(),
    )
    assert reason(form) is Reason.UNSIGNED


def test_a_refusal_does_not_quote_the_token() -> None:
    for text in (TOKEN[:-1], TOKEN + "x", f"{TOKEN},{TOKEN}"):
        with pytest.raises(Refusal) as raised:
            bearer.read_token(text.encode())
        assert "cstk_" not in raised.value.detail
        assert TOKEN[30:40] not in raised.value.detail


def test_the_claim_is_printed_without_the_token_and_its_hash() -> None:
    claim = SCHEME.read(read_request(SENT), Demand())
    digest = hashlib.sha256(TOKEN.encode()).digest()
    assert claim.signature == digest == SCHEME.single_use(claim)
    for text in (TOKEN, digest.hex(), repr(digest)[2:-1]):
        assert text not in repr(claim) + repr(SENT)


@pytest.mark.parametrize(
    ("bad_id", "random"),
    [
        ("CSAK" + "A" * 20, rest(1)),
        ("CSBT" + "1" * 20, rest(1)),
        ("CSBT", rest(1)),
        (key_id(1), rest(1)[1:]),
        (key_id(1), "é" * 43),
    ],
)
def test_no_token_is_written_that_would_not_be_read(bad_id: str, random: str) -> None:
    with pytest.raises((ValueError, UnicodeEncodeError)):
        bearer.write_token(bad_id, random)


def test_signing_sends_the_token_and_nothing_else() -> None:
    credentials = Credentials(key_id=KEY_ID, secret=TOKEN.encode())
    assert SCHEME.sign(BARE, credentials, Signing(now=NOW)) == SENT
    for wrong in (
        Credentials(key_id=key_id(9), secret=TOKEN.encode()),
        Credentials(key_id=KEY_ID, secret=TOKEN[:-1].encode()),
        Credentials(key_id=KEY_ID, secret=b"a secret of more than sixteen bytes"),
        Credentials(key_id=KEY_ID, secret=TOKEN.encode(), security_token="a security token"),
        Credentials(key_id=KEY_ID, secret=TOKEN.encode(), private_key=b"key"),
    ):
        with pytest.raises(ValueError, match="credentials"):
            SCHEME.sign(BARE, wrong, Signing(now=NOW))
    with pytest.raises(ValueError, match="header"):
        SCHEME.sign(sent("Basic eDp5"), Credentials(key_id=KEY_ID, secret=OTHER_TOKEN.encode()), Signing(now=NOW))


@pytest.mark.parametrize("value", ["{}", "Bearer {}", "a=1; session={}; b=2", 'x"{}"', "{}{}"])
def test_a_token_is_found_wherever_it_stands_in_a_field(value: str) -> None:
    assert bearer.holds_token(value.format(TOKEN, TOKEN).encode())


def test_what_is_no_token_of_ours_is_not_taken_for_one() -> None:
    assert not bearer.holds_token(b"")
    assert not bearer.holds_token(b"Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")
    assert not bearer.holds_token(b"cstk_")
    # One that is cut, or not in the alphabet, is good for nothing.
    assert not bearer.holds_token(TOKEN[:-1].encode())
    assert not bearer.holds_token(TOKEN.replace(KEY_ID, KEY_ID.lower()).encode())
