"""Templates: what is concatenated, and that no two requests concatenate to one string."""

import itertools
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Coverage, Refusal
from counterseal.core.schemes.webhooks.claim import read_claim
from counterseal.core.schemes.webhooks.template import concatenate, coverage, read_template
from tests.core.webhooks.exchange import PLAIN, configured, put_header

UNAMBIGUOUS = [
    "{body}",
    "{id}.{timestamp}.{body}",
    "{timestamp}{body}",
    "{body}{timestamp}",
    "v0:{timestamp}:{body}",
    "{method}{path}{body_sha256}",
    "{method}{target}{timestamp}",
    "{method} {target}\n{host}\n{timestamp}\n{body}",
    "{method}https://{host}{path}",
    "{host}{timestamp}/{path}",
    "{path} {id}",
    "{timestamp}{path}{body_sha256}",
    "{id}|{body}",
    "{path}?{body}",
    "{target}#{id}",
    "{method}/{path}",
    "{header:x-a}\n{body}",
    "{body}\n{timestamp}{body_sha256}",
    "{body_sha256}{header:x-a}",
]
# With two requests that give one string, for the sceptical reader.
AMBIGUOUS = [
    "{id}{body}",  # a + bc, ab + c
    "{id}{timestamp}{body}",  # an id may end in digits
    "{target}{body}",  # /a + b, /ab + nothing
    "{path}{body}",
    "{path}{timestamp}{body}",
    "{body}{id}",
    "{body}.{id}",
    "{body}.{timestamp}.{id}",
    "{method}{id}{body}",
    "{method}{host}{body}",
    "{host}{id}.{body}",
    "{target}?{body}",  # a target holds question marks
    "{path}/{body}",
    "{header:x-a},{body}",  # commas may stand in a value
    "{header:x-a}{header:x-b}{body}",
    "{method}{header:x-a}{body}",
    "{path}{target}",
    "{method}https{body}",
    "{method}1{timestamp}{body}",
    "{id}{path}",
]
VALUES = {
    "method": (b"GET", b"GETx", b"G"),
    "path": (b"/", b"/a", b"//", b"/a/b", b"/1"),
    "target": (b"/", b"/a", b"/a?b", b"/?", b"//"),
    "host": (b"a", b"a.b", b"1", b"a1"),
    "timestamp": (b"1000000001", b"1111111111", b"2111111111"),
    "id": (b"1", b"a", b"ab", b"11", b"a,b", b"a/", b"a1111111111"),
    "body": (b"", b"a", b"1", b".", b"1111111111", b"/a", b"\n", b"b|", b"\x00"),
    "body_sha256": (b"0" * 64, b"a" * 64),
    "header": (b"", b"a", b"ab", b",", b"1111111111"),
}


@pytest.mark.parametrize("text", UNAMBIGUOUS)
def test_two_requests_never_give_one_string(text: str) -> None:
    template = read_template(text)
    fields = [part for part in template.parts if part.kind != "text"]
    found: dict[bytes, tuple[bytes, ...]] = {}
    for values in itertools.product(*(VALUES[part.kind] for part in fields)):
        given = iter(values)
        pieces = [part.value if part.kind == "text" else next(given) for part in template.parts]
        if any(
            part.kind == "id" and template.after_id and template.after_id in v for part, v in zip(fields, values, strict=True)
        ):
            continue  # which the reader of ids refuses
        assert found.setdefault(b"".join(pieces), values) == values


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_ambiguous_templates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ambiguous"):
        read_template(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "1 to 1024"),
        ("x" * 1025, "1 to 1024"),
        ("{body", "brace"),
        ("{body}}", "brace"),
        ("{}{body}", "brace"),
        ("{Body}", "brace"),
        ("{secret}{body}", "no field"),
        ("{header}{body}", "no field"),
        ("{body:x}", "no field"),
        ("{header:X-A}\n{body}", "brace"),
        ("{body}{body}", "more than once"),
        ("{header:a}\n{header:a}\n{body}", "more than once"),
        ("{timestamp}", "neither the body nor the path"),
        ("only text", "neither the body nor the path"),
        ("".join(f"{{header:x{i}}}\n" for i in range(20)) + "{body}", "more than 32"),
    ],
)
def test_templates_that_are_none(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_template(text)


def test_every_field_stands_for_its_part() -> None:
    read = read_request(PLAIN)
    template = read_template("{method} {path}|{host} {timestamp}.{id},{header:content-type}\n{body_sha256}{body}")
    pieces = concatenate(template, read, {"timestamp": b"1790000000", "id": b"one"})
    assert pieces is not None
    digest = b"".join(pieces).partition(b"\n")[2][:64]
    assert b"".join(pieces) == (
        b"POST /hooks/in|hooks.example.com 1790000000.one,application/json\n" + digest + (PLAIN.content or b"")
    )
    hashed = replace(PLAIN, content=None, content_sha256=bytes.fromhex(digest.decode()))
    only_hash = read_template("{target}\n{body_sha256}")
    assert concatenate(only_hash, read_request(hashed), {}) == (b"/hooks/in?from=vendor", b"\n", digest)
    assert concatenate(only_hash, read_request(replace(PLAIN, content=None)), {}) is None
    assert concatenate(read_template("{body}"), read_request(hashed), {}) is None


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("{body}", Coverage()),
        ("{path}", Coverage(path=True)),
        ("{target}", Coverage(path=True, query=True)),
        ("{method} {body}", Coverage(method=True)),
        ("{host}\n{header:date}\n{timestamp}{body}", Coverage(headers=(b"host", b"date", b"x-time"))),
    ],
)
def test_coverage_says_what_is_signed_and_no_more(text: str, covered: Coverage) -> None:
    assert coverage(read_template(text), {"timestamp": b"x-time", "id": b"x-id"}) == covered


@pytest.mark.parametrize("hosts", [(), (b"a b",), (b"",), (b"a" * 256,), (b"user@host",)])
def test_a_signed_host_has_a_grammar(hosts: tuple[bytes, ...]) -> None:
    layout = configured(signature_header="x-sig", template="{host}\n{body}").layout
    request = put_header(PLAIN, b"host", *hosts)
    request = put_header(request, b"x-sig", b"0" * 64)
    with pytest.raises(Refusal, match="header host"):
        read_claim("vendor", layout, read_request(request), "key")
