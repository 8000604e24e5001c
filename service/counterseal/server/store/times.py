"""The times of changes, which only move forward."""

import datetime as dt


def later(now: dt.datetime, *before: dt.datetime | None) -> dt.datetime:
    """Return `now`, or the first microsecond after the latest of these times if that is later."""
    return max([now, *(time + dt.timedelta(microseconds=1) for time in before if time is not None)])
