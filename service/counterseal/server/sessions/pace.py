"""How often a session is refreshed, and gives out credentials, and how many sessions somebody begins: no faster than people do.

Each leaves rows that stay. Whoever has stolen one token, or knows one password, would otherwise fill the database as fast as
calls go. Refreshes are counted in the seal of the session, which each of them writes; the others with the attempts to sign in.
Both lie in the store, so all servers count together (docs/decisions/0062).
"""

import datetime as dt
from typing import Final

from counterseal.server.sessions.drafts import SessionRefused, Why
from counterseal.server.sessions.refusing import Refuse
from counterseal.server.store.session_records import Tally

WINDOW: Final = dt.timedelta(minutes=15)
# Far from what people do. A script that runs the AWS command line fetches credentials for each command: one every three
# seconds, or all of them in the first minutes.
MOST_IN_WINDOW: Final = 300
LEAST_WAIT: Final = dt.timedelta(seconds=1)


def one_more(tally: Tally | None, now: dt.datetime) -> Tally:
    """Return the tally with one more refresh in it. Raises Refuse: THROTTLED."""
    # A beginning far ahead is that of a server whose clock was wrong.
    if tally is None or not tally.since - WINDOW < now < tally.since + WINDOW:
        return Tally(since=now, count=1)
    if tally.count >= MOST_IN_WINDOW:
        raise Refuse(_throttled("the session is refreshed too often", tally.since + WINDOW - now))
    return Tally(since=tally.since, count=tally.count + 1)


def too_many_begun(wait: dt.timedelta) -> SessionRefused:
    """Return the answer for a principal that begins one session after the other."""
    return _throttled("too many sign-ins of this principal", wait)


def too_many_issued(wait: dt.timedelta) -> SessionRefused:
    """Return the answer for a session that has temporary credentials issued one after the other."""
    return _throttled("the session has temporary credentials issued too often", wait)


def _throttled(detail: str, wait: dt.timedelta) -> SessionRefused:
    return SessionRefused(reason=Why.THROTTLED, detail=detail, retry_after=max(wait, LEAST_WAIT))
