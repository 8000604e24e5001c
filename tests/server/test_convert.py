"""Every limit in the comments of verification.proto, from both sides."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from counterseal.core.http import MAX_HEADERS
from counterseal.core.model import Demand, HttpRequest, Reason, Rejected, StringToSignSubject, Window
from counterseal.core.schemes import BUILT_IN
from counterseal.core.verify import examine
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.convert import read_demand, read_request_id, read_subject
from counterseal.v1 import verification_pb2 as pb


def _http(**fields: Any) -> pb.VerifyRequest:
    return pb.VerifyRequest(http_request=pb.HttpRequest(**({"method": "GET", "target": b"/"} | fields)))


def _headers(*fields: tuple[str, bytes]) -> list[pb.Header]:
    return [pb.Header(name=name, value=value) for name, value in fields]


def _sts(**fields: Any) -> pb.VerifyRequest:
    whole = {"scheme": "aws-sigv4", "credential": "c", "string_to_sign": b"s", "signature": "00"}
    return pb.VerifyRequest(string_to_sign=pb.StringToSign(**(whole | fields)))


def _valid_for(seconds: int, nanos: int = 0) -> pb.VerifyRequest:
    message = _sts()
    message.string_to_sign.valid_for.seconds = seconds
    message.string_to_sign.valid_for.nanos = nanos
    return message


LONG_SUM = 128 * 1024
WITHIN: list[Callable[[], pb.VerifyRequest]] = [
    lambda: _http(method="M" * 32),
    lambda: _http(method="M!#$%&'*+.^_`|~9"),
    lambda: _http(target=b"/" * 32 * 1024),
    lambda: _http(target=b""),
    lambda: _http(scheme="http"),
    lambda: _http(scheme="https"),
    lambda: _http(content_sha256=b"\0" * 32),
    lambda: _http(source_address="192.0.2.1"),
    lambda: _http(source_address="2001:db8::1"),
    lambda: _http(source_address="::ffff:192.0.2.1"),
    lambda: _http(headers=_headers(*[("a", b"")] * 256)),
    lambda: _http(headers=_headers(("a" * 256, b""))),
    lambda: _http(headers=_headers(("a", b"v" * (LONG_SUM - 1)))),
    lambda: _http(headers=_headers(("a", bytes(range(256))))),
    lambda: _sts(string_to_sign=b"s" * 4096),
    lambda: _valid_for(1),
    lambda: _valid_for(604_800),
]
BEYOND: list[tuple[Callable[[], pb.VerifyRequest], str]] = [
    (pb.VerifyRequest, "subject"),
    (lambda: _http(scheme="HTTPS"), "http_request.scheme"),
    (lambda: _http(scheme="ftp"), "http_request.scheme"),
    (lambda: _http(content_sha256=b""), "http_request.content_sha256"),
    (lambda: _http(content_sha256=b"\0" * 31), "http_request.content_sha256"),
    (lambda: _http(content_sha256=b"\0" * 33), "http_request.content_sha256"),
    (lambda: _http(source_address="192.0.2.1:80"), "http_request.source_address"),
    (lambda: _http(source_address="192.0.2"), "http_request.source_address"),
    (lambda: _http(source_address="fe80::1%eth0"), "http_request.source_address"),
    (lambda: _http(source_address="[::1]"), "http_request.source_address"),
    (lambda: _http(source_address="192.0.2.1\0"), "http_request.source_address"),
    (lambda: _http(source_address="192.0.2.1\nforged line"), "http_request.source_address"),
    (lambda: _http(source_address="example.com"), "http_request.source_address"),
    (lambda: _sts(scheme=""), "string_to_sign.scheme"),
    (lambda: _sts(credential=""), "string_to_sign.credential"),
    (lambda: _sts(string_to_sign=b""), "string_to_sign.string_to_sign"),
    (lambda: _sts(string_to_sign=b"s" * 4097), "string_to_sign.string_to_sign"),
    (lambda: _sts(signature=""), "string_to_sign.signature"),
    (lambda: _sts(source_address="nowhere"), "string_to_sign.source_address"),
    (lambda: _valid_for(0), "string_to_sign.valid_for"),
    (lambda: _valid_for(-1), "string_to_sign.valid_for"),
    (lambda: _valid_for(604_801), "string_to_sign.valid_for"),
    (lambda: _valid_for(1, 1), "string_to_sign.valid_for"),
    (lambda: _valid_for(0, 999_999_999), "string_to_sign.valid_for"),
    (lambda: _valid_for(2**63 - 1), "string_to_sign.valid_for"),
]


@pytest.mark.parametrize("make", WITHIN)
def test_within_the_limits(make: Callable[[], pb.VerifyRequest]) -> None:
    read_subject(make())


# What the client sent, and the gateway only handed on: a verdict, and no error of the caller.
CLIENTS: list[Callable[[], pb.VerifyRequest]] = [
    lambda: _http(method=""),
    lambda: _http(method="M" * 33),
    lambda: _http(method="GET "),
    lambda: _http(method="GET\n"),
    lambda: _http(method="GÉT"),
    lambda: _http(target=b"/" * (32 * 1024 + 1)),
    lambda: _http(headers=_headers(*[("a", b"")] * 257)),
    lambda: _http(headers=_headers(("a" * 257, b""))),
    lambda: _http(headers=_headers(("", b""))),
    lambda: _http(headers=_headers((":authority", b""))),
    lambda: _http(headers=_headers(("a b", b""))),
    lambda: _http(headers=_headers(("a\n", b""))),
    lambda: _http(headers=_headers(("ä", b""))),
    lambda: _http(headers=_headers(("\u017f", b""))),
    lambda: _http(headers=_headers(("a", b"v" * LONG_SUM))),
    lambda: _http(target=b""),
    # Its lower case in Unicode is an ASCII k.
    lambda: _http(headers=_headers(("\u212a", b""))),
]


@pytest.mark.parametrize("make", CLIENTS)
def test_what_the_client_got_wrong_is_a_verdict(make: Callable[[], pb.VerifyRequest]) -> None:
    verdict = examine(read_subject(make()), Demand(), schemes=BUILT_IN, window=Window(), now=0)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.MALFORMED


@pytest.mark.parametrize(("make", "field"), BEYOND)
def test_beyond_a_limit(make: Callable[[], pb.VerifyRequest], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_subject(make())
    assert caught.value.field == field


def test_a_request_as_it_arrived() -> None:
    message = _http(
        method="gEt",
        target=b"//a/../%2e?x=%20&x=+",
        headers=_headers(("X-Amz-Date", b" v "), ("HOST", b"h"), ("x-amz-date", b"\xff")),
        source_address="192.0.2.1",
        scheme="https",
        trailers=_headers(("X-Total", b"3"), ("x-total", b"")),
    )
    assert read_subject(message) == HttpRequest(
        method=b"gEt",
        target=b"//a/../%2e?x=%20&x=+",
        headers=((b"x-amz-date", b" v "), (b"host", b"h"), (b"x-amz-date", b"\xff")),
        source_address="192.0.2.1",
        scheme="https",
        trailers=((b"x-total", b"3"), (b"x-total", b"")),
    )


@pytest.mark.parametrize(("tag", "field"), [(b"\x22", "headers"), (b"\x42", "trailers")])
def test_of_a_flood_of_headers_no_more_is_read_than_tells_that_it_is_one(tag: bytes, field: str) -> None:
    message = pb.VerifyRequest()
    message.http_request.method, message.http_request.target = "GET", b"/"
    message.http_request.MergeFromString((tag + b"\x00") * 100_000)
    assert len(getattr(message.http_request, field)) == 100_000
    subject = read_subject(message)
    assert isinstance(subject, HttpRequest)
    assert len(getattr(subject, field)) == MAX_HEADERS + 1
    verdict = examine(subject, Demand(), schemes=BUILT_IN, window=Window(skew=900), now=0)
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.detail) == (Reason.MALFORMED, f"{field}: more than {MAX_HEADERS} fields")


def test_the_three_kinds_of_body() -> None:
    read = [read_subject(message) for message in (_http(), _http(content=b""), _http(content_sha256=b"h" * 32))]
    bodies = [(subject.content, subject.content_sha256) for subject in read if isinstance(subject, HttpRequest)]
    assert bodies == [(None, None), (b"", None), (None, b"h" * 32)]


def test_a_string_to_sign() -> None:
    message = _valid_for(60)
    message.string_to_sign.security_token = "t"
    assert read_subject(message) == StringToSignSubject(
        scheme="aws-sigv4", credential=b"c", string_to_sign=b"s", signature=b"00", security_token=b"t", valid_for=60
    )
    assert read_subject(_sts()) == StringToSignSubject(
        scheme="aws-sigv4", credential=b"c", string_to_sign=b"s", signature=b"00"
    )


@pytest.mark.parametrize("text", ["", "a", "A-Z.0:_", "x" * 128])
def test_request_ids(text: str) -> None:
    assert read_request_id(text) == text


@pytest.mark.parametrize("text", ["x" * 129, "a b", "a\n", "ä", '"', "\0"])
def test_request_ids_that_would_garble_a_log(text: str) -> None:
    with pytest.raises(InvalidField, match=r"^request_id: "):
        read_request_id(text)


def test_demands() -> None:
    assert read_demand(pb.VerifyRequest()) == Demand()
    assert read_demand(pb.VerifyRequest(demand=pb.Demand())) == Demand()
    whole = pb.Demand(
        allowed_schemes=["s"],
        regions=["r"],
        services=["v", "w"],
        required_headers=["X-A", "x-a"],
        tenants=["t"],
        key_id="key-1",
        label="sig1",
        tag="an app",
        required_components=['"@method"', '"@query-param";name="a"', "x-b"],
    )
    assert read_demand(pb.VerifyRequest(demand=whole)) == Demand(
        allowed_schemes=frozenset({"s"}),
        regions=frozenset({"r"}),
        services=frozenset({"v", "w"}),
        required_headers=frozenset({b"x-a"}),
        tenants=frozenset({"t"}),
        key_id="key-1",
        label="sig1",
        tag="an app",
        required_components=('"@method"', '"@query-param";name="a"', "x-b"),
    )


def test_every_field_of_a_demand_is_read() -> None:
    """A field that is not read would be a demand that silently does not hold."""
    assert {field.name for field in pb.Demand.DESCRIPTOR.fields} == {field.name for field in dataclasses.fields(Demand)}


SINGLE: list[tuple[str, Any, bool]] = [
    ("key_id", "abc", True),
    ("key_id", "A" * 128, True),
    ("key_id", "ab", False),
    ("key_id", "A" * 129, False),
    ("key_id", "a b c", False),
    ("key_id", "abc\n", False),
    ("label", "*", True),
    ("label", "a" * 64, True),
    ("label", "sig-1_b.c*", True),
    ("label", "a" * 65, False),
    ("label", "Sig1", False),
    ("label", "1sig", False),
    ("label", "sig 1", False),
    ("tag", "~" * 256, True),
    ("tag", "a tag", True),
    ("tag", "~" * 257, False),
    ("tag", "a\n", False),
    ("tag", "ä", False),
    ("required_components", ['"@path"'] * 64, True),
    ("required_components", ["content-digest"], True),
    ("required_components", ['"@query-param";name="' + "n" * 400 + '"'], True),
    ("required_components", ['"@path"'] * 65, False),
    ("required_components", [""], False),
    ("required_components", ['"@status"'], False),
    ("required_components", ['"@path"; x'], False),
    ("required_components", ['"@path'], False),
    ("required_components", ['"X-A"'], False),
    ("required_components", ['"x-a\n"'], False),
    ("required_components", ['"@query-param";name="' + "n" * 500 + '"'], False),
]


@pytest.mark.parametrize(("name", "value", "good"), SINGLE)
def test_limits_of_what_is_demanded_of_a_signature(name: str, value: Any, good: bool) -> None:
    message = pb.VerifyRequest(demand=pb.Demand(**{name: value}))
    if good:
        read = getattr(read_demand(message), name)
        assert read == (tuple(value) if isinstance(value, list) else value)
        return
    with pytest.raises(InvalidField) as caught:
        read_demand(message)
    assert caught.value.field == f"demand.{name}"


@pytest.mark.parametrize("name", ["allowed_schemes", "regions", "services", "required_headers", "tenants"])
@pytest.mark.parametrize("values", [[""], ["a", ""], ["a"] * 1025])
def test_demands_that_mean_nothing(name: str, values: list[str]) -> None:
    message = pb.VerifyRequest()
    getattr(message.demand, name).extend(values)
    with pytest.raises(InvalidField, match=f"^demand.{name}: "):
        read_demand(message)


def test_demanded_headers_are_names() -> None:
    with pytest.raises(InvalidField, match=r"^demand.required_headers: "):
        read_demand(pb.VerifyRequest(demand=pb.Demand(required_headers=["no name"])))
