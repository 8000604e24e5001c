"""Whether a stated time lies inside the window."""

from counterseal.core.model import Claim, Reason, Refusal, Window


def valid_until(claim: Claim, window: Window) -> int | None:
    """Return the last instant, in Unix seconds, at which the claim is inside the window; None for a claim without a time.

    That is its own validity, or the skew; a stated end may come earlier, and never makes it later.
    """
    if claim.signed_time is None:
        return claim.expires
    end = claim.signed_time + (window.skew if claim.valid_for is None else claim.valid_for)
    return end if claim.expires is None else min(end, claim.expires)


def check_window(claim: Claim, window: Window, now: float) -> None:
    """Check the claim's time against `now` (Unix seconds).

    A header signature is good for `skew` seconds either way, both ends included. A presigned request states its own validity,
    which begins at its time; only its start is given the skew. Whether a claim may go without a time is not checked here.

    Raises:
        Refusal: TOO_NEW or TOO_OLD.
    """
    if claim.signed_time is not None and claim.signed_time > now + window.skew:
        raise Refusal(Reason.TOO_NEW, f"the stated time is more than {window.skew} s ahead of the service's clock")
    end = valid_until(claim, window)
    if end is None or now <= end:
        return
    if claim.expires is not None and now > claim.expires:
        raise Refusal(Reason.TOO_OLD, "the signature states an end, which has passed")
    if claim.valid_for is not None:
        raise Refusal(Reason.TOO_OLD, f"the presigned request was valid for {claim.valid_for} s, which have passed")
    raise Refusal(Reason.TOO_OLD, f"the stated time is more than {window.skew} s behind the service's clock")
