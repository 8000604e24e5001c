"""Structured fields of every kind, made by hypothesis."""

import string
from decimal import Decimal

from hypothesis import strategies as st

from counterseal.core import structured_fields as sf

KEY_REST = string.ascii_lowercase + string.digits + "_.*-"
TOKEN_REST = string.ascii_letters + string.digits + "!#$%&'*+.^_`|~:/-"
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
LIMIT = 999_999_999_999_999

keys = st.builds(str.__add__, st.sampled_from(string.ascii_lowercase + "*"), st.text(KEY_REST, max_size=8))
tokens = st.builds(str.__add__, st.sampled_from(string.ascii_letters + "*"), st.text(TOKEN_REST, max_size=8)).map(sf.Token)
# Exactly what three digits after the point can say, so that writing loses nothing.
decimals = st.integers(-LIMIT, LIMIT).map(lambda number: Decimal(number) / 1000)
# Dates that Python has as well; the parser itself takes fifteen digits.
dates = st.integers(-60_000_000_000, 250_000_000_000).map(sf.Date)
bare_items: st.SearchStrategy[sf.BareItem] = st.one_of(
    st.integers(-LIMIT, LIMIT),
    decimals,
    st.text(PRINTABLE, max_size=12),
    tokens,
    st.binary(max_size=12),
    st.booleans(),
    dates,
    st.text(max_size=8).map(sf.DisplayString),
)
parameters = st.dictionaries(keys, bare_items, max_size=3)
items = st.builds(sf.Item, bare_items, parameters)
inner_lists = st.builds(sf.InnerList, st.lists(items, max_size=4).map(tuple), parameters)
members: st.SearchStrategy[sf.Member] = st.one_of(items, inner_lists)
lists = st.lists(members, max_size=4).map(tuple)
dictionaries = st.dictionaries(keys, members, max_size=4)
# Text that is nearly right: whole fields, cut, glued and sprinkled with what the grammar is made of.
pieces = st.sampled_from(
    [
        b"a",
        b"*b",
        b"=",
        b";",
        b",",
        b" ",
        b"\t",
        b"(",
        b")",
        b'"',
        b"\\",
        b'"a"',
        b'"\\""',
        b":",
        b":YQ==:",
        b":YQ:",
        b"?1",
        b"?0",
        b"?",
        b"1",
        b"-",
        b"-1",
        b".",
        b"1.5",
        b"1.2345",
        b"@1",
        b"@1.0",
        b"@",
        b"%",
        b'%"',
        b'%"%c3%a4"',
        b'%"%C3"',
        b"%ff",
        b"A/b:c",
        b"\xc3",
        b"0" * 15,
        b"1" * 16,
        b"1" * 12 + b".0",
        b"1" * 13 + b".0",
        b"a=1",
        b";a=1",
        b", ",
        b"(1 2)",
        b"\x00",
        b"\x7f",
        b"\n",
    ]
)
nearly = st.lists(pieces, max_size=12).map(b"".join)
