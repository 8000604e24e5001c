"""The reader of raw requests: what it takes, and by which error it refuses what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.model import HttpRequest
from counterseal.server.cli import raw_http
from counterseal.server.cli.raw_http import (
    BadBody,
    BadHeaderLine,
    BadLineEnd,
    BadRequestLine,
    HeadNotEnded,
    RawHttpError,
    check_body,
    read_header_flag,
    read_request,
    without_body,
    write_request,
)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_request_with_repeats_odd_bytes_and_a_body(end: bytes) -> None:
    lines = (
        b"PUT /a%2F?b=\xff HTTP/1.1",
        b"Host: x",
        b"X-A:  1 \t",
        b"x-a:2",
        b"X-Empty:",
        b"X-Raw: \xff\t.",
        b"",
        b"body\r\n\n",
    )
    assert read_request(end.join(lines)) == HttpRequest(
        method=b"PUT",
        target=b"/a%2F?b=\xff",
        headers=((b"host", b"x"), (b"x-a", b"1"), (b"x-a", b"2"), (b"x-empty", b""), (b"x-raw", b"\xff\t.")),
        content=b"body\r\n\n",
    )


def test_a_blank_line_of_the_other_kind_inside_the_body_stays_body() -> None:
    assert read_request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\na\n\nb\r\n\r\nc").content == b"a\n\nb\r\n\r\nc"
    assert read_request(b"GET / HTTP/1.1\nHost: x\n\na\r\n\r\nb\n\nc").content == b"a\r\n\r\nb\n\nc"


def test_no_headers_and_no_body() -> None:
    read = read_request(b"GET / HTTP/1.0\n\n")
    assert (read.headers, read.content) == ((), b"")


@pytest.mark.parametrize(
    ("raw", "error", "line"),
    [
        (b"", HeadNotEnded, 1),
        (b"GET / HTTP/1.1", HeadNotEnded, 1),
        (b"GET / HTTP/1.1\n", HeadNotEnded, 2),
        (b"GET / HTTP/1.1\nHost: x\n", HeadNotEnded, 3),
        (b"\nGET / HTTP/1.1\n\n", BadRequestLine, 1),
        (b"GET /\n\n", BadRequestLine, 1),
        (b"GET  / HTTP/1.1\n\n", BadRequestLine, 1),
        (b"GET /a b HTTP/1.1\n\n", BadRequestLine, 1),
        (b"GET / HTTP/1.1 \n\n", BadRequestLine, 1),
        (b" GET / HTTP/1.1\n\n", BadRequestLine, 1),
        (b"GET\t/ HTTP/1.1\n\n", BadRequestLine, 1),
        (b"G@T / HTTP/1.1\n\n", BadRequestLine, 1),
        (b"GET / http/1.1\n\n", BadRequestLine, 1),
        (b"GET / HTTP/11\n\n", BadRequestLine, 1),
        (b"GET /\x00 HTTP/1.1\n\n", BadRequestLine, 1),
        (b"GET / HTTP/1.1\nHost\n\n", BadHeaderLine, 2),
        (b"GET / HTTP/1.1\nHost : x\n\n", BadHeaderLine, 2),
        (b"GET / HTTP/1.1\n: x\n\n", BadHeaderLine, 2),
        (b"GET / HTTP/1.1\nHost: x\n folded\n\n", BadHeaderLine, 3),
        (b"GET / HTTP/1.1\nHost: x\n\tfolded\n\n", BadHeaderLine, 3),
        (b"GET / HTTP/1.1\nH\xc3\xb6st: x\n\n", BadHeaderLine, 2),
        (b"GET / HTTP/1.1\nHost: a\x00b\n\n", BadHeaderLine, 2),
        (b"GET / HTTP/1.1\nHost: a\x7fb\n\n", BadHeaderLine, 2),
        (b"GET / HTTP/1.1\r\nHost: x\n\r\n", BadLineEnd, 2),
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", BadLineEnd, 2),
        (b"GET / HTTP/1.1\nHost: x\r\n\n", BadLineEnd, 2),
        (b"GET / HTTP/1.1\nHost: a\rb\n\n", BadLineEnd, 2),
    ],
)
def test_what_is_refused(raw: bytes, error: type[RawHttpError], line: int) -> None:
    with pytest.raises(RawHttpError) as caught:
        read_request(raw)
    assert type(caught.value) is error
    assert caught.value.line == line


@pytest.mark.parametrize("value", [b"5", b"3", b"+4", b"4_0", b"", b"4, 4", "٤".encode()])
def test_a_body_of_another_length_than_announced(value: bytes) -> None:
    request = read_request(b"PUT / HTTP/1.1\ncontent-length: " + value + b"\n\nbody")
    with pytest.raises(BadBody):
        check_body(request)


def test_bodies_that_fit() -> None:
    check_body(read_request(b"PUT / HTTP/1.1\nContent-Length: 4\n\nbody"))
    check_body(read_request(b"PUT / HTTP/1.1\n\nbody"))


def test_a_transfer_encoding_is_not_undone() -> None:
    with pytest.raises(BadBody):
        check_body(read_request(b"PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n4\r\nbody\r\n0\r\n\r\n"))


def test_a_body_left_out_differs_from_an_empty_one() -> None:
    request = read_request(b"PUT / HTTP/1.1\n\n")
    assert request.content == b""
    assert without_body(request).content is None


@pytest.mark.parametrize("text", ["Host", "Host : x", " Host: x", "Host: x\nEvil: y", "Host: x\r", "", ":"])
def test_header_flags_that_are_no_fields(text: str) -> None:
    with pytest.raises(BadHeaderLine):
        read_header_flag(text)


_names = st.from_regex(rb"[!#$%&'*+\-.^_`|~0-9a-z]{1,12}", fullmatch=True)
_values = st.from_regex(rb"|[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,12}[\x21-\x7e\x80-\xff])?", fullmatch=True)


@given(
    method=st.from_regex(rb"[A-Z]{1,8}", fullmatch=True),
    target=st.from_regex(rb"/[\x21-\x7e\x80-\xff]{0,20}", fullmatch=True),
    headers=st.lists(st.tuples(_names, _values), max_size=5),
    body=st.binary(max_size=40),
)
def test_what_is_written_is_read_back(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    request = HttpRequest(method=method, target=target, headers=tuple(headers), content=body)
    assert read_request(write_request(request)) == request


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([b"GET / HTTP/1.1", b"a: b", b"\n", b"\r\n", b" ", b":"])).map(b"".join)
)
def test_nothing_but_the_typed_errors(raw: bytes) -> None:
    try:
        request = raw_http.read_request(raw)
    except RawHttpError:
        return
    # Nothing was made up or lost: what was read writes back to a request that reads the same.
    assert read_request(write_request(request)) == request
