"""Every case of the RFC's own examples, by stage: the list of components, the signature base, the signature, the verdict."""

import base64

import pytest

from counterseal.core import http
from counterseal.core import structured_fields as sf
from counterseal.core.model import Demand, HttpRequest, Reason, Refusal, Rejected, Verified, Window
from counterseal.core.schemes import Scheme
from counterseal.core.schemes.rfc9421 import Rfc9421, matches, read_claim, signature_base
from counterseal.core.schemes.rfc9421.facts import STRUCTURED_FIELDS, Rfc9421Claim
from counterseal.core.verify import conclude, examine
from tests.core.rfc9421.vectors import Case, cases, deviations

SCHEMES: dict[str, Scheme] = {"rfc9421": Rfc9421()}
SIGNED = [case for name in ("rfc9421", "rfc9421-pyauth") for case in cases(name)]
REQUESTS = [case for case in SIGNED if case.is_request]
RESPONSES = [case for case in SIGNED if not case.is_request]
COMPONENTS = list(cases("rfc9421-components"))
DEVIATIONS = deviations("rfc9421") | deviations("rfc9421-pyauth") | deviations("rfc9421-components")


def named(found: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.id) for case in found]


def claim_of(case: Case) -> Rfc9421Claim:
    return read_claim(case.request(), Demand(label=case.label))


def verdict(case: Case, demand: Demand, request: HttpRequest | None = None, later: int = 1) -> Verified | Rejected:
    subject, now = request or case.request(), case.created + later
    claim = examine(subject, demand, schemes=SCHEMES, window=Window(), now=now)
    if isinstance(claim, Rejected):
        return claim
    return conclude(claim, subject, case.key(), demand, schemes=SCHEMES, window=Window(), now=now)


def test_all_cases_run() -> None:
    assert (len(REQUESTS), len(RESPONSES), len(COMPONENTS)) == (16, 3, 30)
    assert {case.id for case in RESPONSES} <= DEVIATIONS.keys() <= {case.id for case in (*SIGNED, *COMPONENTS)}


@pytest.mark.parametrize("case", named(REQUESTS))
def test_list_of_components(case: Case) -> None:
    claim = claim_of(case)
    written = claim.base.rpartition(b'"@signature-params": ')[2]
    assert written.decode() == case.expected["signature_input"]
    assert claim.label == case.label
    assert claim.signed_time == case.created
    assert claim.expires == case.raw["context"].get("expires")
    assert claim.key_id == case.raw["key"]["id"]


@pytest.mark.parametrize("case", named(REQUESTS))
def test_signature_base(case: Case) -> None:
    assert claim_of(case).base.decode() == case.expected["signature_base"]


@pytest.mark.parametrize("case", named(REQUESTS))
def test_signature(case: Case) -> None:
    claim = claim_of(case)
    assert claim.signature == base64.b64decode(case.expected["signature_base64"])
    key = case.key()
    assert matches(claim, key)
    assert case.raw["key"]["alg"] == case.expected["algorithm"]


@pytest.mark.parametrize("case", named(REQUESTS))
def test_verdict(case: Case) -> None:
    # What the signer covered is demanded, since most examples cover less than the default.
    covered = claim_of(case).coverage.components
    found = verdict(case, Demand(label=case.label, required_components=covered))
    if case.id in DEVIATIONS:
        assert isinstance(found, Rejected)
        assert found.reason is Reason.NOT_COVERED
        return
    assert isinstance(found, Verified), found
    assert found.signed_time == case.created
    late = verdict(case, Demand(label=case.label, required_components=covered), later=901)
    assert isinstance(late, Rejected)
    assert late.reason is Reason.TOO_OLD


@pytest.mark.parametrize("case", named(REQUESTS))
def test_verdict_by_default(case: Case) -> None:
    covered = set(claim_of(case).coverage.components)
    enough = {'"@method"', '"@authority"', '"@path"', '"@query"', '"content-digest"'} <= covered
    found = verdict(case, Demand(label=case.label))
    assert isinstance(found, Verified) is enough
    assert enough or (isinstance(found, Rejected) and found.reason is Reason.NOT_COVERED)


@pytest.mark.parametrize("case", named(RESPONSES))
def test_responses_are_refused(case: Case) -> None:
    """The same components in the signature of a request."""
    base = case.raw.get("related_request") or REQUESTS[0].raw["request"]
    kept = [pair for pair in base["headers"] if not pair[0].startswith("Signature")]
    added = [pair for pair in case.raw["response"]["headers"] if pair[0].startswith("Signature")]
    request = Case(raw=case.raw | {"request": base | {"headers": kept + added}}).request()
    with pytest.raises(Refusal) as caught:
        read_claim(request)
    assert caught.value.reason is Reason.MALFORMED


def component_line(case: Case, line: str, subject: HttpRequest | None = None) -> bytes:
    """Return the line of one component of the signature base, as computed."""
    request = http.read_request(subject or case.request())
    covered = sf.InnerList((sf.parse_item(line.partition(": ")[0].encode()),))
    types = STRUCTURED_FIELDS | case.raw.get("context", {}).get("structured_field_types", {})
    return signature_base(request, covered, structured=types).partition(b'\n"@signature-params"')[0]


@pytest.mark.parametrize("case", named(COMPONENTS))
def test_components(case: Case) -> None:
    reason = DEVIATIONS.get(case.id, "")
    if "folded" in reason or "target" in reason:
        with pytest.raises(Refusal, match="target" if "target" in reason else "control character"):
            http.read_request(case.request(unfolded=False))
    if "target" in reason:
        return
    for line in case.expected["lines"]:
        if case.expected["verdict"] == "error":
            with pytest.raises(Refusal) as caught:
                component_line(case, line)
            assert caught.value.reason is Reason.MALFORMED
        else:
            assert component_line(case, line).decode() == line


@pytest.mark.parametrize("case", named(COMPONENTS))
def test_deviations_are_the_cases_that_do_not_come_out_as_they_stand(case: Case) -> None:
    def comes_out(line: str) -> bool:
        try:
            found = component_line(case, line, case.request(unfolded=False)).decode()
        except Refusal as refusal:
            return bool(case.expected["verdict"] == "error") and refusal.reason is Reason.MALFORMED
        return found == line and case.expected["verdict"] != "error"

    assert all(comes_out(line) for line in case.expected["lines"]) is (case.id not in DEVIATIONS)
