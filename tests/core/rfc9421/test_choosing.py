"""Several signatures: the demand chooses one, and what is not chosen counts for nothing."""

import base64
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, Reason, Verified
from counterseal.core.schemes.rfc9421 import read_accept_signature
from tests.core.rfc9421.making import HMAC, NOW, PLAIN, header, pair, reason, signed, verdict, with_header

KEYS = {"client": pair("ed25519").key, "proxy": pair(HMAC).key}
BOTH = signed(HMAC, signed("ed25519", label="client", tag="app"), label="proxy", tag="edge")


def merged(request: HttpRequest) -> HttpRequest:
    """Return the request with one line for each of both headers, as a proxy may rewrite them."""
    for name in (b"signature-input", b"signature"):
        request = with_header(request, name, header(request, name))
    return request


@pytest.mark.parametrize("request_", [BOTH, merged(BOTH)])
@pytest.mark.parametrize(("label", "tag"), [("client", "app"), ("proxy", "edge")])
def test_by_label_by_tag_and_by_both(request_: HttpRequest, label: str, tag: str) -> None:
    assert reason(request_) is Reason.AMBIGUOUS
    for demand in (Demand(label=label), Demand(tag=tag), Demand(label=label, tag=tag)):
        assert isinstance(verdict(request_, KEYS[label], demand), Verified)
    other = "proxy" if label == "client" else "client"
    assert reason(request_, KEYS[other], Demand(label=label)) is Reason.MISMATCH
    assert reason(request_, KEYS[label], Demand(label=other)) is Reason.MISMATCH
    assert reason(request_, KEYS[label], Demand(label=other, tag=tag)) is Reason.UNSUPPORTED_SCHEME


@pytest.mark.parametrize(
    "demand", [Demand(label="none"), Demand(tag="none"), Demand(label="CLIENT"), Demand(tag="App"), Demand(label="clien")]
)
def test_a_demand_that_none_meets_is_not_unsigned(demand: Demand) -> None:
    assert reason(BOTH, demand=demand) is Reason.UNSUPPORTED_SCHEME
    assert reason(signed(), demand=demand) is Reason.UNSUPPORTED_SCHEME


def test_two_with_the_demanded_tag() -> None:
    """An attacker adds a signature of its own with the same tag: never the one that happens to pass."""
    twice = signed(HMAC, signed("ed25519", label="client", tag="app"), label="mine", tag="app")
    assert reason(twice, KEYS["client"], Demand(tag="app")) is Reason.AMBIGUOUS
    assert isinstance(verdict(twice, KEYS["client"], Demand(tag="app", label="client")), Verified)


def test_the_tag_is_signed_and_the_label_is_not() -> None:
    request = signed(tag="other")
    moved = with_header(request, b"signature-input", header(request, b"signature-input").replace(b'"other"', b'"app"'))
    assert reason(moved, demand=Demand(tag="app")) is Reason.MISMATCH
    swapped = [
        (name, value.replace(b"client=", b"x=").replace(b"proxy=", b"client=").replace(b"x=", b"proxy="))
        for name, value in merged(BOTH).headers
    ]
    assert reason(replace(BOTH, headers=tuple(swapped)), KEYS["client"], Demand(label="client")) is Reason.MISMATCH
    assert isinstance(verdict(replace(BOTH, headers=tuple(swapped)), KEYS["client"], Demand(tag="app")), Verified)


def test_signatures_exchanged_between_labels() -> None:
    values = dict(part.split(b"=", 1) for part in header(BOTH, b"signature").split(b", "))
    crossed = b"client=%s, proxy=%s" % (values[b"proxy"], values[b"client"])
    for label, key in KEYS.items():
        assert reason(with_header(BOTH, b"signature", crossed), key, Demand(label=label)) is Reason.MISMATCH


@pytest.mark.parametrize("broken", [b"proxy=1", b'proxy="AAAA"', b"proxy=::", b"proxy=(:AAAA:)", b"proxy=:AAAA:;x", b"proxy"])
def test_the_one_that_is_not_chosen_has_to_be_well_formed(broken: bytes) -> None:
    values = dict(part.split(b"=", 1) for part in header(BOTH, b"signature").split(b", "))
    other = with_header(BOTH, b"signature", b"client=%s, %s" % (values[b"client"], broken))
    assert reason(other, KEYS["client"], Demand(label="client")) is Reason.MALFORMED


def test_the_one_that_is_not_chosen_may_be_of_another_time_and_kind() -> None:
    stated = (
        header(BOTH, b"signature-input").replace(b"proxy=(", b'proxy=("@status" "x-absent" ').replace(b'"edge"', b'"edge";new')
    )
    assert isinstance(verdict(with_header(BOTH, b"signature-input", stated), KEYS["client"], Demand(label="client")), Verified)
    assert (
        reason(with_header(BOTH, b"signature-input", stated), KEYS["proxy"], Demand(label="proxy")) is Reason.UNSUPPORTED_SCHEME
    )


def test_a_proxy_signs_a_members_signature() -> None:
    """RFC 9421 section 4.3: the proxy's signature covers the client's, as a member of the dictionary."""
    rest = '"@method" "@authority" "@path" "@query" "content-digest"'
    first = signed("ed25519", PLAIN, NOW, label="client")
    both = signed(HMAC, first, NOW, label="proxy", components=f'{rest} "signature";key="client" "signature-input";key="client"')
    assert isinstance(verdict(both, KEYS["proxy"], Demand(label="proxy")), Verified)
    forged = header(both, b"signature").replace(header(first, b"signature"), b"client=:" + base64.b64encode(bytes(64)) + b":")
    assert reason(with_header(both, b"signature", forged), KEYS["proxy"], Demand(label="proxy")) is Reason.MISMATCH


def test_the_rfcs_own_accept_signature() -> None:
    """Section 5.1."""
    value = (
        b'sig1=("@method" "@target-uri" "@authority" "content-digest" "cache-control");'
        b'keyid="test-key-rsa-pss";created;tag="app-123"'
    )
    (asked,) = read_accept_signature([value])
    assert [component.name for component in asked.components][-1] == "cache-control"
    assert asked.parameters == {"keyid": "test-key-rsa-pss", "created": True, "tag": "app-123"}
