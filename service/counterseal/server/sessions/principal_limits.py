"""The limits of what is written about principals, as protos/counterseal/v1/principals.proto states them.

Every function raises InvalidField, naming the field as the caller wrote it and the limit; values are never quoted.
"""

import re
from typing import Final

from counterseal.server.errors import InvalidField
from counterseal.server.keys.limits import MAX_PAGE_SIZE, check_labels, check_tenant, check_text
from counterseal.server.sessions.principal_drafts import MASK, PrincipalUpdate

# Room for e-mail addresses, URNs and what OpenID Connect issuers call their users. No space, and nothing that a log line or a
# shell breaks at. A slash is allowed: a tenant holds none, so that in `tenant/name` the first one ends the tenant.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~@+:|/=-]{0,127}", re.ASCII)
SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 1024


def is_name(name: str) -> bool:
    """Say whether this can be a principal's name."""
    return _NAME.fullmatch(name) is not None


def check_name(field: str, name: str) -> None:
    """Refuse what is no name of a principal."""
    if not is_name(name):
        raise InvalidField(field, "must be 1 to 128 characters of [A-Za-z0-9._~@+:|/=-], a letter or a digit first")


def check_which(prefix: str, tenant: str, name: str) -> None:
    """Refuse what is no tenant, and what is no name. The fields lie below `prefix`, which is empty or ends with a dot."""
    check_tenant(f"{prefix}tenant", tenant)
    check_name(f"{prefix}name", name)


def check_update(change: PrincipalUpdate) -> None:
    """Refuse a change that names no field, one that there is not, or a value out of bounds. Other fields are not looked at."""
    check_which("principal.", change.tenant, change.name)
    if not change.mask or not change.mask <= MASK:
        raise InvalidField("update_mask", f"must name at least one field, all of them among {', '.join(sorted(MASK))}")
    if "state" in change.mask and change.state is None:
        raise InvalidField("principal.state", "must be active or disabled")
    if "description" in change.mask:
        check_description("principal.description", change.description)
    if "labels" in change.mask:
        check_labels("principal.labels", change.labels)


def check_description(field: str, text: str) -> None:
    """Refuse a description that is too long, or holds control characters."""
    check_text(field, text, 1024)


def check_new_password(field: str, password: str) -> None:
    """Refuse a password that is too short to be set, or too long. Which ones are easy to guess is not checked here."""
    _check_length(field, password, SHORTEST_PASSWORD)


def check_password(field: str, password: str) -> None:
    """Refuse what no principal can have for a password, where one signs in: shorter ones may have been set by earlier rules."""
    _check_length(field, password, 1)


def check_page_size(field: str, size: int) -> None:
    """Refuse a page of other size; 0 is allowed."""
    if not 0 <= size <= MAX_PAGE_SIZE:
        raise InvalidField(field, f"must be 1 to {MAX_PAGE_SIZE}, or 0 for the default")


def _check_length(field: str, password: str, shortest: int) -> None:
    try:
        length = len(password.encode())
    except UnicodeEncodeError:  # surrogates, which no message can hold
        raise InvalidField(field, "must be text that UTF-8 can hold") from None
    if not shortest <= length <= LONGEST_PASSWORD:
        raise InvalidField(field, f"must be {shortest} to {LONGEST_PASSWORD} bytes of UTF-8")
