"""The limits of what is written about principals."""

import string

import pytest

from counterseal.server.errors import InvalidField
from counterseal.server.sessions import principal_limits as limits

NAMES = [
    "a",
    "7",
    "alice",
    "Alice.B-c_d~e",
    "alice@example.com",
    "urn:x:y",
    "tenant/alice",
    "auth0|5f7c",
    "a=b",
    "a+b@c",
    "x" * 128,
]
NO_NAMES = [
    *("", " ", "-a", ".a", "@a", "/a", "a b", "a\n", "\na", "a\0", "a\tb", "a%", "a,b", "a;b", "a\\b", 'a"b', "a'b", "a<b"),
    *("ä", "а", "a\u202e", "a\u200b", "１", "x" * 129, "a" + "\ud800"),  # noqa: RUF001  (letters that look like ours)
]


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    limits.check_name("principal.name", name)
    assert limits.is_name(name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name(name: str) -> None:
    assert not limits.is_name(name)
    with pytest.raises(InvalidField) as raised:
        limits.check_name("principal.name", name)
    assert raised.value.field == "principal.name"
    assert not name.strip() or name not in raised.value.problem.removeprefix("must be 1 to 128 characters of ")


def test_every_character_is_decided_on() -> None:
    inside = {one for one in map(chr, range(0x250)) if limits.is_name("a" + one)}
    first = {one for one in map(chr, range(0x250)) if limits.is_name(one)}
    assert first == set(string.ascii_letters + string.digits)
    assert inside == first | set("._~@+:|/=-")


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("", False),
        ("1234567", False),
        ("12345678", True),
        ("ääää", True),  # eight bytes
        ("äää", False),
        ("x" * 1024, True),
        ("x" * 1025, False),
        ("ä" * 512, True),
        ("ä" * 513, False),
        ("spaces and\0NUL", True),
        ("lone \ud800 half", False),
    ],
)
def test_passwords_that_can_be_set(password: str, fits: bool) -> None:
    if fits:
        limits.check_new_password("password", password)
        return
    with pytest.raises(InvalidField) as raised:
        limits.check_new_password("password", password)
    assert raised.value.field == "password"
    assert not password or password not in str(raised.value)
