"""A key for webhooks is for one scheme alone: what a sender signs holds what strangers wrote."""

import base64
import hashlib
import hmac
from dataclasses import replace

from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Verdict, Verified, Window
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.rfc9421 import read_claim
from counterseal.core.verify import conclude, examine, shared_with_webhooks

NOW = 1_790_000_000
SECRET = b"a secret of a webhook's sender, long enough"
KEY = Key(key_id="hook-1", tenant="t", secret=SECRET, allowed_schemes=frozenset({"github"}), state=KeyState.ACTIVE)
BOTH = replace(KEY, allowed_schemes=frozenset({"github", "rfc9421"}))
PARAMETERS = b'("@method" "@authority" "@path" "@query");created=%d;keyid="hook-1"' % NOW
BARE = HttpRequest(
    method=b"DELETE",
    target=b"/accounts?all=1",
    headers=((b"host", b"api.example.com"), (b"signature-input", b"sig=" + PARAMETERS)),
    content=b"",
)


def ask(request: HttpRequest, key: Key, demand: Demand) -> Verdict:
    claim = examine(request, demand, schemes=BUILT_IN, window=Window(), now=NOW)
    if isinstance(claim, Rejected):
        return claim
    return conclude(claim, request, key, demand, schemes=BUILT_IN, window=Window(), now=NOW)


def delivery(body: bytes) -> HttpRequest:
    mac = hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
    return HttpRequest(
        method=b"POST",
        target=b"/hook",
        headers=((b"host", b"x.example"), (b"x-hub-signature-256", b"sha256=" + mac)),
        content=body,
    )


def test_a_body_that_spells_a_signature_base_signs_no_request() -> None:
    """The sender is made to deliver a chosen body, and its signature is put on another request."""
    unsigned = replace(BARE, headers=(*BARE.headers, (b"signature", b"sig=:AAAA:")))
    base = read_claim(unsigned).base
    mac = hmac.new(SECRET, base, hashlib.sha256).digest()
    demand = Demand(allowed_schemes=frozenset({"github"}), key_id="hook-1")
    assert isinstance(ask(delivery(base), KEY, demand), Verified)

    forged = replace(BARE, headers=(*BARE.headers, (b"signature", b"sig=:" + base64.b64encode(mac) + b":")))
    # The signature is right: with a key for this scheme alone it verifies.
    assert isinstance(ask(forged, replace(KEY, allowed_schemes=frozenset({"rfc9421"})), Demand()), Verified)
    for key in (KEY, BOTH):
        found = ask(forged, key, Demand())
        assert isinstance(found, Rejected)
        assert found.reason is Reason.UNSUPPORTED_SCHEME


def test_such_a_key_is_good_for_neither_scheme() -> None:
    found = ask(delivery(b"{}"), BOTH, Demand(allowed_schemes=frozenset({"github"}), key_id="hook-1"))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME


def test_which_sets_of_schemes_share_a_key() -> None:
    assert not shared_with_webhooks({"github"}, BUILT_IN)
    assert not shared_with_webhooks({"aws-sigv4", "rfc9421"}, BUILT_IN)
    assert shared_with_webhooks({"stripe", "slack"}, BUILT_IN)
    assert shared_with_webhooks({"aws-sigv4", "github"}, BUILT_IN)
    assert not shared_with_webhooks({"aws-sigv4", "not-here"}, BUILT_IN)
