"""Which words a refusal is shown in, and what is asked for along with a 401."""

import itertools
from typing import Any

import pytest

from counterseal.core.model import Claim, Coverage, Demand, HttpRequest, Reason, StringToSignSubject
from counterseal.core.schemes import BUILT_IN
from counterseal.server.rpc.public_choice import PublicErrors
from counterseal.server.rpc.public_errors import (
    KEY_UNUSABLE,
    PLAIN_KEY_UNUSABLE,
    TOKEN_UNUSABLE,
    Public,
    chunk_error,
    plain_error,
)

AWS = HttpRequest(method=b"GET", target=b"/", headers=((b"host", b"h"), (b"authorization", b"AWS4-HMAC-SHA256 x")))
BARE = HttpRequest(method=b"POST", target=b"/", headers=((b"host", b"h"),), content=b"a body")
STRIPE = HttpRequest(method=b"POST", target=b"/", headers=((b"host", b"h"), (b"stripe-signature", b"t=1,v1=00")))
BROKEN = HttpRequest(method=b" ", target=b"", headers=())
STS = StringToSignSubject(scheme="aws-sigv4", credential=b"c", string_to_sign=b"s", signature=b"0")
ALIKE = (Reason.UNKNOWN_KEY, Reason.MISMATCH, Reason.KEY_DISABLED, Reason.KEY_REVOKED, Reason.KEY_EXPIRED)


def errors(*names: str) -> PublicErrors:
    return PublicErrors({name: BUILT_IN[name] for name in names})


def claim(scheme: str) -> Claim:
    return Claim(scheme=scheme, key_id="k", scope=None, signed_time=1, valid_for=None, coverage=Coverage(), signature=b"s")


def accept(public: Public) -> bytes | None:
    return dict(public.headers).get("accept-signature")


@pytest.mark.parametrize(
    ("enabled", "subject", "demand", "code"),
    [
        (("aws-sigv4", "rfc9421"), BARE, Demand(), "AccessDenied"),
        (("rfc9421", "aws-sigv4"), BARE, Demand(), "SignatureRequired"),
        (("rfc9421", "aws-sigv4"), BARE, Demand(allowed_schemes=frozenset({"aws-sigv4"})), "AccessDenied"),
        (("aws-sigv4", "rfc9421"), BARE, Demand(allowed_schemes=frozenset({"rfc9421"})), "SignatureRequired"),
        (("aws-sigv4", "rfc9421"), BARE, Demand(allowed_schemes=frozenset({"unknown"})), "AccessDenied"),
        (("stripe",), BARE, Demand(), "SignatureRequired"),
    ],
)
def test_without_a_signature_the_first_scheme_decides(
    enabled: tuple[str, ...], subject: HttpRequest, demand: Demand, code: str
) -> None:
    assert errors(*enabled).of(Reason.UNSIGNED, subject, demand, None).code == code


def test_what_the_request_looks_like_decides_before_the_settings() -> None:
    both = errors("rfc9421", "stripe", "aws-sigv4")
    assert both.of(Reason.MALFORMED, AWS, Demand(), None).code == "AuthorizationHeaderMalformed"
    assert both.of(Reason.MALFORMED, STS, Demand(), None).code == "AuthorizationHeaderMalformed"
    other = errors("aws-sigv4", "stripe")
    assert other.of(Reason.MALFORMED, STRIPE, Demand(), None).code == "SignatureMalformed"
    assert other.of(Reason.MALFORMED, BROKEN, Demand(), None).code == "AuthorizationHeaderMalformed"


FAMILY = ("aws-sigv4", "aws-sigv4a", "aws-sigv2", "goog4")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_keys_that_do_not_verify_are_alike_under_every_scheme(name: str) -> None:
    everything = errors(*BUILT_IN)
    for subject, demand in itertools.product((BARE, AWS), (Demand(), Demand(allowed_schemes=frozenset({name})))):
        shown = {everything.of(reason, subject, demand, claim(name)) for reason in (*ALIKE, Reason.UNSUPPORTED_SCHEME)}
        assert len(shown) == 1
        (public,) = shown
        own = TOKEN_UNUSABLE if name == "bearer" else PLAIN_KEY_UNUSABLE
        assert public.code in {KEY_UNUSABLE.code, own.code}
        if name in FAMILY:
            assert public == KEY_UNUSABLE


@pytest.mark.parametrize("reason", Reason)
def test_every_plain_answer_is_an_error_and_a_401_names_a_challenge(reason: Reason) -> None:
    for key_asked in (False, True):
        public = plain_error(reason, key_asked=key_asked)
        assert 400 <= public.http_status <= 499
        assert ("www-authenticate" in dict(public.headers)) is (public.http_status == 401)
        assert public.message.endswith(".")


@pytest.mark.parametrize("reason", Reason)
def test_every_answer_about_chunks_is_an_error(reason: Reason) -> None:
    assert 400 <= chunk_error(reason).http_status <= 499


def test_a_401_asks_for_the_signature_that_would_do() -> None:
    public = errors("rfc9421").of(Reason.UNSIGNED, BARE, Demand(), None)
    asked = accept(public)
    assert asked is not None
    for component in (b'"@method"', b'"@authority"', b'"@path"', b'"@query"', b'"content-digest"', b"created"):
        assert component in asked
    demand = Demand(required_components=('"@method"', '"x-a"'), label="mine", tag="app", key_id="key-1")
    asked = accept(errors("rfc9421").of(Reason.NOT_COVERED, BARE, demand, None))
    assert asked is not None
    assert asked.startswith(b'mine=("@method" "x-a")')
    assert b'tag="app"' in asked


@pytest.mark.parametrize(
    ("changes", "digest"),
    [
        ({"content": b""}, False),
        ({"content": b"x"}, True),
        ({"content": None}, False),
        ({"content": None, "headers": ((b"host", b"h"), (b"content-length", b"0"))}, False),
        ({"content": None, "headers": ((b"host", b"h"), (b"content-length", b"7"))}, True),
        ({"content": None, "headers": ((b"host", b"h"), (b"transfer-encoding", b"chunked"))}, True),
    ],
)
def test_a_digest_is_asked_for_where_there_is_a_body(changes: dict[str, Any], digest: bool) -> None:
    subject = HttpRequest(**({"method": b"POST", "target": b"/", "headers": ((b"host", b"h"),)} | changes))
    asked = accept(errors("rfc9421").of(Reason.UNSIGNED, subject, Demand(), None))
    assert asked is not None
    assert (b"content-digest" in asked) is digest


@pytest.mark.parametrize(
    ("enabled", "demand"),
    [
        (("stripe",), Demand()),
        (("stripe", "rfc9421"), Demand(allowed_schemes=frozenset({"stripe"}))),
        (("aws-sigv4", "rfc9421"), Demand()),  # S3's 403
    ],
)
def test_nothing_is_asked_for_that_would_not_be_taken(enabled: tuple[str, ...], demand: Demand) -> None:
    assert accept(errors(*enabled).of(Reason.UNSIGNED, BARE, demand, None)) is None


def test_a_400_asks_for_nothing() -> None:
    assert errors("rfc9421").of(Reason.MALFORMED, BARE, Demand(), None).headers == ()
