"""AWS's order of errors, rung by rung, and ours. They differ on purpose: see the table."""

import json

import pytest

from counterseal.core.model import Reason, Rejected
from tests.core.subjects import verdict
from tests.core.vectors import FOLDER, Case, cases

# For each rung our reason and the beginning of the detail. AWS looks at coverage before the time and at the credential last;
# here all syntax comes first (no rung below 13 is more than a request that cannot be read), then the window, then coverage.
# AWS's rule that content-type and etag be signed is a demand of the caller here, and not in force in this table.
OURS = {
    "00": (Reason.MALFORMED, "target:"),
    "01": (Reason.UNSIGNED, "the request carries no signature"),
    "02": (Reason.UNSUPPORTED_SCHEME, "the request is signed in a way"),
    "03": (Reason.MALFORMED, "Authorization: holds something beside"),
    "04": (Reason.MALFORMED, "Authorization: holds something beside"),
    "05": (Reason.MALFORMED, "Authorization: SignedHeaders is missing"),
    "06": (Reason.MALFORMED, "Authorization: SignedHeaders is missing"),
    # 07 to 15: the credential has no scope, which is looked at before all else in the fields.
    **{f"{rung:02}": (Reason.MALFORMED, "Credential: must be key id") for rung in range(7, 16)},
    # 16 to 19: AWS tells region, service and date apart; here the terminator is wrong, and that is the end of it.
    **{f"{rung:02}": (Reason.MALFORMED, "Credential: the scope must end in aws4_request") for rung in range(16, 20)},
    # 20: AWS gets as far as comparing; here a signed header that is absent ends it, and six capital letters would as well.
    "20": (Reason.MALFORMED, "SignedHeaders: content-type is not in the request"),
}
LADDER = list(cases("aws-error-ladder"))


def test_every_rung_is_in_the_table() -> None:
    assert [case.id.removeprefix("aws-error-ladder/") for case in LADDER] == list(OURS)


def test_deviations_are_the_rungs_that_aws_refuses_for_something_later_than_syntax() -> None:
    """AWS calls all of these a signature that does not match; all that it calls malformed is malformed here."""
    written = json.loads((FOLDER / "deviations" / "aws-error-ladder.json").read_text())["deviations"]
    assert set(written) == {case.id for case in LADDER if case.expected["error_code"] == "SignatureDoesNotMatch"}
    assert all(OURS[name.removeprefix("aws-error-ladder/")][0] is Reason.MALFORMED for name in written)


@pytest.mark.parametrize("case", LADDER, ids=lambda c: c.id)
def test_rung(case: Case) -> None:
    found = verdict(case.request(), key=case.key(), now=case.now)
    reason, detail = OURS[case.id.removeprefix("aws-error-ladder/")]
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail[: len(detail)]) == (reason, detail)
