"""Bounds, spellings and types at their edges."""

from decimal import Decimal
from typing import Any

import pytest

from counterseal.core import structured_fields as sf


def refused(parse: Any, field: bytes, **options: bool) -> str:
    with pytest.raises(sf.StructuredFieldError) as caught:
        parse(field, **options)
    return str(caught.value)


@pytest.mark.parametrize("parse", [sf.parse_item, sf.parse_list, sf.parse_dictionary])
def test_a_field_is_bounded(parse: Any) -> None:
    assert "longer" in refused(parse, b"a" * (sf.MAX_BYTES + 1))


def test_counts_are_bounded_and_what_the_rfc_asks_for_fits() -> None:
    assert len(sf.parse_list(b",".join([b"1"] * sf.MAX_MEMBERS))) == sf.MAX_MEMBERS == 1024
    assert "members" in refused(sf.parse_list, b",".join([b"1"] * (sf.MAX_MEMBERS + 1)))
    keys = [b"k%d" % number for number in range(sf.MAX_MEMBERS + 1)]
    assert len(sf.parse_dictionary(b",".join(keys[:-1]))) == 1024
    assert "members" in refused(sf.parse_dictionary, b",".join(keys))
    # Repeats count too: a million of one key are a million members to read.
    assert "members" in refused(sf.parse_dictionary, b",".join([b"a"] * (sf.MAX_MEMBERS + 1)))
    inner = sf.parse_list(b"(" + b"1 " * sf.MAX_ITEMS + b")")[0]
    assert isinstance(inner, sf.InnerList)
    assert len(inner.items) == sf.MAX_ITEMS == 256
    assert "items" in refused(sf.parse_list, b"(" + b"1 " * (sf.MAX_ITEMS + 1) + b")")
    assert len(sf.parse_item(b"1" + b"".join(b";" + key for key in keys[:256])).parameters) == sf.MAX_PARAMETERS == 256
    assert "parameters" in refused(sf.parse_item, b"1" + b";a" * (sf.MAX_PARAMETERS + 1))
    assert sf.parse_item(b":" + b"AAAA" * 5462 + b":").value == bytes(16386)
    assert sf.parse_item(b'"' + b"a" * 60_000 + b'"').value == "a" * 60_000


@pytest.mark.parametrize(
    "field",
    [
        b"(" * 60000,
        b'"' * 60000,
        b"\\" * 60000,
        b'"' + b"\\" * 60000,
        b":" * 60000,
        b":" + b"A" * 60000,
        b'%"' + b"%" * 60000,
        b" " * 60000,
        b"a" * 60000,
        b"1" * 60000,
        b"a;" * 30000,
        b"a," * 30000,
        b"(1" + b" " * 60000,
        b"a" + b" " * 60000 + b"b",
        b"a, " * 1000 + b"\t" * 60000,
        b"1" + b"; " * 20000,
    ],
)
def test_huge_nonsense_is_read_or_refused_in_one_pass(field: bytes) -> None:
    parses: tuple[Any, ...] = (sf.parse_item, sf.parse_list, sf.parse_dictionary)
    for parse in parses:
        try:
            parse(field)
        except sf.StructuredFieldError:
            continue


def test_keys_given_twice() -> None:
    assert sf.parse_dictionary(b"a=1, b=2, a=3") == {"a": sf.Item(3), "b": sf.Item(2)}
    assert sf.parse_item(b"1;a=1;a=2").parameters == {"a": 2}
    assert "twice" in refused(sf.parse_dictionary, b"a=1, b=2, a=3", unique=True)
    assert "twice" in refused(sf.parse_dictionary, b"a=1, b=(1;x;x)", unique=True)
    assert "twice" in refused(sf.parse_list, b"(1;x;x)", unique=True)
    assert "twice" in refused(sf.parse_list, b"(1);x;x", unique=True)
    assert "twice" in refused(sf.parse_dictionary, b"a;x;x", unique=True)
    assert "twice" in refused(sf.parse_item, b"1;a=1;a=2", unique=True)


def test_types_that_look_alike_differ() -> None:
    assert sf.parse_item(b"a").value == sf.Token("a")
    assert sf.parse_item(b"a").value != "a"
    assert sf.parse_item(b"@1").value == sf.Date(1)
    assert sf.parse_item(b"@1").value != 1
    assert sf.parse_item(b'%"a"').value == sf.DisplayString("a")
    assert sf.parse_item(b'%"a"').value != "a"
    assert type(sf.parse_item(b"?1").value) is bool
    assert type(sf.parse_item(b"1").value) is int
    assert type(sf.parse_item(b"1.0").value) is Decimal


@pytest.mark.parametrize(
    "field",
    [
        b"?2",
        b"?",
        b"@1.5",
        b"@",
        b"@-",
        b"@1234567890123456",
        b'%"',
        b'%"%C3%a4"',
        b'%"%c3"',
        b'%"%0"',
        b'%"\xc3\xa4"',
        b"%a",
        b"%",
        b":YQ:",
        b":YQ=:",
        b":YR==:",
        b":YWI:",
        b":YWJ=:",
        b":Y:",
        b":=:",
        b":====:",
        b":YQ==YQ==:",
        b":Y Q==:",
        b":YQ",
        b":_-aa:",
        b"1.",
        b".1",
        b"-.1",
        b"--1",
        b"+1",
        b"1_0",
        b"\xd9\xa1",
        b"0x1",
        b"1e3",
        b"1.2345",
        b"1234567890123.0",
        b"1234567890123456",
        b'"a',
        b'"\\a"',
        b'"\t"',
        b'"\x7f"',
        b'"\xc3\xa4"',
        b"'a'",
        b"1;",
        b"1;A",
        b"1;=1",
        b"1;a=",
        b"1 ;a",
        b"1\t",
        b"\t1",
        b"",
        b"1,2",
    ],
)
def test_texts_that_are_no_item(field: bytes) -> None:
    refused(sf.parse_item, field)


@pytest.mark.parametrize(
    "field", [b"a=1,", b"a=1 b=2", b"A=1", b"=1", b"a=", b"a =1", b"a= 1", b"a=(", b'a=("b""c")', b"a=(1,2)", b",a", b"a=((1))"]
)
def test_texts_that_are_no_dictionary(field: bytes) -> None:
    message = refused(sf.parse_dictionary, field)
    assert field.decode() not in message or len(field) < 3


def test_blanks_around_commas_are_spaces_and_tabs() -> None:
    assert sf.serialise_dictionary(sf.parse_dictionary(b"  a \t,\t b=2 \t ")) == b"a, b=2"
    assert sf.serialise_list(sf.parse_list(b"( 1  2 );  x,3")) == b"(1 2);x, 3"
    assert sf.join([b"a", b"b"]) == b"a, b"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1", "1.0"),
        ("-0", "0.0"),
        ("-0.0004", "0.0"),
        ("0.0005", "0.0"),
        ("0.0015", "0.002"),
        ("-0.5", "-0.5"),
        ("1E+2", "100.0"),
        ("999999999999.9994", "999999999999.999"),
        ("12.340", "12.34"),
    ],
)
def test_decimals_are_rounded_to_the_even_neighbour(value: str, written: str) -> None:
    assert sf.serialise_item(sf.Item(Decimal(value))).decode() == written


@pytest.mark.parametrize(
    "value",
    [
        *(Decimal(text) for text in ("1E+12", "999999999999.9996", "NaN", "Infinity")),
        *(10**15, -(10**15), sf.Date(10**15), "ä", "\n"),
        *(sf.Token(""), sf.Token("1a"), sf.Token("a b"), sf.DisplayString("\ud800")),
    ],
)
def test_values_out_of_range_are_not_written(value: sf.BareItem) -> None:
    with pytest.raises(sf.StructuredFieldError):
        sf.serialise_item(sf.Item(value))


@pytest.mark.parametrize("key", ["", "A", "1", "a b", "a=", "ä", "a\n"])
def test_keys_of_other_characters_are_not_written(key: str) -> None:
    with pytest.raises(sf.StructuredFieldError):
        sf.serialise_dictionary({key: sf.Item(1)})
    with pytest.raises(sf.StructuredFieldError):
        sf.serialise_item(sf.Item(1, {key: 1}))


def test_true_is_left_out_where_a_key_says_it() -> None:
    assert sf.serialise_dictionary({"a": sf.Item(True, {"x": True, "y": False}), "b": sf.Item(False)}) == b"a;x;y=?0, b=?0"
    assert sf.serialise_item(sf.Item(True)) == b"?1"
    assert sf.serialise_dictionary({}) == sf.serialise_list(()) == b""
