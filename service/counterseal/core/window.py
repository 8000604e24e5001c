"""Whether a stated time lies inside the window."""

from counterseal.core.model import Claim, Reason, Refusal, Window


def check_window(claim: Claim, window: Window, now: float) -> int:
    """Check the claim's time against `now` (Unix seconds) and return the last instant at which it is inside.

    A header signature is good for `skew` seconds either way, both ends included. A presigned request states its own validity,
    which begins at its time; only its start is given the skew.

    Raises:
        Refusal: TOO_NEW or TOO_OLD.
    """
    if claim.signed_time > now + window.skew:
        raise Refusal(Reason.TOO_NEW, f"the stated time is more than {window.skew} s ahead of the service's clock")
    if claim.valid_for is not None:
        if now > claim.signed_time + claim.valid_for:
            raise Refusal(Reason.TOO_OLD, f"the presigned request was valid for {claim.valid_for} s, which have passed")
        return claim.signed_time + claim.valid_for
    if now > claim.signed_time + window.skew:
        raise Refusal(Reason.TOO_OLD, f"the stated time is more than {window.skew} s behind the service's clock")
    return claim.signed_time + window.skew
