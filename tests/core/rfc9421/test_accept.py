"""`Accept-Signature`: asking for a signature, and reading what is asked for."""

from dataclasses import replace

import pytest

from counterseal.core.model import Demand, Reason, Refusal, Verified
from counterseal.core.schemes.rfc9421 import accept_signature, read_accept_signature
from tests.core.rfc9421.making import HMAC, NOW, PLAIN, signed, verdict


def test_asking_for_a_signature() -> None:
    value = accept_signature(Demand())
    assert value == b'sig1=("@method" "@authority" "@path" "@query" "content-digest");created'
    assert accept_signature(Demand(), body=False) == b'sig1=("@method" "@authority" "@path" "@query");created'
    demand = Demand(label="gate", tag="app", key_id="k-1", required_components=("@method", '"x-dict";key="a"'))
    value = accept_signature(demand)
    assert value == b'gate=("@method" "x-dict";key="a");created;keyid="k-1";tag="app"'
    (asked,) = read_accept_signature([value])
    assert (asked.label, [component.text for component in asked.components]) == ("gate", ['"@method"', '"x-dict";key="a"'])
    assert asked.parameters == {"created": True, "keyid": "k-1", "tag": "app"}
    # What is asked for, a client signs, and the demand is met.
    options = {"label": asked.label, "tag": "app", "components": " ".join(component.text for component in asked.components)}
    assert isinstance(verdict(signed(HMAC, PLAIN, NOW, **options), demand=replace(demand, key_id="")), Verified)
    for wrong in (Demand(required_components=("@status",)), Demand(label="No Label"), Demand(tag="ä")):
        with pytest.raises(ValueError, match=r".+"):
            accept_signature(wrong)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"sig1", Reason.MALFORMED),
        (b"sig1=1", Reason.MALFORMED),
        (b"sig1=(", Reason.MALFORMED),
        (b"sig1=();created=1", Reason.MALFORMED),
        (b"sig1=();keyid", Reason.MALFORMED),
        (b'sig1=();what="x"', Reason.MALFORMED),
        (b'sig1=("@status")', Reason.MALFORMED),
        (b'sig1=("@body")', Reason.UNSUPPORTED_SCHEME),
        (b"a=(), a=()", Reason.MALFORMED),
        (b" " * 20_000, Reason.MALFORMED),
    ],
)
def test_what_cannot_be_asked_for(value: bytes, expected: Reason) -> None:
    with pytest.raises(Refusal) as caught:
        read_accept_signature([value])
    assert caught.value.reason is expected


def test_several_may_be_asked_for() -> None:
    found = read_accept_signature([b'a=("@method");expires;alg="ed25519"', b'b=();nonce="n"'])
    assert [asked.label for asked in found] == ["a", "b"]
    assert read_accept_signature([b""]) == ()
