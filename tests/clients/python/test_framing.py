"""Requests that say twice where their body ends: refused before anybody is asked, whatever the ASGI server made of them."""

import runpy
from pathlib import Path

import pytest

from tests.clients.python.exchange import exchange, http_scope
from tests.clients.python.stub import StubService

LENGTH, CODING = b"content-length", b"transfer-encoding"
GATEWAY = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "gateway.py"))


@pytest.mark.parametrize(
    "fields",
    [
        [(LENGTH, b"4"), (CODING, b"chunked")],
        [(CODING, b"chunked"), (LENGTH, b"4")],
        [(LENGTH, b"0"), (CODING, b"chunked")],
        [(b"Content-Length", b"4"), (b"Transfer-Encoding", b"chunked")],
        [(LENGTH, b"4"), (LENGTH, b"5")],
        [(LENGTH, b"4"), (LENGTH, b"4")],
        [(LENGTH, b"4, 4")],
        [(LENGTH, b"+4")],
        [(LENGTH, b"0x4")],
        [(LENGTH, b"")],
        [(LENGTH, b"1" * 20)],
        [(CODING, b"chunked"), (CODING, b"chunked")],
        [(CODING, b"gzip, chunked")],
        [(CODING, b"chunked, identity")],
        [(CODING, b"identity")],
        [(CODING, b"Chunked")],
        [(CODING, b"\x0bchunked")],
        [(CODING, b"")],
        [(CODING, b"chunked"), (b"content_length", b"4")],
        [(LENGTH, b"4"), (b"Transfer_Encoding", b"chunked")],
    ],
)
def test_two_framings_are_refused_before_anybody_is_asked(stub: StubService, fields: list[tuple[bytes, bytes]]) -> None:
    seen = exchange(stub.address, http_scope("PUT", headers=fields), [b"body"])
    assert (seen.status, seen.scopes, stub.requests) == (400, [], [])
    assert seen.headers[b"connection"] == b"close"
    assert b"<Code>InvalidRequest</Code>" in seen.body


@pytest.mark.parametrize("version", ["1.0", "2", "3"])
def test_a_transfer_encoding_where_http_has_none(stub: StubService, version: str) -> None:
    seen = exchange(stub.address, http_scope("PUT", headers=[(CODING, b"chunked")], http_version=version), [b"body"])
    assert (seen.status, stub.requests) == (400, [])


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ([(LENGTH, b"4")], "1.1"),
        ([(LENGTH, b"4")], "1.0"),
        ([(CODING, b"chunked")], "1.1"),
        ([], "1.1"),
        ([(LENGTH, b"4")], "2"),
    ],
)
def test_one_framing_passes(stub: StubService, fields: list[tuple[bytes, bytes]], version: str) -> None:
    seen = exchange(stub.address, http_scope("PUT", headers=fields, http_version=version), [b"body" if fields else b""])
    assert seen.status == 200


def test_the_example_sends_one_framing_on() -> None:
    """A belt: an application behind another middleware must not send both on either, nor answer with both."""
    headers = [(b"Content-Length", b"4"), (b"Transfer-Encoding", b"chunked"), (b"x-a", b"1")]
    assert GATEWAY["end_to_end"](headers) == [(b"x-a", b"1")]
    assert GATEWAY["answered"](headers) == [(b"x-a", b"1")]
    assert GATEWAY["end_to_end"]([(b"content-length", b"4")]) == [(b"content-length", b"4")]


def test_the_example_drops_no_signed_field() -> None:
    headers = [(b"connection", b"x-a, x-b, x-counterseal-principal"), (b"x-a", b"1"), (b"x-b", b"2")]
    identity = (b"x-counterseal-principal", b"alice")
    assert GATEWAY["end_to_end"]([*headers, identity], kept=("x-a",)) == [(b"x-a", b"1"), identity]
