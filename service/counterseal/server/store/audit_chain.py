"""The chain of the audit trail: over which bytes an entry is hashed. docs/audit.md says it for others; a test holds the two."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row

from counterseal.server.store.audit_subjects import SIGN_IN_FAILED, shown_key_id
from counterseal.server.store.rows import to_time

# Part of every hash, so that a later way of hashing can never be taken for this one.
_FORM: Final = "counterseal-audit-1"
# Changes of a key or a principal move its `updated`; these are about one, or may be one day, and change none.
_NO_CHANGE: Final = frozenset({"lease", SIGN_IN_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedEntry:
    """An entry of the trail as it is hashed and exported. `previous_hash` is empty for the first of the chain.

    `time` is RFC 3339 in UTC with six digits of the second, `detail_json` the JSON as it was written.
    """

    sequence: int
    time: str
    actor: str
    action: str
    key_id: str
    tenant: str
    request_id: str
    detail_json: str
    hash: bytes
    previous_hash: bytes

    def expected_hash(self) -> bytes:
        """Return the hash that belongs to what the entry says."""
        texts = (
            *(_FORM, self.previous_hash.hex(), str(self.sequence), self.time, self.actor, self.action, self.key_id),
            *(self.tenant, self.request_id, self.detail_json),
        )
        parts = [text.encode() for text in texts]
        return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKey:
    """The key of the service's own mark on every hash: who rewrites the database and its hashes cannot make it."""

    key: bytes = field(repr=False)

    def mac(self, digest: bytes) -> bytes:
        """Return the mark on a hash."""
        return hmac.digest(self.key, digest, "sha256")

    def made(self, digest: bytes, mac: bytes | None) -> bool:
        """Say whether this mark is ours."""
        return mac is not None and hmac.compare_digest(self.mac(digest), mac)


def chain_time(micros: int) -> str:
    """Return a time of the database as it is hashed and exported."""
    return to_time(micros).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def revision_of(key_id: str, action: str, micros: int) -> int | None:
    """Return what the column `revision` holds: the time of a change of a key, a caller, a principal or a session; else None.

    `key_id` as the column of that name holds it.
    """
    changes = key_id and action not in _NO_CHANGE
    return micros if changes else None


def chained(row: Row[Any], previous_hash: bytes | None) -> ChainedEntry:
    """Return the entry in a row of `audit` that has a number and a hash."""
    return ChainedEntry(
        sequence=row.seq,
        time=chain_time(row.time),
        actor=row.actor,
        action=row.action,
        key_id=shown_key_id(row.key_id),
        tenant=row.tenant,
        request_id=row.request_id,
        detail_json=row.detail,
        hash=row.hash or b"",
        previous_hash=previous_hash or b"",
    )
