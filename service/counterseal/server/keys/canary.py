"""Whether the master keys at hand open what the store holds, found out at start rather than at the first Verify.

Each master key that ever sealed something leaves a sealed constant in the store, until a reseal has made the key superfluous.
"""

from typing import Final

from counterseal.server.errors import ConfigError, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.store.keystore import KeyStore

_PREFIX: Final = "master-key/"
_CONSTANT: Final = b"this opens"


def check_master_keys(store: KeyStore, cipher: SecretCipher) -> None:
    """Check that every master key in use is in the ring and is the right one; register the active one. Run before serving.

    Raises:
        ConfigError: a master key is missing or another than it was.
        StoreUnavailable: the store does not answer.
    """
    # Looked at before something is added, so that a wrong ring leaves nothing behind; and after, so that of two processes
    # with different rings, started at once on an empty store, at least the later one refuses.
    name = _PREFIX + cipher.active_id
    if name not in _check_all(store, cipher):
        store.add_meta(name, _seal(cipher))
        _check_all(store, cipher)


def in_use(store: KeyStore) -> bool:
    """Say whether anything was ever sealed for this store. Raises StoreUnavailable."""
    return bool(store.read_meta(_PREFIX))


def master_keys_in_use(store: KeyStore) -> frozenset[str]:
    """Return the ids of the master keys under which anything may be sealed. Raises StoreUnavailable."""
    return frozenset(name.removeprefix(_PREFIX) for name in store.read_meta(_PREFIX))


def forget_other_master_keys(store: KeyStore, cipher: SecretCipher) -> None:
    """Drop the marks of all master keys but the active one: nothing is sealed under them any more."""
    for name in store.read_meta(_PREFIX):
        if name != _PREFIX + cipher.active_id:
            store.drop_meta(name)


def _seal(cipher: SecretCipher) -> bytes:
    return cipher.seal(_CONSTANT, tenant="", key_id=_PREFIX + cipher.active_id, version=0)


def _check_all(store: KeyStore, cipher: SecretCipher) -> frozenset[str]:
    marks = store.read_meta(_PREFIX)
    for name, sealed in marks.items():
        try:
            cipher.unseal(sealed, tenant="", key_id=name, version=0)
        except SealBroken:
            raise ConfigError(
                f"COUNTERSEAL_MASTER_KEYS: secrets in the key store are sealed under the master key "
                f"{name.removeprefix(_PREFIX)}, which is missing or not the same any more; put it back into the ring, "
                f"behind the active one if need be"
            ) from None
    return frozenset(marks)
