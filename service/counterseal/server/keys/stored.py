"""The innermost ring: store, then unseal, every time anew."""

from collections.abc import Callable
from typing import Final

from counterseal.core.model import Derive, Key, Scope, is_enough_secret
from counterseal.server.errors import SealBroken
from counterseal.server.keys.absent import AbsentRow
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.remember import remembering
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.keys.seal import open_secret
from counterseal.server.store.records import StoredKey

# How the ring reads the store: `KeyStore.read_key`.
ReadKey = Callable[[str], StoredKey | None]
_SCOPE: Final = Scope(date="20260101", region="us-east-1", service="s3")


class StoredKeyRing:
    """Reads keys from the store and opens them."""

    def __init__(self, read_key: ReadKey, cipher: SecretCipher, derive: Derive, *, scopes_per_key: int) -> None:
        """`derive` is the plain derivation; each opened key remembers what it derived for its last `scopes_per_key` scopes."""
        self._read_key = read_key
        self._cipher = cipher
        self._derive = derive
        self._scopes_per_key = scopes_per_key
        self._absent = AbsentRow(cipher)

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing. An absent key costs what a stored one does: something is opened in every case."""
        stored = self._read_key(key_id)
        key = open_key(self._absent.read() if stored is None else stored, self._cipher)
        opened = OpenedKey(key=key, derive=remembering(self._derive, self._scopes_per_key))
        if stored is None:
            # A key that was just opened has nothing derived yet. What stands in for an absent one, further up, mostly has.
            opened.derive(key, _SCOPE)
            return None
        return opened

    def evict(self, key_id: str) -> None:
        """Nothing is kept here."""

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing."""
        return opened is not None


def open_key(stored: StoredKey, cipher: SecretCipher) -> Key:
    """Unseal a stored key.

    Raises:
        SealBroken: the seal does not open, the record was changed, or the secret is too short to be one.
    """
    record = stored.record
    secret = open_secret(stored, cipher)
    if record.public_key is None and not is_enough_secret(secret):
        raise SealBroken("a stored secret is too short to verify with")
    return Key(
        key_id=record.key_id,
        tenant=record.tenant,
        secret=secret,
        allowed_schemes=record.allowed_schemes,
        state=record.state,
        principal=record.principal,
        labels=record.labels,
        not_before=None if record.not_before is None else record.not_before.timestamp(),
        expires=None if record.expires is None else record.expires.timestamp(),
        security_token_sha256=stored.security_token_sha256,
        public_key=record.public_key,
    )
