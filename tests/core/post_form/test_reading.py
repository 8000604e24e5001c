"""The readers of multipart bodies and of policies: what they take, and what they refuse."""

import email.parser
import email.policy
from typing import Any

import pytest

from counterseal.core import http
from counterseal.core.buckets import BucketHosts
from counterseal.core.model import HttpRequest, Reason, Refusal
from counterseal.core.post_form import (
    Part,
    boundary_of,
    is_form,
    may_sign,
    read_form,
    read_parts,
    telling,
)
from tests.core.post_form.parts import FIELDS, form4, post

HEAD = b'Content-Disposition: form-data; name="a"\r\n\r\n'
ONE = b"--B\r\n" + HEAD + b"x\r\n--B--\r\n"


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    assert caught.value.reason is Reason.MALFORMED
    return caught.value.detail


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        (b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", b"----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        (b"Multipart/Form-Data;boundary=x", b"x"),
        (b'multipart/form-data; Boundary="a:b/c=d?(e),f"', b"a:b/c=d?(e),f"),
        (b"multipart/form-data ;\tboundary=" + b"x" * 70, b"x" * 70),
    ],
)
def test_boundaries(text: bytes, boundary: bytes) -> None:
    assert boundary_of(text) == boundary


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/form-data; boundary=" + b"x" * 71,
        b"multipart/form-data; boundary=a; boundary=b",
        b"multipart/form-data; charset=utf-8; boundary=a",
        b"multipart/form-data; boundary=a;",
        b"multipart/form-data; boundary=a b",
        b"multipart/form-data; boundary=a,b",
        b'multipart/form-data; boundary="a"b',
        b'multipart/form-data; boundary="a\\"b"',
        b"multipart/form-data, multipart/form-data; boundary=a",
        b"multipart/form-datax; boundary=a",
        b"multipart/mixed; boundary=a",
    ],
)
def test_what_names_no_boundary(text: bytes) -> None:
    assert "content-type" in refusal(boundary_of, text)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (ONE, [(b"a", None, b"x")]),
        (ONE[:-2], [(b"a", None, b"x")]),
        (ONE.replace(b"x\r\n", b"\r\n"), [(b"a", None, b"")]),
        (ONE.replace(b"x", b"\r\n\r\n--\r\n\n"), [(b"a", None, b"\r\n\r\n--\r\n\n")]),
        (ONE.replace(b'"a"', b"a"), [(b"a", None, b"x")]),
        (ONE.replace(b'"a"', b'"a";filename=""'), [(b"a", b"", b"x")]),
        (ONE.replace(b'"a"', b"a; filename=b.c"), [(b"a", b"b.c", b"x")]),
        (ONE.replace(b'"a"', b'"a"; filename="b;=\'%22"'), [(b"a", b"b;='%22", b"x")]),
        *(
            (ONE.replace(b"Content", b"Content-Type: " + own + b"\r\nContent"), [(b"a", None, b"x")])
            for own in (
                b"text/plain",
                b"Text/Plain; Charset=UTF-8",
                b"text/plain;charset=utf-8",
                b'text/plain ;\tcharset="utf-8"',
            )
        ),
        (
            ONE.replace(b"Content", b"Content-Type: text/html; charset=utf-16\r\nContent").replace(b'"a"', b'"File"'),
            [(b"File", None, b"x")],
        ),
        (ONE.replace(b"Content", b"content-transfer-encoding:  8BIT \r\ncontent"), [(b"a", None, b"x")]),
        (b"--B\r\n" + HEAD + b"x\r\n" + ONE, [(b"a", None, b"x"), (b"a", None, b"x")]),
    ],
)
def test_parts(body: bytes, wanted: list[tuple[bytes, bytes | None, bytes]]) -> None:
    found = read_parts(body, b"B")
    assert [(part.name, part.filename, part.content) for part in found] == wanted


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B",
        b"--B--",
        b"--B--\r\n",
        b"--B\r\n--B--",
        b"--B\r\n\r\n--B--",
        b"\r\n" + ONE,
        b"x\r\n" + ONE,
        ONE + b"\r\n",
        ONE + ONE,
        ONE[:-4],
        ONE[:-6],
        ONE.replace(b"x", b"x\r\n--BX\r\ny"),
        ONE.replace(b"x", b"x\n--B\n" + HEAD),
        ONE.replace(b"x", b"--B"),
        ONE.replace(b"x\r\n", b"x\n"),
        ONE.replace(b"x\r\n", b"x"),
        ONE.replace(b"--B\r\n", b"--B \r\n"),
        ONE.replace(b"--B\r\n", b"--B\n"),
        ONE.replace(b"\r\n\r\nx", b"\r\nx"),
        ONE.replace(b"\r\n\r\nx", b"\n\nx"),
        ONE.replace(b"Content", b"\r\nContent"),
        ONE.replace(b"Content-Disposition:", b"Content-Disposition :"),
        ONE.replace(b"Content", b" Content"),
        ONE.replace(b"Content", b"Content-Type: a\r\n b\r\nContent"),
        ONE.replace(b"Content", b"Content-Type: a\x00\r\nContent"),
        ONE.replace(b"Content", b"Content-Type: a\r\nContent-Type: a\r\nContent"),
        ONE.replace(b"Content", b"Content-Length: 1\r\nContent"),
        *(
            ONE.replace(b"Content", b"Content-Type: " + own + b"\r\nContent")
            for own in (
                b"",
                b"text/html",
                b"text/plain2",
                b"text/plain;",
                b"text/plain; charset=iso-8859-1",
                b"text/plain; charset=utf-16",
                b"text/plain; charset=utf-7",
                b"text/plain; charset=utf-8; charset=utf-16",
                b"text/plain; format=flowed; charset=utf-8",
                b"text/plain; charset*=us-ascii''utf-16",
                b"application/octet-stream",
            )
        ),
        ONE.replace(b"Content", b"Content-Transfer-Encoding: base64\r\nContent"),
        ONE.replace(b"Content", b"Content-Transfer-Encoding: quoted-printable\r\nContent"),
        ONE.replace(b"Content-Disposition", b"Content-Type"),
        ONE.replace(b"form-data", b"attachment"),
        ONE.replace(b'"a"', b'"a\\"b"'),
        ONE.replace(b'"a"', b'"a'),
        ONE.replace(b'"a"', b""),
        ONE.replace(b'"a"', b'"a"; name="b"'),
        ONE.replace(b'"a"', b'"a"; filename="b"; filename="c"'),
        ONE.replace(b'name="a"', b'filename="b"; name="a"'),
        ONE.replace(b'"a"', b"\"a\"; filename*=utf-8''b"),
        ONE.replace(b'"a"', b'"' + b"a" * 1025 + b'"'),
        ONE.replace(b"Content", b"Content-Type: " + b"a" * 4096 + b"\r\nContent"),
        (b"--B\r\n" + HEAD + b"x\r\n") * 256 + ONE,
    ],
)
def test_bodies_that_are_refused(body: bytes) -> None:
    assert refusal(read_parts, body, b"B").startswith("form: ")


def test_many_parts_and_a_boundary_of_dashes() -> None:
    assert len(read_parts((b"--B\r\n" + HEAD + b"x\r\n") * 255 + ONE, b"B")) == 256
    assert read_parts(ONE.replace(b"B", b"---"), b"---")[0].content == b"x"


def test_what_is_read_the_standard_library_reads_too() -> None:
    """`email` is another reader: where ours takes a form, both see the same parts."""
    form = form4()
    head = b"Content-Type: " + dict(form.headers)[b"content-type"] + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + (form.content or b""))
    theirs = [
        (part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in message.iter_parts()
    ]
    ours = read_parts(form.content or b"", boundary_of(dict(form.headers)[b"content-type"]))
    assert [(part.name.decode(), part.content) for part in ours[:-1]] == theirs[:-1]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b'name="X-Amz-Signature"', True),
        (b"name=x-amz-signature\r\n", True),
        (b"NAME=x-amz-signature;", True),
        (b'name="x-amz-signatures"', False),
        (b'name="x-amz"', False),
    ],
)
def test_what_seems_to_sign(name: bytes, found: bool) -> None:
    def request(method: bytes = b"POST", content: bytes | None = name, **more: bytes) -> http.ReadRequest:
        fields = {"content-type": b"multipart/form-data; boundary=B"} | more
        headers = tuple((key.replace("_", "-").encode(), value) for key, value in fields.items())
        return http.read_request(HttpRequest(method=method, target=b"/b", headers=headers, content=content))

    looking = telling("x-amz-signature")
    assert may_sign(request(), looking) is found
    assert not may_sign(request(method=b"PUT"), looking)
    assert not may_sign(request(content=None), looking)
    for other in ("authorization", "signature", "signature_input"):
        assert not may_sign(request(**{other: b"x"}), looking)
    assert not may_sign(request(content=b" " * 131_072 + name), looking)
    assert not is_form(request(**{"content-type": b"multipart/form-dataset; boundary=B"}))
    assert is_form(request(**{"content-type": b" multipart/form-data\t;"}))


def test_a_query_signature_beside_a_form_counts() -> None:
    for name in (b"X-Amz-Signature", b"x-amz-credential", b"AWSAccessKeyId"):
        form = form4(target=b"/photos?" + name + b"=x")
        assert not may_sign(http.read_request(form), telling("x-amz-signature"))


def test_fields() -> None:
    form = read_form(http.read_request(post(FIELDS | {"X-AMZ-Meta-Ünï".replace("Ünï", "Uni"): "é"})))
    assert form.fields["x-amz-meta-uni"] == "é"
    assert form.fields["content-type"] == "image/jpeg"
    assert read_form(http.read_request(post({"_charset_": "UTF-8"}))).fields == {"_charset_": "UTF-8"}
    assert "_charset_" in refusal(read_form, http.read_request(post({"_Charset_": "utf-16"})))
    assert (form.file_length, form.filename) == (16, "MyPicture.jpg")
    assert "name" in refusal(read_form, http.read_request(post({"a b": "x"})))
    assert "name" in refusal(read_form, http.read_request(post({"": "x"})))
    with pytest.raises(Refusal) as caught:
        read_form(http.read_request(HttpRequest(method=b"POST", target=b"/", headers=())))
    assert caught.value.reason is Reason.BODY_REQUIRED


def test_what_is_read_is_not_shown() -> None:
    """Fields, policies and file names stay out of representations, and so out of logs."""
    form = read_form(http.read_request(form4()))
    assert "public-read" not in repr(form)
    assert "Hello" not in repr(Part(name=b"file", content=b"Hello"))
    assert BucketHosts().base_domains == ()
