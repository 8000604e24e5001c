"""Issuing, changing and revoking keys: what KeyService does, without its transport.

Each change is committed first, then evicted from the key ring, and only then acknowledged. It is evicted even when the store
failed: an outage may have come after the commit.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from counterseal.core.model import KeyState
from counterseal.core.schemes.base import Scheme
from counterseal.server import audit
from counterseal.server.errors import EtagMismatch, InvalidField, KeyExists, KeyIsRevoked, KeyNotFound, SealBroken
from counterseal.server.keys import drafts, limits
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.reissue import FIRST_VERSION, REPEAT_SECONDS, repeated, with_another_token
from counterseal.server.keys.ring import KeyRing
from counterseal.server.keys.rotation import Rotated, Rotation, without_ended
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.store.keystore import Edit, KeyStore
from counterseal.server.store.records import (
    AuditEntry,
    BearerMaterial,
    IssuedKey,
    IssueMark,
    KeyChange,
    KeyDraft,
    KeyPage,
    KeyQuery,
    KeyRecord,
    Revocation,
    RotatedKey,
    RotateOrder,
    StoredKey,
)


class Issuer:
    """Issues, imports, reads, changes and revokes keys. Thread-safe. Any method may raise StoreUnavailable.

    Tenants limit what a caller may see: a key of another tenant reads as absent. None: no limit.
    """

    def __init__(
        self,
        *,
        store: KeyStore,
        ring: KeyRing,
        cipher: SecretCipher,
        schemes: Mapping[str, Scheme],
        clock: Callable[[], float],
        revoke_bound: float,
    ) -> None:
        """`schemes` are the enabled ones by name; `revoke_bound` is in seconds."""
        self._store = store
        self._ring = ring
        self._cipher = cipher
        self._schemes = schemes
        self._clock = clock
        self._revoke_bound = dt.timedelta(seconds=revoke_bound)

    def issue(self, draft: KeyDraft, *, actor: str) -> IssuedKey:
        """Issue a key, import one, or register a public key; durable when this returns.

        Raises:
            InvalidField: a limit is broken.
            KeyExists: the imported id is taken.
            RequestIdReused: `actor` used the request id for something else, or more than ten minutes ago.
            KeyIsRevoked: this is a retry, and the key of the first attempt was revoked since.
            EtagMismatch: a bearer token was issued by another attempt at this very moment: try again.
        """
        draft = drafts.complete_draft(draft, self._schemes)
        mark = None
        if draft.request_id:
            mark = IssueMark(actor=actor, request_id=draft.request_id, fingerprint=drafts.fingerprint(draft))
            if earlier := self._store.find_issued(actor, draft.request_id):
                return self._repeat(draft, mark, earlier)
        fresh = drafts.fresh_key(draft)
        stored = self._seal(draft, fresh, mark)
        entry = audit.issued(stored.record, actor=actor, request_id=draft.request_id, action=fresh.action)
        try:
            record = self._store.insert(stored, entry)
        except KeyExists:
            if mark and (earlier := self._store.find_issued(actor, mark.request_id)):  # a retry overtook its first attempt
                return self._overtaken(draft, mark, earlier)
            raise
        finally:
            self._ring.evict(fresh.key_id)  # its absence may be cached
        return IssuedKey(record=record, secret=fresh.shown)

    def get(self, key_id: str, *, tenants: frozenset[str] | None = None) -> KeyRecord:
        """Return a key's record.

        Raises:
            InvalidField: this is no key id.
            KeyNotFound: there is none, or not one of these tenants.
        """
        limits.check_key_id("key_id", key_id)
        stored = self._store.read_key(key_id)
        if stored is None:
            raise KeyNotFound("there is no such key")
        _check_tenant(stored.record, tenants)
        return self._shown([stored.record])[0]

    def list_keys(self, query: KeyQuery) -> KeyPage:
        """Return a page of records. A page size of 0 means 100.

        Raises:
            InvalidField: the page size or the place to go on from is out of bounds.
        """
        if not 0 <= query.page_size <= limits.MAX_PAGE_SIZE:
            raise InvalidField("page_size", f"must be 1 to {limits.MAX_PAGE_SIZE}, or 0 for the default")
        if query.after:
            limits.check_key_id("page_token", query.after)
        limits.check_text("principal", query.principal, 256)
        page = self._store.list_keys(dataclasses.replace(query, page_size=query.page_size or 100, now=self._now()))
        return dataclasses.replace(page, records=self._shown(page.records))

    def _shown(self, records: Sequence[KeyRecord]) -> tuple[KeyRecord, ...]:
        """Return records with what is known of their uses, and without secrets that have ended."""
        uses, now = self._store.read_uses([record.key_id for record in records]), self._now()
        return tuple(
            dataclasses.replace(
                record,
                uses=uses.get(record.key_id, {}),
                previous=None if record.previous is None or record.previous.until <= now else record.previous,
            )
            for record in records
        )

    def update(self, change: KeyChange, *, actor: str, tenants: frozenset[str] | None = None) -> KeyRecord:
        """Change the fields in the mask; durable and in force in this process when this returns.

        Raises:
            InvalidField: a limit is broken.
            KeyNotFound: there is no such key, or not one of these tenants.
            KeyIsRevoked: revocation is final.
            EtagMismatch: the key was changed since.
            SealBroken: what is stored is not what was sealed; sealing it anew would make it good.
        """
        change = drafts.complete_change(change, self._schemes)

        def edit(stored: StoredKey) -> tuple[StoredKey, AuditEntry] | None:
            before = stored.record
            _check_tenant(before, tenants)
            if before.state is KeyState.REVOKED:
                raise KeyIsRevoked("the key is revoked, and revocation is final")
            if change.etag and change.etag != before.etag:
                raise EtagMismatch("the key was changed since it was read")
            limits.check_of_session(change, before)
            if "allowed_schemes" in change.mask:
                limits.check_kind("key.allowed_schemes", change.allowed_schemes, self._schemes, before.kind)
            values = {drafts.MASK[name]: getattr(change, drafts.MASK[name]) for name in change.mask}
            after = dataclasses.replace(before, **values)
            if after == before:
                return None
            late = "expire_time" if "expire_time" in change.mask else "not_before_time"
            limits.check_times(f"key.{late}", after.not_before, after.expires)
            after = dataclasses.replace(after, updated=stored.next_update(self._now()))
            return self._seal_again(stored, after), audit.updated(before, after, actor=actor)

        return self._change(change.key_id, edit)

    def rotate(self, order: RotateOrder, *, actor: str, tenants: frozenset[str] | None = None) -> RotatedKey:
        """Give a key a new secret; durable and in force in this process when this returns.

        The secret before verifies for `order.overlap`; one that was before that ends at once.

        Raises:
            InvalidField: a limit is broken, the key has nothing to rotate, or the imported secret is one that it has.
            KeyNotFound: there is no such key, or not one of these tenants.
            KeyIsRevoked: revocation is final.
            EtagMismatch: the key was changed since.
            RequestIdReused: `actor` used the request id for another order, or more than ten minutes ago, or before another one.
            SealBroken: what is stored is not what was sealed.
        """
        rotation = Rotation(order, actor=actor, cipher=self._cipher, repeat_for=dt.timedelta(seconds=REPEAT_SECONDS))
        found: list[Rotated] = []

        def edit(stored: StoredKey) -> tuple[StoredKey, AuditEntry] | None:
            _check_tenant(stored.record, tenants)
            found[:] = [rotation.carry_out(stored, self._now())]
            return found[0].done

        record = self._change(order.key_id, edit)
        return found[0].answer(record)

    def revoke(self, key_id: str, reason: str, *, actor: str, tenants: frozenset[str] | None = None) -> Revocation:
        """Revoke a key for good; durable and in force in this process when this returns. The first reason and time are kept.

        Raises:
            InvalidField: this is no key id, or no reason.
            KeyNotFound: there is no such key, or not one of these tenants.
        """
        limits.check_key_id("key_id", key_id)
        limits.check_text("reason", reason, 512, shortest=1)

        def edit(stored: StoredKey) -> tuple[StoredKey, AuditEntry] | None:
            before = stored.record
            _check_tenant(before, tenants)
            if before.state is KeyState.REVOKED:
                return None
            now, updated = self._now(), stored.next_update(self._now())
            after = dataclasses.replace(before, state=KeyState.REVOKED, updated=updated, revoked=now, revoke_reason=reason)
            changed = dataclasses.replace(stored, record=after)
            # A key that does not open can be revoked all the same. It keeps the broken seal, and goes on to open for nobody.
            with contextlib.suppress(SealBroken):
                changed = self._seal_again(stored, after)
            return changed, audit.revoked(before, after, actor=actor)

        record = self._change(key_id, edit)
        return Revocation(record=record, effective=self._now() + self._revoke_bound)

    def _seal(self, draft: KeyDraft, fresh: drafts.FreshKey, mark: IssueMark | None) -> StoredKey:
        record = drafts.new_record(draft, fresh, self._now())
        unsealed = StoredKey(
            record=record,
            secret_version=FIRST_VERSION,
            sealed_secret=b"",
            security_token_sha256=fresh.security_token_sha256,
            mark=mark,
        )
        return seal_key(fresh.secret, unsealed, self._cipher)

    def _seal_again(self, stored: StoredKey, after: KeyRecord) -> StoredKey:
        """Return the key with another record, and without a secret that has ended. Raises SealBroken."""
        changed = dataclasses.replace(stored, record=after)
        changed, secrets = without_ended(changed, open_secret(stored, self._cipher), self._now())
        return seal_key(secrets, changed, self._cipher)

    def _repeat(self, draft: KeyDraft, mark: IssueMark, stored: StoredKey) -> IssuedKey:
        """Answer a retry with the key that the first attempt made, as it is now."""
        if not isinstance(draft.material, BearerMaterial):
            return repeated(draft, mark, stored, self._cipher, self._now())
        tokens: list[str] = []

        def edit(stored: StoredKey) -> tuple[StoredKey, AuditEntry]:
            changed, entry, token = with_another_token(mark, stored, self._cipher, self._now())
            tokens[:] = [token]
            return changed, entry

        record = self._change(stored.record.key_id, edit)
        return IssuedKey(record=record, secret=tokens[0])

    def _overtaken(self, draft: KeyDraft, mark: IssueMark, stored: StoredKey) -> IssuedKey:
        """Answer an attempt that another one was quicker than.

        Of two attempts at once nobody knows which one is still waited for: a new token for this one might end the other's,
        which was handed out a moment ago. So the caller has to ask again, if it is still there.
        """
        if isinstance(draft.material, BearerMaterial):
            raise EtagMismatch("another attempt of this request has issued the key at this very moment: try again")
        return self._repeat(draft, mark, stored)

    def _change(self, key_id: str, edit: Edit) -> KeyRecord:
        try:
            record = self._store.change(key_id, edit)
        finally:
            self._ring.evict(key_id)
        if record is None:
            raise KeyNotFound("there is no such key")
        return record

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC)


def _check_tenant(record: KeyRecord, tenants: frozenset[str] | None) -> None:
    if tenants is not None and record.tenant not in tenants:
        raise KeyNotFound("there is no such key")  # in the words for a key that does not exist
