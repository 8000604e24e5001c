"""The limits of what is written about keys, as protos/counterseal/v1/keys.proto states them. Each is checked here alone.

Every function raises InvalidField, naming the field as the caller wrote it and the limit; values are never quoted.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import MIN_SECRET_BYTES, KeyKind, is_enough_secret
from counterseal.core.schemes.base import Scheme
from counterseal.core.scope import is_key_id
from counterseal.core.verify import shared_with_webhooks
from counterseal.server.errors import InvalidField
from counterseal.server.store.records import KeyChange, KeyRecord

MAX_PAGE_SIZE: Final = 1000
_MAX_SECRET_BYTES: Final = 256
_MAX_LABELS: Final = 64
_TENANT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{0,128}")
_LABEL_NAME: Final = re.compile(r"[a-z0-9._/-]{1,63}")
_SECURITY_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,4096}")
# Control characters, line and paragraph separators (they forge log lines), and surrogates (no database stores them).
_UNPRINTABLE: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})


def check_text(field: str, text: str, longest: int, shortest: int = 0) -> None:
    """Refuse text of other length, in characters, and text with control characters."""
    if not shortest <= len(text) <= longest:
        raise InvalidField(
            field, f"must be {shortest} to {longest} characters" if shortest else f"at most {longest} characters"
        )
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise InvalidField(field, "must hold no control characters")


def check_key_id(field: str, key_id: str) -> None:
    """Refuse what is no key id."""
    if not is_key_id(key_id):
        raise InvalidField(field, "must be 3 to 128 characters of [A-Za-z0-9._~:@+=/-], a letter or a digit first")


def check_tenant(field: str, tenant: str) -> None:
    """Refuse what is no tenant."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidField(field, "must be 1 to 64 characters of [A-Za-z0-9._-]")


def check_request_id(field: str, request_id: str) -> None:
    """Refuse what is no request id; empty is none and allowed."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise InvalidField(field, "must be at most 128 characters of [A-Za-z0-9._:-]")


def check_labels(field: str, labels: Mapping[str, str]) -> None:
    """Refuse too many labels, and names and values out of bounds."""
    if len(labels) > _MAX_LABELS:
        raise InvalidField(field, f"at most {_MAX_LABELS} labels")
    for name, value in labels.items():
        if not _LABEL_NAME.fullmatch(name):
            raise InvalidField(field, "names must be 1 to 63 characters of [a-z0-9._/-]")
        check_text(f"{field}[{name}]", value, 256)


def check_schemes(field: str, schemes: frozenset[str], enabled: Mapping[str, Scheme]) -> None:
    """Refuse an empty set, schemes that are not enabled, and a webhook's scheme beside others (see core/verify.py)."""
    if not schemes:
        raise InvalidField(field, "must name at least one scheme")
    if not schemes <= enabled.keys():
        raise InvalidField(field, f"must be among the enabled schemes: {', '.join(sorted(enabled))}")
    if shared_with_webhooks(schemes, enabled):
        raise InvalidField(field, "must be one scheme alone for webhooks, whose senders sign what strangers write")


def check_kind(field: str, schemes: frozenset[str], enabled: Mapping[str, Scheme], kind: KeyKind) -> None:
    """Refuse schemes that take no keys of this kind. All of them are enabled."""
    fitting = sorted(name for name, scheme in enabled.items() if kind in scheme.key_kinds)
    if not schemes <= set(fitting):
        raise InvalidField(
            field, f"must take {kind.value.lower()} keys, as these do: {', '.join(fitting) or 'none is enabled'}"
        )


def check_times(field: str, not_before: dt.datetime | None, expires: dt.datetime | None) -> None:
    """Refuse an end that does not lie after the beginning."""
    if not_before is not None and expires is not None and expires <= not_before:
        raise InvalidField(field, "the key must expire after it begins to be valid")


def check_of_session(change: KeyChange, key: KeyRecord) -> None:
    """Refuse changes by which a key of a session could do more than its session gave it: it ends as it was promised."""
    if not key.session_id:
        return
    if "principal" in change.mask:
        # Or it would speak for somebody whom it outlives: what is disabled or removed ends the sessions of its own name.
        raise InvalidField("update_mask", "must not name principal for a key of a session: it is the session's")
    if "expire_time" in change.mask:
        raise InvalidField("update_mask", "must not name expire_time for a key of a session: refreshing the session moves it")
    if "allowed_schemes" in change.mask and not change.allowed_schemes <= key.allowed_schemes:
        raise InvalidField("key.allowed_schemes", "must be among those of the key, for a key of a session")


def check_secret(field: str, secret: bytes) -> None:
    """Refuse a secret that is too short to be one, or too long."""
    if not MIN_SECRET_BYTES <= len(secret) <= _MAX_SECRET_BYTES:
        raise InvalidField(field, f"must be {MIN_SECRET_BYTES} to {_MAX_SECRET_BYTES} bytes")
    if not is_enough_secret(secret):
        raise InvalidField(field, f"must have {MIN_SECRET_BYTES} bytes besides NULs at its end, which add nothing")


def check_security_token(field: str, security_token: str) -> None:
    """Refuse what is no security token; empty is none and allowed."""
    if security_token and not _SECURITY_TOKEN.fullmatch(security_token):
        raise InvalidField(field, "must be 16 to 4096 visible ASCII characters")
