"""A retried IssueKey: the key that the first attempt made, as it is now.

Of a bearer token only the hash is kept, so a retry makes another one for the same key: the hash is replaced in a transaction of
its own, written down, and whatever the first answer held is good for nothing from then on.
"""

import dataclasses
import datetime as dt
from typing import Final

from counterseal.core.model import KeyState
from counterseal.core.schemes import bearer
from counterseal.server import audit
from counterseal.server.errors import KeyIsRevoked, RequestIdReused
from counterseal.server.keys import drafts
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.sealed_secrets import Secrets
from counterseal.server.store.records import AuditEntry, IssuedKey, IssueMark, KeyDraft, StoredKey

# How long a repeated request id fetches the same key and secret (keys.proto, IssueKey).
REPEAT_SECONDS: Final = 600
FIRST_VERSION: Final = 1


def repeated(draft: KeyDraft, mark: IssueMark, stored: StoredKey, cipher: SecretCipher, now: dt.datetime) -> IssuedKey:
    """Answer a retry with what the first attempt made.

    Raises:
        RequestIdReused, KeyIsRevoked: see `Issuer.issue`.
        SealBroken: what is stored is not what was sealed.
    """
    _check_repeatable(mark, stored, now)
    secret = open_secret(stored, cipher).current
    if draft.material is None:
        return IssuedKey(record=stored.record, secret=secret.decode("ascii"))
    if not drafts.same_material(draft.material, secret, stored.security_token_sha256):
        raise RequestIdReused("the request id was used for another request")
    return IssuedKey(record=stored.record, secret="")


def with_another_token(
    mark: IssueMark, stored: StoredKey, cipher: SecretCipher, now: dt.datetime
) -> tuple[StoredKey, AuditEntry, str]:
    """Return the key with another bearer token, the entry that says so, and the token.

    Its version stays the first: by that, a retry of an IssueKey tells that the key was rotated since.

    Raises:
        RequestIdReused, KeyIsRevoked: see `Issuer.issue`.
        SealBroken: what is stored is not what was sealed; sealing it anew would make it good.
    """
    _check_repeatable(mark, stored, now)
    open_secret(stored, cipher)
    time, token = stored.next_update(now), drafts.new_token(stored.record.key_id)
    changed = dataclasses.replace(stored, record=dataclasses.replace(stored.record, updated=time, secret_created=time))
    sealed = seal_key(Secrets(current=bearer.token_sha256(token)), changed, cipher)
    return sealed, audit.reissued(changed.record, actor=mark.actor, request_id=mark.request_id), token


def _check_repeatable(mark: IssueMark, stored: StoredKey, now: dt.datetime) -> None:
    if now - stored.record.created >= dt.timedelta(seconds=REPEAT_SECONDS):
        raise RequestIdReused("the request id was used too long ago to be answered again")
    if stored.mark is None or stored.mark.fingerprint != mark.fingerprint:
        raise RequestIdReused("the request id was used for another request")
    if stored.record.state is KeyState.REVOKED:  # perhaps because its secret got out: it is not handed out once more
        raise KeyIsRevoked("the key of this request id is revoked, and revocation is final")
    if stored.secret_version != FIRST_VERSION:
        raise RequestIdReused("the key was rotated since the request id was used")
