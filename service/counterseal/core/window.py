"""Whether a stated time lies inside the window."""

from typing import Final

from counterseal.core.model import Claim, Reason, Refusal, Window

# Seconds: seven days, as presigned requests of Version 4 have it. A claim that states an end and no time is good from now on,
# so how far ahead its end lies is all that bounds it.
MAX_AHEAD: Final = 604_800


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
    which begins at its time; only its start is given the skew. Whether a claim may go without a time is not checked here; an
    end without a time lies at most seven days and the skew ahead.

    Raises:
        Refusal: TOO_NEW or TOO_OLD.
    """
    if claim.signed_time is not None and claim.signed_time > now + window.skew:
        raise Refusal(Reason.TOO_NEW, f"the stated time is more than {window.skew} s ahead of the service's clock")
    if claim.signed_time is None and claim.expires is not None and claim.expires > now + MAX_AHEAD + window.skew:
        raise Refusal(Reason.TOO_NEW, f"the signature states an end more than {MAX_AHEAD} s ahead, and no time")
    end = valid_until(claim, window)
    if end is None or now <= end:
        return
    if claim.expires is not None and now > claim.expires:
        raise Refusal(Reason.TOO_OLD, "the signature states an end, which has passed")
    if claim.valid_for is not None:
        raise Refusal(Reason.TOO_OLD, f"the presigned request was valid for {claim.valid_for} s, which have passed")
    raise Refusal(Reason.TOO_OLD, f"the stated time is more than {window.skew} s behind the service's clock")
