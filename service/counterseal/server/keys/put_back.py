"""Whether a row is of the newest change that the audit trail knows: what the seals of rows do not notice by themselves."""

import datetime as dt

from counterseal.server.errors import SealBroken


def check_newest(what: str, updated: dt.datetime, newest: dt.datetime | None) -> None:
    """Return when a row that says `updated` is of the newest change in the trail. What it says is for its seal to vouch for.

    Raises:
        SealBroken: it was put back, or the trail was changed. `what` is what its text calls the row, e.g. `a session`.
    """
    if newest is None:
        raise SealBroken(f"the audit trail knows nothing of {what} that is there: it was put there behind our back")
    if updated < newest:
        raise SealBroken(f"{what}'s row is older than its last change in the audit trail: it was put back behind our back")
    if updated > newest:
        raise SealBroken(f"{what}'s row is newer than its last change in the audit trail: entries are gone")
