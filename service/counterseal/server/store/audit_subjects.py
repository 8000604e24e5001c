"""What an entry of the audit trail is about, as the column `key_id` holds it: a key's id, or a caller behind a mark.

The mark is no character that a key id may begin with, so neither passes for the other. A caller is no part of what is hashed,
listed and exported as the key id: there it is named in the detail, which is hashed. The column only lets an index find the
newest change of a caller, and `audit verify` holds it against the detail.
"""

import json
from typing import Final

CALLER_SUBJECTS: Final = "!caller/"
# Bytewise behind all that begin so.
CALLER_SUBJECTS_END: Final = "!caller0"
_CALLER_ACTIONS: Final = "caller_"


def caller_subject(name: str) -> str:
    """Return what the column holds for a caller."""
    return CALLER_SUBJECTS + name


def caller_in(subject: str) -> str:
    """Return the caller's name, empty when this is none."""
    return subject.removeprefix(CALLER_SUBJECTS) if subject.startswith(CALLER_SUBJECTS) else ""


def shown_key_id(subject: str) -> str:
    """Return the key id that is hashed and shown: empty for a caller."""
    return "" if subject.startswith(CALLER_SUBJECTS) else subject


def fits(subject: str, action: str, detail_json: str) -> bool:
    """Say whether the column holds what belongs to an entry with this action and detail."""
    if not action.startswith(_CALLER_ACTIONS):
        return not subject.startswith(CALLER_SUBJECTS)
    try:
        detail = json.loads(detail_json)
    except (ValueError, RecursionError):
        return False
    return isinstance(detail, dict) and subject == caller_subject(str(detail.get("caller")))
