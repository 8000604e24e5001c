"""The innermost ring: store, then unseal, every time anew."""

import dataclasses
from collections.abc import Callable
from typing import Final

from counterseal.core.model import Derive, Key, KeyKind, Scope, is_enough_secret
from counterseal.server.errors import SealBroken
from counterseal.server.keys.absent import AbsentRow
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.remember import remembering
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.keys.seal import open_secret
from counterseal.server.store.records import StoredKey

# How the ring reads the store: `KeyStore.read_key`.
ReadKey = Callable[[str], StoredKey | None]
_HASH_BYTES: Final = 32  # SHA-256
_SCOPE: Final = Scope(date="20260101", region="us-east-1", service="s3")


class StoredKeyRing:
    """Reads keys from the store and opens them."""

    def __init__(
        self, read_key: ReadKey, cipher: SecretCipher, derive: Derive, *, scopes_per_key: int, bound: RevocationBound
    ) -> None:
        """`derive` is the plain derivation; each opened key remembers what it derived for its last `scopes_per_key` scopes."""
        self._bound = bound
        self._read_key = read_key
        self._cipher = cipher
        self._derive = derive
        self._scopes_per_key = scopes_per_key
        self._absent = AbsentRow(cipher)

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing. An absent key costs what a stored one does: something is opened in every case."""
        as_of = self._bound.clock()  # before the reading begins: what is committed later may be missing
        stored = self._read_key(key_id)
        key = open_key(self._absent.read() if stored is None else stored, self._cipher)
        opened = OpenedKey(key=key, derive=remembering(self._derive, self._scopes_per_key), as_of=as_of)
        if stored is None:
            # A key that was just opened has nothing derived yet. What stands in for an absent one, further up, mostly has.
            opened.derive(key, _SCOPE)
            return None
        return opened

    def evict(self, key_id: str) -> None:
        """Nothing is kept here."""

    def evict_all(self) -> None:
        """Nothing is kept here."""

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing. What was read within the bound needs no feed."""
        return self._bound.clock() - opened.as_of <= self._bound.seconds


def open_key(stored: StoredKey, cipher: SecretCipher) -> Key:
    """Unseal a stored key.

    Raises:
        SealBroken: the seal does not open, the record was changed, or the secret is too short to be one.
    """
    record = stored.record
    secrets = open_secret(stored, cipher)
    held = [secret for secret in (secrets.current, secrets.previous) if secret is not None]
    if record.public_key is None and not all(_is_enough(record.kind, secret) for secret in held):
        raise SealBroken("a stored secret is too short to verify with")
    key = Key(
        key_id=record.key_id,
        tenant=record.tenant,
        secret=b"" if record.bearer else secrets.current,
        bearer_sha256=secrets.current if record.bearer else None,
        allowed_schemes=record.allowed_schemes,
        state=record.state,
        principal=record.principal,
        labels=record.labels,
        not_before=None if record.not_before is None else record.not_before.timestamp(),
        expires=None if record.expires is None else record.expires.timestamp(),
        security_token_sha256=stored.security_token_sha256,
        public_key=record.public_key,
        policy=record.policy,
        secret_version=stored.secret_version if record.public_key is None else 0,
        session_id=record.session_id,
    )
    if record.previous is None or secrets.previous is None:
        return key
    # Kept after its end as well: whether it still verifies is seen when it is used.
    older = dataclasses.replace(
        key,
        secret=b"" if record.bearer else secrets.previous,
        bearer_sha256=secrets.previous if record.bearer else None,
        secret_version=record.previous.version,
        secret_end=record.previous.until.timestamp(),
    )
    return dataclasses.replace(key, older=older)


def _is_enough(kind: KeyKind, held: bytes) -> bool:
    return len(held) == _HASH_BYTES if kind is KeyKind.BEARER else is_enough_secret(held)
