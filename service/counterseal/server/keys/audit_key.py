"""The key of the service's marks on the audit chain. It lies in the store, sealed under the master keys."""

import secrets
from typing import Final

from counterseal.server.errors import ConfigError, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.store.audit_chain import AuditKey
from counterseal.server.store.keystore import KeyStore

# Everything in `meta` under this prefix is sealed, and resealed with the rest.
NAME: Final = "sealed/audit-key"


def arm_journal(store: KeyStore, cipher: SecretCipher) -> AuditKey:
    """Have the store's journal mark what it writes, with the store's own key; the first server to come makes it.

    Raises:
        ConfigError: the key does not open, or is missing though there is a chain: the database was tampered with.
        StoreUnavailable: the store does not answer.
    """
    if (sealed := _read(store)) is None:
        if store.chain_head().hash is not None:
            raise ConfigError(
                f"COUNTERSEAL_DATABASE_URL: the database holds an audit chain and not its key (`{NAME}` in the table meta): "
                f"it was tampered with; restore it from a backup"
            )
        store.add_meta(NAME, cipher.seal(secrets.token_bytes(32), tenant="", key_id=NAME, version=0))
        sealed = _read(store) or b""  # another server's, if that was faster
    key = open_audit_key(sealed, cipher)
    store.journal.arm(key)
    return key


def find_audit_key(store: KeyStore, cipher: SecretCipher) -> AuditKey | None:
    """Return the key of the store's audit chain, None when there is none yet. Raises what `arm_journal` raises."""
    sealed = _read(store)
    return None if sealed is None else open_audit_key(sealed, cipher)


def open_audit_key(sealed: bytes, cipher: SecretCipher) -> AuditKey:
    """Open the key. Raises ConfigError."""
    try:
        return AuditKey(key=cipher.unseal(sealed, tenant="", key_id=NAME, version=0))
    except SealBroken as error:
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: the key of the audit chain (`{NAME}`) does not open: {error}") from None


def _read(store: KeyStore) -> bytes | None:
    return store.read_meta(NAME).get(NAME)
