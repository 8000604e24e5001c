"""From what a caller asks for to a key that can be stored: limits, defaults, fresh ids and secrets; and knowing a retry."""

import base64
import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import KeyKind, KeyState, PublicKey
from counterseal.core.policy import NO_POLICY
from counterseal.core.schemes import bearer
from counterseal.core.schemes.base import Scheme
from counterseal.server.errors import InvalidField
from counterseal.server.keys import limits
from counterseal.server.keys.policy_limits import check_policy
from counterseal.server.keys.public import read_offered
from counterseal.server.store.policy_text import policy_text
from counterseal.server.store.records import (
    DEFAULT_TENANT,
    BearerMaterial,
    ImportedMaterial,
    IssueAction,
    KeyChange,
    KeyDraft,
    KeyRecord,
    Material,
    OfferedPublicKey,
    PublicMaterial,
)

DEFAULT_SCHEMES: Final = {
    KeyKind.SYMMETRIC: frozenset({"aws-sigv4"}),
    KeyKind.PUBLIC: frozenset({"rfc9421"}),
    KeyKind.BEARER: frozenset({"bearer"}),
}
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
    "policy": "policy",
}


def new_material() -> ImportedMaterial:
    """Return a fresh id (100 random bits) and secret (256 random bits), with prefixes that secret scanners can look for.

    What signs is the ASCII text of the secret, as it stands in a client's configuration.
    """
    return ImportedMaterial(key_id=new_id("CSAK"), secret=new_secret())


def new_secret() -> bytes:
    """Return a fresh secret (256 random bits): ASCII, recognisable by its prefix."""
    return b"cssk_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")


def new_token(key_id: str) -> str:
    """Return a fresh bearer token (256 random bits) of a key whose id `new_id("CSBT")` made."""
    return bearer.write_token(key_id, "".join(secrets.choice(bearer.ALPHABET) for _ in range(bearer.RANDOM_CHARACTERS)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FreshKey:
    """What a new key is made of. `secret` is what is sealed: empty where `public_key` is set, the hash of a bearer token.

    `shown` is what the holder is given, once; empty for what was brought along.
    """

    action: IssueAction
    key_id: str
    secret: bytes = dataclasses.field(default=b"", repr=False)
    shown: str = dataclasses.field(default="", repr=False)
    security_token_sha256: bytes | None = dataclasses.field(default=None, repr=False)
    public_key: PublicKey | None = None


def fresh_key(draft: KeyDraft) -> FreshKey:
    """Return what to make of a completed draft: with material of its own, or with a new id and secret."""
    given = draft.material
    if isinstance(given, PublicMaterial):
        return FreshKey(action="register", key_id=given.key_id or new_id("CSPK"), public_key=given.public_key)
    if isinstance(given, ImportedMaterial):
        token = security_token_hash(given)
        return FreshKey(action="import", key_id=given.key_id, secret=given.secret, security_token_sha256=token)
    if isinstance(given, BearerMaterial):
        key_id = new_id("CSBT")
        token_text = new_token(key_id)
        return FreshKey(action="issue", key_id=key_id, secret=bearer.token_sha256(token_text), shown=token_text)
    made = new_material()
    return FreshKey(action="issue", key_id=made.key_id, secret=made.secret, shown=made.secret.decode("ascii"))


def new_record(draft: KeyDraft, fresh: FreshKey, now: dt.datetime) -> KeyRecord:
    """Return the record that a key begins with. Its etag is the store's to set."""
    return KeyRecord(
        key_id=fresh.key_id,
        tenant=draft.tenant,
        principal=draft.principal,
        description=draft.description,
        labels=draft.labels,
        allowed_schemes=draft.allowed_schemes,
        state=KeyState.ACTIVE,
        not_before=draft.not_before,
        expires=draft.expires,
        created=now,
        updated=now,
        revoked=None,
        revoke_reason="",
        etag="",
        has_security_token=fresh.security_token_sha256 is not None,
        public_key=fresh.public_key,
        policy=draft.policy,
        bearer=isinstance(draft.material, BearerMaterial),
        session_id=draft.session_id,
    )


def new_id(prefix: str) -> str:
    """Return a fresh key id: the prefix, and 100 random bits."""
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(20))


def complete_draft(draft: KeyDraft, schemes: Mapping[str, Scheme]) -> KeyDraft:
    """Check a draft's limits and fill in what it leaves to the service, but for the material. A public key is read here.

    `schemes` are the enabled ones, with the kinds of key that each takes.

    Raises:
        InvalidField: a limit is broken.
    """
    material = read_offered(draft.material) if isinstance(draft.material, OfferedPublicKey) else draft.material
    kind = _kind_of(material)
    draft = dataclasses.replace(
        draft,
        tenant=draft.tenant or DEFAULT_TENANT,
        allowed_schemes=draft.allowed_schemes or DEFAULT_SCHEMES[kind],
        material=material,
        policy=check_policy("policy", draft.policy),
    )
    limits.check_tenant("tenant", draft.tenant)
    limits.check_text("principal", draft.principal, 256)
    limits.check_text("description", draft.description, 1024)
    limits.check_labels("labels", draft.labels)
    limits.check_schemes("allowed_schemes", draft.allowed_schemes, schemes)
    limits.check_kind("allowed_schemes", draft.allowed_schemes, schemes, kind)
    limits.check_times("expire_time", draft.not_before, draft.expires)
    limits.check_request_id("request_id", draft.request_id)
    if isinstance(material, ImportedMaterial):
        limits.check_key_id("imported_secret.key_id", material.key_id)
        limits.check_secret("imported_secret.secret", material.secret)
        limits.check_security_token("imported_secret.security_token", material.security_token)
    return draft


def _kind_of(material: Material | None) -> KeyKind:
    if isinstance(material, BearerMaterial):
        return KeyKind.BEARER
    return KeyKind.PUBLIC if isinstance(material, PublicMaterial) else KeyKind.SYMMETRIC


def complete_change(change: KeyChange, schemes: Mapping[str, Scheme]) -> KeyChange:
    """Check the fields that a change names, and return it with its policy as it is stored.

    Whether times and kind go together is seen when they meet the stored ones.

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
        limits.check_schemes("key.allowed_schemes", change.allowed_schemes, schemes)
    if "state" in change.mask and change.state not in {KeyState.ACTIVE, KeyState.DISABLED}:
        raise InvalidField("key.state", "must be active or disabled; use Revoke to revoke")
    return dataclasses.replace(change, policy=check_policy("key.policy", change.policy)) if "policy" in change.mask else change


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
        "imported": draft.material.key_id if isinstance(draft.material, ImportedMaterial) else None,
    }
    if isinstance(draft.material, PublicMaterial):
        public_key = draft.material.public_key
        parts["public_key"] = [draft.material.key_id, public_key.algorithm, public_key.spki.hex()]
    if isinstance(draft.material, BearerMaterial):
        parts["bearer"] = True
    if draft.policy != NO_POLICY:  # else as releases without policies have it
        parts["policy"] = policy_text(draft.policy)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def security_token_hash(material: ImportedMaterial) -> bytes | None:
    """Return the SHA-256 of the security token, or None when there is none."""
    return hashlib.sha256(material.security_token.encode("ascii")).digest() if material.security_token else None


def same_material(material: Material, secret: bytes, token_sha256: bytes | None) -> bool:
    """Say, in constant time, whether this secret and security token are the ones that are stored.

    Of a public key the fingerprint has told already.
    """
    if not isinstance(material, ImportedMaterial):
        return True
    same_secret = hmac.compare_digest(material.secret, secret)
    same_token = hmac.compare_digest(security_token_hash(material) or b"", token_sha256 or b"")
    return same_secret and same_token
