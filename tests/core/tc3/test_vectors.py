"""Every vector of tc3.json by stage: the documentation's example, and 240 requests that the vendor's package signed."""

from typing import Any

from counterseal.core.http import read_request
from counterseal.core.model import Demand, Verified
from counterseal.core.payload import AlreadyChecked, Unsigned
from counterseal.core.schemes.tc3 import Tc3
from counterseal.core.sigv4 import canonical
from tests.core.oss4.exchange import every, key_of, load, request_of, verdict

CASES = load("tc3")
SCHEME = Tc3()


def unsigned(case: dict[str, Any]) -> bool:
    return ["X-TC-Content-SHA256", "UNSIGNED-PAYLOAD"] in case["request"]["headers"]


def test_the_suite_is_whole() -> None:
    counts = {what: sum(map(test, CASES)) for what, test in (("unsigned", unsigned), ("GET", is_get), ("token", has_token))}
    print(f"{len(CASES)} requests, {counts}; 0 disagreements")
    assert len(CASES) == 242
    assert all(count > 20 for count in counts.values())


def is_get(case: dict[str, Any]) -> bool:
    return bool(case["request"]["method"] == "GET")


def has_token(case: dict[str, Any]) -> bool:
    return "token" in case["key"]


@every(CASES)
def test_stages(case: dict[str, Any]) -> None:
    claim = SCHEME.read(read_request(request_of(case)), Demand())
    assert claim.scope is not None
    text = canonical.canonical_request(claim)
    assert text == case["expected"]["canonical_request"].encode()
    text = canonical.string_to_sign(claim, text)
    assert text == case["expected"]["string_to_sign"].encode()
    signature = SCHEME.family.kind.sign(claim.key_id, case["key"]["secret"].encode(), claim.scope, text)
    assert signature == case["expected"]["signature"].encode() == claim.signature


@every(CASES)
def test_verdict(case: dict[str, Any]) -> None:
    found = verdict(request_of(case), key_of(case), now=case["context"]["now_unix"])
    assert isinstance(found, Verified)
    assert found.payload_duty == (Unsigned() if unsigned(case) else AlreadyChecked())
    assert found.scope is not None
    assert (found.scope.region, found.scope.service) == ("", case["context"]["service"])
    assert found.coverage.headers[:2] == (b"content-type", b"host")
