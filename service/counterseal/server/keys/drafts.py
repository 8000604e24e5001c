"""From what a caller asks for to a key that can be stored: limits, defaults, fresh ids and secrets; and knowing a retry."""

import base64
import dataclasses
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import KeyState
from counterseal.server.errors import InvalidField
from counterseal.server.keys import limits
from counterseal.server.store.records import DEFAULT_TENANT, ImportedMaterial, KeyChange, KeyDraft

DEFAULT_SCHEMES: Final = frozenset({"aws-sigv4"})
_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# Names in an update mask, and the fields of a record that they stand for.
MASK: Final[Mapping[str, str]] = {
    "principal": "principal",
    "description": "description",
    "labels": "labels",
    "allowed_schemes": "allowed_schemes",
    "state": "state",
    "not_before_time": "not_before",
    "expire_time": "expires",
}


def new_material() -> ImportedMaterial:
    """Return a fresh id (100 random bits) and secret (256 random bits), with prefixes that secret scanners can look for.

    What signs is the ASCII text of the secret, as it stands in a client's configuration.
    """
    key_id = "CSAK" + "".join(secrets.choice(_BASE32) for _ in range(20))
    secret = b"cssk_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")
    return ImportedMaterial(key_id=key_id, secret=secret)


def complete_draft(draft: KeyDraft, known_schemes: frozenset[str]) -> KeyDraft:
    """Check a draft's limits and fill in what it leaves to the service, but for the material.

    Raises:
        InvalidField: a limit is broken.
    """
    draft = dataclasses.replace(
        draft,
        tenant=draft.tenant or DEFAULT_TENANT,
        allowed_schemes=draft.allowed_schemes or DEFAULT_SCHEMES,
    )
    limits.check_tenant("tenant", draft.tenant)
    limits.check_text("principal", draft.principal, 256)
    limits.check_text("description", draft.description, 1024)
    limits.check_labels("labels", draft.labels)
    limits.check_schemes("allowed_schemes", draft.allowed_schemes, known_schemes)
    limits.check_times("expire_time", draft.not_before, draft.expires)
    limits.check_request_id("request_id", draft.request_id)
    if draft.material is not None:
        limits.check_key_id("imported_secret.key_id", draft.material.key_id)
        limits.check_secret("imported_secret.secret", draft.material.secret)
        limits.check_security_token("imported_secret.security_token", draft.material.security_token)
    return draft


def check_change(change: KeyChange, known_schemes: frozenset[str]) -> None:
    """Check the fields that a change names; whether its times go together is seen when they meet the stored ones.

    Raises:
        InvalidField: a limit is broken.
    """
    limits.check_key_id("key.key_id", change.key_id)
    if not change.mask:
        raise InvalidField("update_mask", "must name at least one field")
    if not change.mask <= MASK.keys():
        raise InvalidField("update_mask", f"must be among {', '.join(MASK)}")
    if "principal" in change.mask:
        limits.check_text("key.principal", change.principal, 256)
    if "description" in change.mask:
        limits.check_text("key.description", change.description, 1024)
    if "labels" in change.mask:
        limits.check_labels("key.labels", change.labels)
    if "allowed_schemes" in change.mask:
        limits.check_schemes("key.allowed_schemes", change.allowed_schemes, known_schemes)
    if "state" in change.mask and change.state not in {KeyState.ACTIVE, KeyState.DISABLED}:
        raise InvalidField("key.state", "must be active or disabled; use Revoke to revoke")


def fingerprint(draft: KeyDraft) -> bytes:
    """Return a SHA-256 over a completed draft, the same for the same draft alone.

    Secret and security token are left out: the fingerprint is stored in the clear, and a weak imported secret could be
    guessed from it. Whether they are the same is seen by `same_material`.
    """
    parts = {
        "tenant": draft.tenant,
        "principal": draft.principal,
        "description": draft.description,
        "labels": dict(draft.labels),
        "allowed_schemes": sorted(draft.allowed_schemes),
        "not_before": draft.not_before and draft.not_before.timestamp(),
        "expires": draft.expires and draft.expires.timestamp(),
        "imported": draft.material and draft.material.key_id,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def security_token_hash(material: ImportedMaterial) -> bytes | None:
    """Return the SHA-256 of the security token, or None when there is none."""
    return hashlib.sha256(material.security_token.encode("ascii")).digest() if material.security_token else None


def same_material(material: ImportedMaterial, secret: bytes, token_sha256: bytes | None) -> bool:
    """Say, in constant time, whether this secret and security token are the ones that are stored."""
    same_secret = hmac.compare_digest(material.secret, secret)
    same_token = hmac.compare_digest(security_token_hash(material) or b"", token_sha256 or b"")
    return same_secret and same_token
