"""Principals and sessions beside the audit trail: the time of each one's newest change, as an index finds it."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, literal, select

from counterseal.server.store.audit_subjects import PRINCIPAL_SUBJECTS, SESSION_SUBJECTS
from counterseal.server.store.caller_trail import newest_of
from counterseal.server.store.tables import AUDIT, KEYS, PRINCIPALS, SESSIONS

_SUBJECT: Final = AUDIT.c.key_id.type


def _text(value: str) -> ColumnElement[Any]:
    return literal(value, _SUBJECT)


# What `principal_subject` and `session_subject` make of a row.
OF_PRINCIPAL: Final = _text(PRINCIPAL_SUBJECTS).concat(PRINCIPALS.c.tenant).concat(_text("/")).concat(PRINCIPALS.c.name)
OF_SESSION: Final = _text(SESSION_SUBJECTS).concat(SESSIONS.c.session_id)


# Each row with the trail of the same moment, in one statement.
PRINCIPAL_ROWS: Final[Select[Any]] = select(PRINCIPALS, newest_of(OF_PRINCIPAL).label("newest"))
SESSION_ROWS: Final[Select[Any]] = select(SESSIONS, newest_of(OF_SESSION).label("newest"))
KEY_ROWS: Final[Select[Any]] = select(KEYS, newest_of(KEYS.c.key_id).label("newest"))
