"""Whether a stated time lies inside the window."""

from counterseal.core.model import Claim, Reason, Refusal, Window


def valid_until(claim: Claim, window: Window) -> int:
    """Return the last instant, in Unix seconds, at which the claim is inside the window: its own validity, or the skew."""
    return claim.signed_time + (window.skew if claim.valid_for is None else claim.valid_for)


def check_window(claim: Claim, window: Window, now: float) -> None:
    """Check the claim's time against `now` (Unix seconds).

    A header signature is good for `skew` seconds either way, both ends included. A presigned request states its own validity,
    which begins at its time; only its start is given the skew.

    Raises:
        Refusal: TOO_NEW or TOO_OLD.
    """
    if claim.signed_time > now + window.skew:
        raise Refusal(Reason.TOO_NEW, f"the stated time is more than {window.skew} s ahead of the service's clock")
    if now <= valid_until(claim, window):
        return
    if claim.valid_for is not None:
        raise Refusal(Reason.TOO_OLD, f"the presigned request was valid for {claim.valid_for} s, which have passed")
    raise Refusal(Reason.TOO_OLD, f"the stated time is more than {window.skew} s behind the service's clock")
