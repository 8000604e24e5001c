"""Components one by one: identifiers, values, and what a demand accepts for them."""

from dataclasses import replace

import pytest

from counterseal.core import http
from counterseal.core import structured_fields as sf
from counterseal.core.model import Claim, Coverage, Demand, HttpRequest, Reason, Refusal, Verified, Window
from counterseal.core.schemes.rfc9421 import (
    Rfc9421,
    components,
    parse_component,
    read_component,
    signature_base,
    values,
)
from counterseal.core.schemes.rfc9421.facts import MAX_COMPONENTS, MAX_PARSED, MAX_SIGNATURES
from counterseal.core.verify import examine
from tests.core.rfc9421 import making
from tests.core.rfc9421.making import PLAIN, header, reason, refusal, signed, verdict, with_header


def value(component: str, request: HttpRequest = PLAIN) -> str:
    """Return the value of one component."""
    covered = sf.InnerList((sf.parse_item(component.encode()),))
    first = signature_base(http.read_request(request), covered).partition(b"\n")[0].decode()
    assert first.startswith(component + ": ")
    return first.removeprefix(component + ": ")


def why(component: str, request: HttpRequest = PLAIN) -> Reason:
    with pytest.raises(Refusal) as caught:
        value(component, request)
    return caught.value.reason


def to(target: bytes = b"/", host: bytes = b"example.com", scheme: str = "https") -> HttpRequest:
    return replace(with_header(PLAIN, b"host", host), target=target, scheme=scheme)


@pytest.mark.parametrize(
    ("host", "scheme", "expected"),
    [
        (b"EXAMPLE.com", "https", "example.com"),
        (b"example.com:443", "https", "example.com"),
        (b"example.com:80", "http", "example.com"),
        (b"example.com:443", "HTTPS", "example.com"),
        (b"example.com:443", "http", "example.com:443"),
        (b"example.com:443", "", "example.com:443"),
        (b"example.com:", "https", "example.com"),
        (b"[2001:DB8::1]:8443", "https", "[2001:db8::1]:8443"),
        (b"[::1]", "https", "[::1]"),
        (b" example.com\t", "https", "example.com"),
    ],
)
def test_authority(host: bytes, scheme: str, expected: str) -> None:
    assert value('"@authority"', to(host=host, scheme=scheme)) == expected


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"a@b", b"a/b", b"a:b", b"a:123456", b"[::1", b"::1", b"a#b", b"a?b", b"\xc3\xa4", b"a,b:1:2"]
)
def test_what_is_no_authority(host: bytes) -> None:
    assert why('"@authority"', to(host=host)) is Reason.MALFORMED
    assert why('"@target-uri"', to(host=host)) is Reason.MALFORMED


def test_target_uri_and_scheme() -> None:
    assert value('"@target-uri"', to(b"/p?q", b"Example.com:443")) == "https://Example.com:443/p?q"
    assert value('"@scheme"', to(scheme="HTTP")) == "http"
    for scheme in ("", "ftp", "https "):
        assert why('"@scheme"', to(scheme=scheme)) is Reason.UNSUPPORTED_SCHEME
        assert why('"@target-uri"', to(scheme=scheme)) is Reason.UNSUPPORTED_SCHEME


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", "?"),
        (b"/?", "/", "?"),
        (b"/a?b?c", "/a", "?b?c"),
        (b"//a/%2F?x[]=1", "//a/%2F", "?x[]=1"),
    ],
)
def test_path_and_query(target: bytes, path: str, query: str) -> None:
    assert value('"@path"', to(target)) == path
    assert value('"@query"', to(target)) == query
    assert value('"@request-target"', to(target)) == target.decode()


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        (b"a=b", "a", "b"),
        (b"a", "a", ""),
        (b"a=", "a", ""),
        (b"a=b=c", "a", "b%3Dc"),
        (b"a=b+c%20d", "a", "b%20c%20d"),
        (b"a=%7e~*-._%41", "a", "%7E%7E*-._A"),
        (b"a=!'()/?:@$,;[]", "a", "%21%27%28%29%2F%3F%3A%40%24%2C%3B%5B%5D"),
        (b"%61+b=1", "a%20b", "1"),
        (b"x=1&a=2&b=3", "a", "2"),
        (b"a=%c3%a4", "a", "%C3%A4"),
    ],
)
def test_query_parameters(query: bytes, name: str, expected: str) -> None:
    assert value(f'"@query-param";name="{name}"', to(b"/?" + query)) == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((b"a=1&a=2", "a"), (b"a=1&%61=2", "a"), (b"a=1", "b"), (b"a=1", "%61"), (b"a=1", "A"), (b"", ""), (b"", "a")),
        *((b"a+b=1", "a b"), (b"a=%ff", "a"), (b"a=1&b=%ff", "a"), (b"a=1&%c3=1", "a")),
    ],
)
def test_query_parameters_that_cannot_be_signed(query: bytes, name: str) -> None:
    target = b"/?" + query if query else b"/"
    assert why(f'"@query-param";name="{name}"', to(target)) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        ('"@query-param"', Reason.MALFORMED),
        ('"@query-param";name=x', Reason.MALFORMED),
        ('"@query-param";name', Reason.MALFORMED),
        ('"@query-param";name="x";sf', Reason.MALFORMED),
        ('"@query-param";name="x";req', Reason.MALFORMED),
        ('"@method";sf', Reason.MALFORMED),
        ('"@method";req', Reason.MALFORMED),
        ('"@path";name="x"', Reason.MALFORMED),
        ('"x-list";sf=1', Reason.MALFORMED),
        ('"x-list";bs=?0', Reason.MALFORMED),
        ('"x-list";bs;sf', Reason.MALFORMED),
        ('"x-dict";bs;key="a"', Reason.MALFORMED),
        ('"x-dict";key', Reason.MALFORMED),
        ('"x-dict";key=a', Reason.MALFORMED),
        ('"x-dict";key="z"', Reason.MALFORMED),
        ('"x-dict";sf;key="z"', Reason.MALFORMED),
        ('"content-type";key="a"', Reason.MALFORMED),
        ('"x-list";req', Reason.MALFORMED),
        ('"x-list";tr', Reason.MALFORMED),
        ('"x-list";xx', Reason.UNSUPPORTED_SCHEME),
        ('"x-list";sf', Reason.UNSUPPORTED_SCHEME),
        ('"@nothing"', Reason.UNSUPPORTED_SCHEME),
        ('"@status"', Reason.MALFORMED),
        ('"@signature-params"', Reason.MALFORMED),
        ('""', Reason.MALFORMED),
        ('"a b"', Reason.MALFORMED),
        ("1", Reason.MALFORMED),
        ("token", Reason.MALFORMED),
        ('"' + "a" * 257 + '"', Reason.MALFORMED),
    ],
)
def test_identifiers_that_are_refused(component: str, reason: Reason) -> None:
    assert why(component) is reason


def test_fields() -> None:
    assert value('"x-dict";key="b"') == "(c d);q"
    assert value('"x-dict";sf;key="a"') == "1"
    assert value('"priority";sf') == "u=1, i"
    item = with_header(PLAIN, b"sec-gpc", b" ?1 ;a")
    assert why('"sec-gpc";sf', item) is Reason.MALFORMED
    assert value('"sec-gpc";sf', with_header(PLAIN, b"sec-gpc", b"?1; a")) == "?1;a"
    assert value('"accept-ch";sf', with_header(PLAIN, b"accept-ch", b"a,b", b"c")) == "a, b, c"
    assert value('"x-dict";key="a"', with_header(PLAIN, b"x-dict", b"a", b"b=2")) == "?1"
    assert why('"x-dict";key="a"', with_header(PLAIN, b"x-dict", b"a=1, a=2")) is Reason.MALFORMED
    assert why('"x-list"', with_header(PLAIN, b"x-list", b"\xff")) is Reason.MALFORMED
    assert value('"x-list";bs', with_header(PLAIN, b"x-list", b"\xff", b"")) == ":/w==:, ::"
    assert value('"x-list"', with_header(PLAIN, b"x-list", b"")) == ""
    assert b'"@query-param";name="y": a%20b\n"@query-param";name="x": 1\n' in making.base(
        signed(components='"@query-param";name="y" "@query-param";name="x"')
    )


def test_identity_ignores_the_order_of_parameters() -> None:
    covered = sf.parse_list(b'("x-dict";sf;key="a" "x-dict";key="a";sf)')[0]
    assert isinstance(covered, sf.InnerList)
    with pytest.raises(Refusal, match="more than once"):
        signature_base(http.read_request(PLAIN), covered)
    ordered = sf.parse_list(b'("x-dict";key="a" "x-dict";key="b" "x-dict";sf;key="b")')[0]
    assert isinstance(ordered, sf.InnerList)
    assert signature_base(http.read_request(PLAIN), ordered).count(b"\n") == 3


def test_limits() -> None:
    request = replace(PLAIN, headers=(*PLAIN.headers, *((b"x-%d" % number, b"v") for number in range(100))))
    names = " ".join(f'"x-{number}"' for number in range(MAX_COMPONENTS))
    assert isinstance(verdict(signed(request=request, components=names), demand=Demand(required_components=("x-0",))), Verified)
    with pytest.raises(ValueError, match="more than 64"):
        signed(request=request, components=names + ' "x-99"')
    several = signed(label="a0")
    for number in range(1, MAX_SIGNATURES):
        several = making.beside(several, f"a{number}")
    assert isinstance(verdict(several, demand=Demand(label="a7")), Verified)
    assert refusal(making.beside(several, "a8"), Demand(label="a7")) is Reason.MALFORMED
    long = with_header(signed(), b"signature", b"sig1=:" + b"AAAA" * 342 + b":")
    assert refusal(long) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("covered", "wanted", "enough"),
    [
        ("@target-uri", "@authority", True),
        ("@target-uri", "@scheme", True),
        ("@target-uri", "@path", True),
        ("@target-uri", "@query", True),
        ("@target-uri", '"@query-param";name="x"', True),
        ("@target-uri", "@request-target", False),
        ("@request-target", "@path", True),
        ("@request-target", "@query", True),
        ("@request-target", "@authority", False),
        ("@query", '"@query-param";name="x"', True),
        ('"@query-param";name="x"', "@query", False),
        ('"@query-param";name="x"', '"@query-param";name="y"', False),
        ("@path", "@query", False),
        ("@query", "@path", False),
        ("@path", "@authority", False),
        ("x-dict", '"x-dict";key="a"', True),
        ("x-dict", '"x-dict";bs', True),
        ('"x-dict";bs', "x-dict", True),
        ('"x-dict";key="a"', "x-dict", False),
        ('"x-dict";key="a"', '"x-dict";key="b"', False),
        ('"x-dict";sf;key="a"', '"x-dict";key="a";sf', True),
        ("x-dict", "x-list", False),
        ("x-dict", '"x-dict";tr', False),
        ("x-dict", "@body", False),
        ("x-dict", '"x-dict', False),
        ("x-dict", "ä", False),
        ("x-dict", "", False),
    ],
)
def test_what_holds_what_is_demanded(covered: str, wanted: str, enough: bool) -> None:
    request = signed(components=covered)
    demand = Demand(required_components=(wanted,))
    if enough:
        assert isinstance(verdict(request, demand=demand), Verified)
    else:
        assert reason(request, demand=demand) is Reason.NOT_COVERED


def test_the_default_is_met_by_target_uri() -> None:
    request = signed(components='"@method" "@target-uri" "content-digest"')
    found = verdict(request)
    assert isinstance(found, Verified)
    assert found.coverage.path
    assert found.coverage.query
    assert found.verified_path == b"/a/path"
    assert reason(signed(components='"@method" "@request-target" "content-digest"')) is Reason.NOT_COVERED


@pytest.mark.parametrize("text", ["@body", "@status", '"a', '"a";tr=1', "A", "", "ä", '"a";b;b', "a b"])
def test_demands_that_nobody_can_meet_are_told(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_component(text)


def test_demanded_components_have_one_meaning() -> None:
    assert parse_component("content-digest").text == parse_component('"content-digest"').text == '"content-digest"'
    assert parse_component('"x";key="a"').parameters == {"key": "a"}
    assert read_component(sf.Item("@method")).text == '"@method"'


@pytest.mark.parametrize(
    "covered", ['"priority";sf', '"x-dict";key="a"', '"priority";key="a"', '"cache-status";sf', '"sec-gpc";sf']
)
def test_only_so_much_is_parsed(covered: str) -> None:
    """Of what was not asked for with sf or key, nothing is."""
    name = covered.split('"')[1]
    opening = {"cache-status": b'"', "sec-gpc": b'"'}.get(name, b'a="')
    fits = with_header(PLAIN, name.encode(), opening + b"b" * (MAX_PARSED - len(opening) - 1) + b'"')
    assert value(covered, fits)
    longer = with_header(PLAIN, name.encode(), opening + b"b" * (MAX_PARSED - len(opening)) + b'"')
    assert why(covered, longer) is Reason.MALFORMED
    assert value(f'"{name}"', longer)
    assert value(f'"{name}";bs', longer)


def test_each_field_is_parsed_once_and_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    real = sf.parse_dictionary

    def spy(field: bytes, *, unique: bool = False) -> dict[str, sf.Member]:
        parsed.append(field)
        return real(field, unique=unique)

    monkeypatch.setitem(values._PARSERS, "dictionary", spy)
    text = b", ".join(b"k%d" % number for number in range(MAX_COMPONENTS))
    half = text + b', z="' + b"z" * (MAX_PARSED // 2 - len(text) - 6) + b'"'
    request = with_header(with_header(PLAIN, b"priority", half), b"x-dict", half)
    items = [
        sf.Item(name, {"key": f"k{number}"}) for name in ("priority", "x-dict") for number in range(MAX_COMPONENTS // 2 - 1)
    ]
    covered = sf.InnerList((*items, sf.Item("priority", {"sf": True})))
    assert len(signature_base(http.read_request(request), covered).splitlines()) == len(covered.items) + 1
    assert parsed == [half, half]
    # Two that fit by themselves, and not together.
    both = with_header(request, b"x-dict", half + b", y")
    with pytest.raises(Refusal, match="longer than 16384 bytes") as caught:
        signature_base(http.read_request(both), covered)
    assert caught.value.reason is Reason.MALFORMED


def test_there_are_three_types_of_structured_fields() -> None:
    with pytest.raises(ValueError, match="dictionary, item, list"):
        Rfc9421({"x-a": "map"})


def test_strangers_fill_no_memory() -> None:
    """What a request covers is not remembered beyond short names, and what callers demand only up to a length."""
    plain, demanded = components._read_plain, components._parse_demanded
    plain.cache_clear()
    demanded.cache_clear()
    long = "q" * 65
    request = replace(PLAIN, target=f"/a?{long}=1".encode())
    request = signed(
        request=with_header(request, long.encode(), b"1"), components=f'"@method" "{long}" "@query-param";name="{long}"'
    )
    demand = Demand(required_components=("@method", f'"@query-param";name="{long}"'))
    assert isinstance(verdict(request, demand=demand), Verified)
    assert plain.cache_info().currsize == 1  # @method
    assert demanded.cache_info().currsize == 2  # The demand's.
    for text in (f'"x";key="{"k" * 200}"', "h" * 129):
        assert parse_component(text) == parse_component(text)
    assert demanded.cache_info().currsize == 2
    assert parse_component("h" * 128) is parse_component("h" * 128)


def test_a_claim_of_another_scheme_is_a_bug() -> None:
    claim = Claim(scheme="x", key_id="k", scope=None, signed_time=1, valid_for=None, coverage=Coverage(), signature=b"")
    with pytest.raises(TypeError):
        Rfc9421().check_coverage(claim, Demand())


def test_details_name_fields_and_never_quote() -> None:
    marker = "zq9marker"
    for text in (
        f'("{marker} ")',
        f'("@{marker}")',
        f'("x-dict";{marker})',
        f'("x-dict";key="{marker}")',
        f'();{marker}="{marker}"',
    ):
        request = with_header(signed(), b"signature-input", f'sig1={text};created=1;keyid="test-key"'.encode())
        found = examine(request, Demand(), schemes=making.SCHEMES, window=Window(), now=making.NOW)
        assert marker not in getattr(found, "detail", marker)
    assert header(PLAIN, b"host") == b"example.com"
