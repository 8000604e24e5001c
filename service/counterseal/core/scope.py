"""Credentials and scopes, read exactly: `<key id>/<YYYYMMDD>/<region>/<service>/<terminator>`."""

import re
from functools import lru_cache
from typing import Final

from counterseal.core.model import Reason, Refusal, Scope

# Checked before any look-up and any log line: no blanks, quotes, wildcards, control characters or non-ASCII (versitygw's LDAP
# injection). `/` is allowed, because access keys of other systems hold it; scopes are read from the right.
_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+=/-]{2,127}")
_DATE: Final = re.compile(rb"[0-9]{8}")
_NAME: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

MAX_CREDENTIAL: Final = 512


def is_key_id(text: str) -> bool:
    """Say whether `text` is a key id: 3 to 128 characters of `[A-Za-z0-9._~:@+=/-]`, a letter or a digit first."""
    return _KEY_ID.fullmatch(text) is not None


def read_credential(text: bytes, terminator: str) -> tuple[str, Scope]:
    """Read a credential into key id and scope.

    Raises:
        Refusal: MALFORMED, when a part is missing, too many, empty, or outside its alphabet.
    """
    if len(text) > MAX_CREDENTIAL:
        raise Refusal(Reason.MALFORMED, f"Credential: longer than {MAX_CREDENTIAL} bytes")
    return _read_credential(text, terminator)


# A client sends the same credential all day. Refusals are not remembered, and what is remembered is short.
@lru_cache(maxsize=4096)
def _read_credential(text: bytes, terminator: str) -> tuple[str, Scope]:
    parts = text.rsplit(b"/", 4)
    if len(parts) != 5:
        raise Refusal(Reason.MALFORMED, "Credential: must be key id, date, region, service and terminator, separated by /")
    key_id, date, region, service, end = parts
    if end != terminator.encode("ascii"):
        raise Refusal(Reason.MALFORMED, f"Credential: the scope must end in {terminator}")
    if not _DATE.fullmatch(date):
        raise Refusal(Reason.MALFORMED, "Credential: the scope's date must be YYYYMMDD")
    if not _NAME.fullmatch(region):
        raise Refusal(Reason.MALFORMED, "Credential: the region must be 1 to 64 characters of [A-Za-z0-9._-]")
    if not _NAME.fullmatch(service):
        raise Refusal(Reason.MALFORMED, "Credential: the service must be 1 to 64 characters of [A-Za-z0-9._-]")
    name = key_id.decode("latin-1")
    if not is_key_id(name):
        raise Refusal(Reason.MALFORMED, "Credential: the key id must be 3 to 128 characters of [A-Za-z0-9._~:@+=/-]")
    return name, Scope(date=date.decode(), region=region.decode(), service=service.decode(), terminator=terminator)
