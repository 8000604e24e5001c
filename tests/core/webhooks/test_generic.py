"""Options: each one that does not fit is refused with its name, before any request is read."""

import pytest

from counterseal.core.model import KeyKind
from counterseal.core.schemes.webhooks import KIND, from_options
from tests.core.webhooks.exchange import KEY, NAMED, NOW, PLAIN, configured, header_of, signed, verifies

LEAST = {"signature_header": "x-sig", "template": "{body}"}
TIMED = {**LEAST, "timestamp_header": "x-time", "template": "{timestamp}.{body}"}
LISTED = {
    **LEAST,
    "signature_separator": ",",
    "signature_prefix": "v1=",
    "timestamp_prefix": "t=",
    "template": "{timestamp}.{body}",
}


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 64, "ä", "a/b", "a\n"])
def test_names(name: str) -> None:
    with pytest.raises(ValueError, match="name: "):
        from_options(name, LEAST)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "option signature_header: missing"),
        ({"signature_header": "x"}, "option template: missing"),
        ({"template": "{body}"}, "option signature_header: missing"),
        ({**LEAST, "signature": "x"}, "option signature: not known"),
        ({**LEAST, "signature_header": b"x"}, "option signature_header: must be a text"),
        ({**LEAST, "template": None}, "option template: must be a text"),
        ({**LEAST, "title": 7}, "option title: must be a text"),
        ({**LEAST, "title": "two\nlines"}, "option title: "),
        ({**LEAST, "title": "x" * 201}, "option title: "),
        ({**LEAST, "hash": "md5"}, "option hash: must be one of"),
        ({**LEAST, "hash": ""}, "option hash: must be one of"),
        ({**LEAST, "hash": "sha1"}, "option allow_sha1: "),
        ({**LEAST, "hash": "sha1", "allow_sha1": False}, "option allow_sha1: "),
        ({**LEAST, "hash": "sha1", "allow_sha1": "yes"}, "option allow_sha1: must be true or false"),
        ({**LEAST, "allow_sha1": True}, "option allow_sha1: "),
        ({**LEAST, "encoding": "HEX"}, "option encoding: must be one of"),
        ({**LEAST, "secret_encoding": "utf-8"}, "option secret_encoding: must be one of"),
        ({**LEAST, "secret_prefix": "é"}, "option secret_prefix: "),
        ({**LEAST, "signature_prefix": "x" * 65}, "option signature_prefix: "),
        ({**LEAST, "signature_prefix": "a\n"}, "option signature_prefix: "),
        ({**LEAST, "signature_header": "X-Sig"}, "option signature_header: "),
        ({**LEAST, "signature_header": "x sig"}, "option signature_header: "),
        ({**LEAST, "signature_header": "signature"}, "option signature_header: "),
        ({**LEAST, "signature_header": "host"}, "option signature_header: "),
        ({**LEAST, "signature_header": "authorization"}, "option signature_prefix: in authorization"),
        (
            {**LEAST, "signature_header": "authorization", "signature_prefix": "HMAC"},
            "option signature_prefix: in authorization",
        ),
        ({**LEAST, "template": "{id}{body}"}, "template: ambiguous"),
        ({**LEAST, "template": "{timestamp}.{body}"}, "option template: must hold {timestamp}"),
        ({**LEAST, "template": "{id}.{body}"}, "option template: must hold {id}"),
        ({**LEAST, "timestamp_header": "x-time"}, "option template: must hold {timestamp}"),
        ({**LEAST, "id_header": "x-id"}, "option template: must hold {id}"),
        ({**TIMED, "timestamp_unit": "us"}, "option timestamp_unit: must be one of"),
        ({**TIMED, "timestamp_prefix": "t="}, "option timestamp_prefix: goes without timestamp_header"),
        ({**TIMED, "timestamp_header": "x-sig"}, "different header fields"),
        ({**TIMED, "timestamp_header": "authorization"}, "authorization can only be the signature's"),
        ({**TIMED, "template": "{timestamp}{header:x-time}\n{body}"}, "different header fields"),
        ({**LEAST, "template": "{header:x-sig}\n{body}"}, "different header fields"),
        ({**LEAST, "template": "{header:authorization}\n{body}"}, "authorization can only be the signature's"),
        ({**LISTED, "signature_separator": ""}, "option signature_separator: missing"),
        ({**LEAST, "public_prefix": "v1a,"}, "option signature_separator: missing"),
        ({**LISTED, "signature_separator": "="}, "option signature_separator: must not be part of a prefix"),
        ({**LISTED, "signature_prefix": ""}, "option signature_prefix: a prefix must not begin"),
        ({**LISTED, "signature_prefix": "t="}, "option signature_prefix: a prefix must not begin"),
        ({**LISTED, "timestamp_prefix": "v1=t"}, "option signature_prefix: a prefix must not begin"),
        ({**LISTED, "public_prefix": "v1"}, "option signature_prefix: a prefix must not begin"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match="(?i)" + what.replace("{", r"\{").replace("}", r"\}")):
        from_options("vendor", options)


def test_what_a_scheme_says_about_itself() -> None:
    timed, timeless = configured(**TIMED), configured(**LEAST, title="Vendor's webhooks")
    assert (timed.timeless, timeless.timeless) == (False, True)
    assert timed.title == "webhooks signed in x-sig, as configured"
    assert timeless.title == "Vendor's webhooks"
    assert not timed.names_key
    assert not timed.weakness
    assert configured(**LEAST, hash="sha1", allow_sha1=True).weakness == "HMAC-SHA1"
    assert timed.key_kinds == {KeyKind.SYMMETRIC}
    assert configured(**LISTED, public_prefix="ed=").key_kinds == {KeyKind.SYMMETRIC, KeyKind.PUBLIC}
    assert KIND == "webhook-hmac"
    assert {name for name, scheme in NAMED.items() if scheme.timeless} == {"github"}
    assert {name for name, scheme in NAMED.items() if KeyKind.PUBLIC in scheme.key_kinds} == {"standard-webhooks", "svix"}


@pytest.mark.parametrize("encoding", ["hex", "base64", "base64url", "base64url-padded"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("unit", ["s", "ms"])
def test_every_choice_signs_and_verifies(encoding: str, algorithm: str, unit: str) -> None:
    options = {**TIMED, "encoding": encoding, "hash": algorithm, "timestamp_unit": unit, "allow_sha1": algorithm == "sha1"}
    scheme = from_options("vendor", options)
    request = signed(scheme)
    assert header_of(request, b"x-time") == (b"%d" % NOW) + (b"000" if unit == "ms" else b"")
    assert verifies(request, scheme)
    for other in ("hex", "base64", "base64url", "base64url-padded"):
        if other != encoding:
            assert not verifies(signed(configured(**TIMED, encoding=other), now=NOW), scheme)


def test_an_id_in_the_list() -> None:
    scheme = configured(**{**LISTED, "id_prefix": "id=", "template": "{id}.{timestamp}.{body}"})
    request = signed(scheme, id="seven")
    assert header_of(request, b"x-sig").startswith(b"id=seven,t=%d,v1=" % NOW)
    assert verifies(request, scheme)


def test_a_list_of_bare_signatures() -> None:
    scheme = configured(**LEAST, signature_separator=", ")
    value = header_of(signed(scheme), b"x-sig")
    request = signed(configured(**LEAST), PLAIN)
    assert verifies(request, scheme)
    listed = tuple((n, b"0" * 64 + b", " + v if n == b"x-sig" else v) for n, v in request.headers)
    assert verifies(type(request)(method=b"POST", target=b"/", headers=listed, content=request.content), scheme, key=KEY)
    assert value == header_of(request, b"x-sig")
