"""The keys that sessions give out: made, prolonged, and their bearer tokens replaced, each with its audit entry.

All of them end with the session, whether it is refreshed or not: Verify looks at keys alone. Tenant and principal are the
session's.
"""

import dataclasses
import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import KeyState, PublicKey
from counterseal.core.schemes import bearer
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.drafts import FreshKey, fresh_key, new_record, new_token
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.sessions import audit
from counterseal.server.sessions.drafts import AccessToken, CredentialsOrder, Lifetimes, SessionKey, TemporaryCredentials
from counterseal.server.sessions.refusing import over
from counterseal.server.store.records import AuditEntry, BearerMaterial, KeyDraft, KeyRecord, PublicMaterial, StoredKey
from counterseal.server.store.session_records import SessionRecord

Change = tuple[StoredKey, AuditEntry]
SECURITY_TOKEN_PREFIX: Final = "csst_"  # noqa: S105 - recognisable for secret scanners, no token
_SECURITY_TOKEN_CHARACTERS: Final = 43  # of 62: 256 bits
_BEARER: Final = frozenset({"bearer"})
_SIGNATURES: Final = frozenset({"rfc9421"})
_AWS: Final = frozenset({"aws-sigv4"})
_FIRST_VERSION: Final = 1
_MINUTE: Final = dt.timedelta(minutes=1)


class KeyMaker:
    """Makes and changes keys of sessions. Thread-safe, no state."""

    def __init__(self, cipher: SecretCipher, lifetimes: Lifetimes) -> None:
        self._cipher = cipher
        self._lifetimes = lifetimes
        self._little = min(_MINUTE, lifetimes.key / 10)

    def access_token(
        self, session: SessionRecord, labels: Mapping[str, str], now: dt.datetime, *, actor: str
    ) -> tuple[AccessToken, Change]:
        """Return a session's first bearer token, and its key."""
        expires = _until(session, now + self._lifetimes.access_token)
        draft = _draft(session, labels, expires, allowed_schemes=_BEARER, material=BearerMaterial())
        fresh = fresh_key(draft)
        token = AccessToken(token=fresh.shown, key_id=fresh.key_id, expires=expires)
        return token, self._made(draft, fresh, now, actor)

    def next_access_token(
        self, key: StoredKey, session: SessionRecord, now: dt.datetime, *, actor: str
    ) -> tuple[AccessToken, Change]:
        """Return another bearer token of a session's key. The one before is good for nothing from then on.

        Raises:
            Refuse: OVER; an administrator revoked the key, and revocation is final.
            SealBroken: what is stored is not what was sealed.
        """
        if key.record.state is KeyState.REVOKED:
            over()
        token = new_token(key.record.key_id)
        expires = _until(session, now + self._lifetimes.access_token)
        change = self._replaced(key, bearer.token_sha256(token), expires, now, actor)
        return AccessToken(token=token, key_id=key.record.key_id, expires=expires), change

    def no_access_token(self, key: StoredKey, now: dt.datetime, *, actor: str) -> Change | None:
        """Return a session's key without a token; None where it has ended anyway. Raises SealBroken."""
        if key.record.state is KeyState.REVOKED or key.record.expires is None or key.record.expires <= now:
            return None
        # The end alone would go by the clock of each replica. Of this hash nobody has the token.
        return self._replaced(key, hashlib.sha256(os.urandom(32)).digest(), now, now, actor)

    def public_key(
        self, public_key: PublicKey, session: SessionRecord, labels: Mapping[str, str], now: dt.datetime, *, actor: str
    ) -> tuple[SessionKey, Change]:
        """Return a public key, registered."""
        expires = _until(session, now + self._lifetimes.key)
        material = PublicMaterial(key_id="", public_key=public_key)
        draft = _draft(session, labels, expires, allowed_schemes=_SIGNATURES, material=material)
        fresh = fresh_key(draft)
        shown = SessionKey(key_id=fresh.key_id, algorithm=public_key.algorithm, expires=expires)
        return shown, self._made(draft, fresh, now, actor)

    def prolonged(
        self, key: StoredKey, session: SessionRecord, now: dt.datetime, *, actor: str
    ) -> tuple[SessionKey, Change | None]:
        """Return a registered key with a later end; None: it has that end already, or nearly.

        Each change leaves rows, and a client that registers its key at every turn is after no second more.

        Raises:
            Refuse: OVER; an administrator revoked the key, and revocation is final.
            SealBroken: what is stored is not what was sealed.
        """
        before = key.record
        if before.state is KeyState.REVOKED or before.public_key is None:
            over()
        expires = _until(session, now + self._lifetimes.key)
        shown = SessionKey(key_id=before.key_id, algorithm=before.public_key.algorithm, expires=expires)
        held = open_secret(key, self._cipher)
        if before.expires is not None and dt.timedelta(0) <= expires - before.expires <= self._little:
            return dataclasses.replace(shown, expires=before.expires), None
        after = dataclasses.replace(before, expires=expires, updated=key.next_update(now))
        changed = seal_key(held, dataclasses.replace(key, record=after), self._cipher)
        return shown, (changed, audit.key_prolonged(before, after, actor=actor))

    def credentials(
        self, order: CredentialsOrder, session: SessionRecord, labels: Mapping[str, str], now: dt.datetime, *, actor: str
    ) -> tuple[TemporaryCredentials, Change]:
        """Return a key id, a secret and a security token, good no longer than the session."""
        expires = _until(session, now + order.duration)
        draft = _draft(session, labels, expires, allowed_schemes=order.allowed_schemes or _AWS, material=None)
        draft = dataclasses.replace(draft, policy=order.policy)
        random = "".join(secrets.choice(bearer.ALPHABET) for _ in range(_SECURITY_TOKEN_CHARACTERS))
        security_token = SECURITY_TOKEN_PREFIX + random
        digest = hashlib.sha256(security_token.encode("ascii")).digest()
        fresh = dataclasses.replace(fresh_key(draft), security_token_sha256=digest)
        given = TemporaryCredentials(key_id=fresh.key_id, secret=fresh.shown, security_token=security_token, expires=expires)
        return given, self._made(draft, fresh, now, actor)

    def _made(self, draft: KeyDraft, fresh: FreshKey, now: dt.datetime, actor: str) -> Change:
        record = new_record(draft, fresh, now)
        stored = StoredKey(
            record=record,
            secret_version=_FIRST_VERSION,
            sealed_secret=b"",
            security_token_sha256=fresh.security_token_sha256,
        )
        return seal_key(fresh.secret, stored, self._cipher), audit.key_made(record, actor=actor, action=fresh.action)

    def _replaced(self, key: StoredKey, digest: bytes, expires: dt.datetime, now: dt.datetime, actor: str) -> Change:
        before, held = key.record, open_secret(key, self._cipher)
        time, version = key.next_update(now), key.secret_version + 1
        after: KeyRecord = dataclasses.replace(
            before, updated=time, expires=expires, secret_created=time, secret_version=version, previous=None
        )
        secrets_after = dataclasses.replace(held, current=digest, previous=None)
        changed = seal_key(secrets_after, dataclasses.replace(key, record=after, secret_version=version), self._cipher)
        return changed, audit.token_replaced(before, after, actor=actor)


def _until(session: SessionRecord, time: dt.datetime) -> dt.datetime:
    return min(time, session.expires, session.idle_until)


def _draft(
    session: SessionRecord,
    labels: Mapping[str, str],
    expires: dt.datetime,
    *,
    allowed_schemes: frozenset[str],
    material: BearerMaterial | PublicMaterial | None,
) -> KeyDraft:
    return KeyDraft(
        tenant=session.tenant,
        principal=session.principal,
        labels=labels,
        allowed_schemes=allowed_schemes,
        expires=expires,
        material=material,
        session_id=session.session_id,
    )
