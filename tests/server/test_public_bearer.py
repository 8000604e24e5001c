"""What whoever sent a bearer token is shown of a refusal: RFC 6750 section 3, and no more than that."""

import itertools

import pytest

from counterseal.core.model import Claim, Coverage, Demand, HttpRequest, Reason
from counterseal.core.schemes import BUILT_IN
from counterseal.server.rpc.public_choice import PublicErrors
from counterseal.server.rpc.public_errors import Public, bearer_error
from tests.core.bearer.making import key_id, rest, token

TOKEN = token(key_id(1), rest(1))
BARE = HttpRequest(method=b"GET", target=b"/", headers=((b"host", b"h"),), content=b"")
Names = tuple[str, ...]
DEFAULT = ("aws-sigv4", "bearer", "rfc9421")
CLAIM = Claim(
    scheme="bearer", key_id=key_id(1), scope=None, signed_time=None, valid_for=None, coverage=Coverage(), signature=bytes(32)
)
TOKEN_REFUSED = b'Bearer realm="api", error="invalid_token"'
REQUEST_REFUSED = b'Bearer realm="api", error="invalid_request"'
ASKED_FOR = b'Bearer realm="api"'
EITHER = ASKED_FOR + b", Signature"


def sent(value: str) -> HttpRequest:
    return HttpRequest(method=b"GET", target=b"/", headers=((b"host", b"h"), (b"authorization", value.encode())), content=b"")


def shown(
    reason: Reason,
    subject: HttpRequest = BARE,
    *,
    claim: Claim | None = None,
    demanded: tuple[str, ...] = (),
    enabled: tuple[str, ...] = DEFAULT,
) -> Public:
    errors = PublicErrors({name: BUILT_IN[name] for name in enabled})
    return errors.of(reason, subject, Demand(allowed_schemes=frozenset(demanded)), claim)


def challenge(public: Public) -> bytes | None:
    return dict(public.headers).get("www-authenticate")


ALIKE = (
    *(Reason.UNKNOWN_KEY, Reason.MISMATCH, Reason.KEY_DISABLED, Reason.KEY_REVOKED, Reason.KEY_EXPIRED),
    Reason.UNSUPPORTED_SCHEME,
)


@pytest.mark.parametrize("demanded", [(), ("bearer",), ("bearer", "rfc9421"), ("aws-sigv4", "bearer")])
def test_a_refused_token_is_told_so_in_one_way(demanded: tuple[str, ...]) -> None:
    found = {shown(reason, sent(f"Bearer {TOKEN}"), claim=CLAIM, demanded=demanded) for reason in ALIKE}
    assert len(found) == 1
    (public,) = found
    assert (public.http_status, challenge(public)) == (401, TOKEN_REFUSED)
    assert public.code == "TokenNotAccepted"


def test_what_is_malformed_is_the_requests_fault() -> None:
    for value in (f"Bearer {TOKEN[:-1]}", f"bearer {TOKEN}x"):
        public = shown(Reason.MALFORMED, sent(value))
        assert (public.http_status, challenge(public)) == (400, REQUEST_REFUSED)
    query = HttpRequest(method=b"GET", target=f"/?access_token={TOKEN}".encode(), headers=((b"host", b"h"),), content=b"")
    assert challenge(shown(Reason.MALFORMED, query)) == REQUEST_REFUSED


@pytest.mark.parametrize("value", ["Bearer eyJhbGciOiJub25lIn0.e30.", "bearer x", "Bearer", "Bearer "])
def test_somebody_elses_token_is_one_that_is_not_accepted(value: str) -> None:
    public = shown(Reason.UNSUPPORTED_SCHEME, sent(value))
    assert (public.http_status, challenge(public)) == (401, TOKEN_REFUSED)
    # Where no tokens are taken, nothing speaks of them.
    for without in (("aws-sigv4",), ("rfc9421",)):
        assert challenge(shown(Reason.UNSUPPORTED_SCHEME, sent(value), demanded=without)) != TOKEN_REFUSED


@pytest.mark.parametrize(
    ("demanded", "status", "expected"),
    [
        (("bearer",), 401, ASKED_FOR),
        (("bearer", "rfc9421"), 401, EITHER),
        (("aws-sigv4", "bearer"), 403, ASKED_FOR),
        (("rfc9421",), 401, b"Signature"),
        (("aws-sigv4",), 403, None),
        ((), 403, None),
    ],
)
def test_who_sent_nothing_is_told_what_is_taken(demanded: tuple[str, ...], status: int, expected: bytes | None) -> None:
    """RFC 6750 section 3.1: without credentials, "the resource server SHOULD NOT include an error code"."""
    public = shown(Reason.UNSIGNED, demanded=demanded)
    assert (public.http_status, challenge(public)) == (status, expected)


def test_with_rfc_9421_beside_it_the_signature_that_would_do_is_asked_for_too() -> None:
    public = shown(Reason.UNSIGNED, demanded=("bearer", "rfc9421"))
    assert b'"@method"' in dict(public.headers)["accept-signature"]
    assert "accept-signature" not in dict(shown(Reason.UNSIGNED, demanded=("bearer",)).headers)


@pytest.mark.parametrize("reason", Reason)
def test_every_answer_is_an_error_and_a_401_names_a_challenge(reason: Reason) -> None:
    for key_asked in (False, True):
        public = bearer_error(reason, key_asked=key_asked)
        assert 400 <= public.http_status <= 499
        assert challenge(public) is not None or public.http_status != 401
    for enabled, claim in itertools.product((DEFAULT, ("bearer",), ("bearer", "stripe")), (None, CLAIM)):
        public = shown(reason, sent(f"Bearer {TOKEN}"), claim=claim, enabled=enabled)
        assert 400 <= public.http_status <= 499
        assert TOKEN not in repr(public)
