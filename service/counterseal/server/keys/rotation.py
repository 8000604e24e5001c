"""Giving a key a new secret: what becomes of the stored key, and how a retry gets what the first attempt made."""

import dataclasses
import datetime as dt
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.model import KeyState
from counterseal.core.schemes import bearer
from counterseal.server import audit
from counterseal.server.errors import EtagMismatch, InvalidField, KeyIsRevoked, RequestIdReused
from counterseal.server.keys import limits
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.drafts import new_secret, new_token
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.sealed_secrets import RotationMark, Secrets
from counterseal.server.store.records import AuditEntry, KeyRecord, PreviousSecret, RotatedKey, RotateOrder, StoredKey

MAX_OVERLAP: Final = dt.timedelta(days=365)
# Of the latest rotations with a request id, so many are told from new ones.
_MARKS: Final = 8


def check_order(order: RotateOrder) -> None:
    """Check what can be checked before the key is known.

    Raises:
        InvalidField: a limit is broken.
    """
    limits.check_key_id("key_id", order.key_id)
    if not dt.timedelta(0) <= order.overlap <= MAX_OVERLAP:
        raise InvalidField("overlap", f"must be 0 to {MAX_OVERLAP.days} days")
    if order.imported_secret:
        limits.check_secret("imported_secret", order.imported_secret)
    limits.check_request_id("request_id", order.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """A key after an order was carried out: now, or earlier, where `done` is None."""

    done: tuple[StoredKey, AuditEntry] | None = field(repr=False)
    secret: str = field(repr=False)
    previous_end: dt.datetime

    def answer(self, record: KeyRecord) -> RotatedKey:
        """Return the answer, with the record as the store has it."""
        return RotatedKey(record=record, secret=self.secret, previous_end=self.previous_end)


class Rotation:
    """One order to rotate a key. What is answered is what it came to the last time, if it is carried out anew on a conflict."""

    def __init__(self, order: RotateOrder, *, actor: str, cipher: SecretCipher, repeat_for: dt.timedelta) -> None:
        """Raises what `check_order` raises."""
        check_order(order)
        self._order = order
        self._actor = actor
        self._cipher = cipher
        self._repeat_for = repeat_for
        self._fingerprint = _fingerprint(order)

    def carry_out(self, stored: StoredKey, now: dt.datetime) -> Rotated:
        """Return the key with its new secret, sealed; or what this very order made earlier.

        Raises:
            InvalidField: the key has nothing to rotate, or has this secret already.
            KeyIsRevoked, EtagMismatch, RequestIdReused: see `Issuer.rotate`.
            SealBroken: what is stored is not what was sealed.
        """
        _check_rotatable(stored, self._order)
        held = open_secret(stored, self._cipher)
        if mark := self._earlier(held):
            return self._repeat(mark, stored, held, now)
        if self._order.etag and self._order.etag != stored.record.etag:
            raise EtagMismatch("the key was changed since it was read")
        imported = self._order.imported_secret
        if imported and any(hmac.compare_digest(imported, secret) for secret in (held.current, held.previous or b"")):
            raise InvalidField("imported_secret", "must be another one than the key has")
        return self._renew(stored, held, now)

    def _earlier(self, held: Secrets) -> RotationMark | None:
        if not self._order.request_id:
            return None
        mine = (self._actor, self._order.request_id)
        return next((mark for mark in held.marks if (mark.actor, mark.request_id) == mine), None)

    def _repeat(self, mark: RotationMark, stored: StoredKey, held: Secrets, now: dt.datetime) -> Rotated:
        if now - mark.time >= self._repeat_for:
            raise RequestIdReused("the request id was used too long ago to be answered again")
        imported = self._order.imported_secret
        same = hmac.compare_digest(mark.fingerprint, self._fingerprint)
        if mark.version == stored.secret_version and imported:
            same = same and hmac.compare_digest(imported, held.current)
        if not same:
            raise RequestIdReused("the request id was used for another request")
        if mark.version != stored.secret_version:
            raise RequestIdReused("the key was rotated again since the request id was used")
        if stored.record.bearer:
            raise RequestIdReused("the request id was used, and of the token only its hash is kept: rotate under another one")
        secret = "" if imported else held.current.decode("ascii")
        return Rotated(done=None, secret=secret, previous_end=mark.previous_end)

    def _renew(self, stored: StoredKey, held: Secrets, now: dt.datetime) -> Rotated:
        before, version = stored.record, stored.secret_version + 1
        time = stored.next_update(now)
        end = now + self._order.overlap
        overlaps = self._order.overlap > dt.timedelta(0)
        after = dataclasses.replace(
            before,
            updated=time,
            secret_created=time,
            secret_version=version,
            previous=PreviousSecret(version=stored.secret_version, until=end) if overlaps else None,
        )
        made, shown = self._fresh(before)
        secrets = Secrets(current=made, previous=held.current if overlaps else None, marks=self._marks(held, version, now, end))
        changed = seal_key(secrets, dataclasses.replace(stored, record=after, secret_version=version), self._cipher)
        imported = bool(self._order.imported_secret)
        entry = audit.rotated(before, after, actor=self._actor, request_id=self._order.request_id, imported=imported)
        return Rotated(done=(changed, entry), secret=shown, previous_end=end)

    def _fresh(self, record: KeyRecord) -> tuple[bytes, str]:
        """Return what is sealed of the new secret, and what its holder is given."""
        if self._order.imported_secret:
            return self._order.imported_secret, ""
        if record.bearer:
            token = new_token(record.key_id)
            return bearer.token_sha256(token), token
        secret = new_secret()
        return secret, secret.decode("ascii")

    def _marks(self, held: Secrets, version: int, time: dt.datetime, end: dt.datetime) -> tuple[RotationMark, ...]:
        if not self._order.request_id:
            return held.marks
        mark = RotationMark(
            actor=self._actor,
            request_id=self._order.request_id,
            fingerprint=self._fingerprint,
            version=version,
            time=time,
            previous_end=end,
        )
        return (*held.marks, mark)[-_MARKS:]


def without_ended(stored: StoredKey, secrets: Secrets, now: dt.datetime) -> tuple[StoredKey, Secrets]:
    """Return the key without a secret that has ended: what cannot verify any more need not lie in the store."""
    previous = stored.record.previous
    if previous is None or now < previous.until:
        return stored, secrets
    record = dataclasses.replace(stored.record, previous=None)
    return dataclasses.replace(stored, record=record), dataclasses.replace(secrets, previous=None)


def _check_rotatable(stored: StoredKey, order: RotateOrder) -> None:
    if stored.record.public_key is not None:
        raise InvalidField("key_id", "a public key has no secret to rotate: register another key")
    if stored.record.session_id:
        raise InvalidField("key_id", "a key of a session is not rotated: refresh the session")
    if stored.record.bearer and order.imported_secret:
        raise InvalidField("imported_secret", "must be empty: a bearer token is always generated")
    if stored.record.has_security_token:
        raise InvalidField("key_id", "a key with a security token is not rotated: issue another key")
    if stored.record.state is KeyState.REVOKED:
        raise KeyIsRevoked("the key is revoked, and revocation is final")


def _fingerprint(order: RotateOrder) -> bytes:
    """Return a SHA-256 over the order without its secret, which is compared by itself."""
    parts = [order.key_id, order.overlap // dt.timedelta(microseconds=1), order.etag, bool(order.imported_secret)]
    return hashlib.sha256(json.dumps(parts).encode()).digest()
