"""What an entry of the audit trail is about, as the column `key_id` holds it: a key's id, or something else behind a mark.

The mark is no character that a key id may begin with, so neither passes for the other. Callers, principals and sessions are no
part of what is hashed, listed and exported as the key id: there they are named in the detail, and a principal's tenant as the
entry's, which are hashed. The column only lets an index find the newest change, and `audit verify` holds it against the detail.
"""

import json
from typing import Final

# All that is no key begins so. Bytewise behind all of it: the end.
SUBJECTS: Final = "!"
SUBJECTS_END: Final = '"'
CALLER_SUBJECTS: Final = "!caller/"
CALLER_SUBJECTS_END: Final = "!caller0"
PRINCIPAL_SUBJECTS: Final = "!principal/"
PRINCIPAL_SUBJECTS_END: Final = "!principal0"
SESSION_SUBJECTS: Final = "!session/"
SESSION_SUBJECTS_END: Final = "!session0"
# Attempts to sign in that failed: no change, of a principal or else of nobody that is known. `count` in the detail.
SIGN_IN_FAILED: Final = "sign_in_failed"
_CALLER_ACTIONS: Final = "caller_"
_PRINCIPAL_ACTIONS: Final = "principal_"
_SESSION_ACTIONS: Final = "session_"


def caller_subject(name: str) -> str:
    """Return what the column holds for a caller."""
    return CALLER_SUBJECTS + name


def principal_subject(tenant: str, name: str) -> str:
    """Return what the column holds for a principal. No tenant has a slash in it, so no two principals are alike."""
    return f"{PRINCIPAL_SUBJECTS}{tenant}/{name}"


def session_subject(session_id: str) -> str:
    """Return what the column holds for a session."""
    return SESSION_SUBJECTS + session_id


def caller_in(subject: str) -> str:
    """Return the caller's name, empty when this is none."""
    return _behind(CALLER_SUBJECTS, subject)


def principal_in(subject: str) -> str:
    """Return the principal's name, empty when this is none."""
    return _behind(PRINCIPAL_SUBJECTS, subject).partition("/")[2]


def session_in(subject: str) -> str:
    """Return the session's id, empty when this is none."""
    return _behind(SESSION_SUBJECTS, subject)


def _behind(mark: str, subject: str) -> str:
    return subject.removeprefix(mark) if subject.startswith(mark) else ""


def shown_key_id(subject: str) -> str:
    """Return the key id that is hashed and shown: empty for all that is no key."""
    return "" if subject.startswith(SUBJECTS) else subject


def fits(subject: str, action: str, tenant: str, detail_json: str) -> bool:
    """Say whether the column holds what belongs to an entry with this action, tenant and detail."""
    if not action.startswith((_CALLER_ACTIONS, _PRINCIPAL_ACTIONS, _SESSION_ACTIONS, SIGN_IN_FAILED)):
        return not subject.startswith(SUBJECTS)
    try:
        detail = json.loads(detail_json)
    except (ValueError, RecursionError):
        return False
    if not isinstance(detail, dict):
        return False
    if action.startswith(_CALLER_ACTIONS):
        return subject == caller_subject(str(detail.get("caller")))
    if action.startswith(_SESSION_ACTIONS):
        return subject == session_subject(str(detail.get("session_id")))
    of_nobody = action == SIGN_IN_FAILED and "principal" not in detail
    return subject == ("" if of_nobody else principal_subject(tenant, str(detail.get("principal"))))
