"""Bringing every sealed secret under the active master key, while the service runs."""

from dataclasses import dataclass
from typing import Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys.canary import check_master_keys, forget_other_master_keys
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import SealSwap, StoredKey

_PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ResealReport:
    """How many secrets were resealed, how many were under the active master key already, and which do not open (key ids)."""

    resealed: int
    skipped: int
    broken: tuple[str, ...] = ()


def reseal_all(store: KeyStore, cipher: SecretCipher) -> ResealReport:
    """Reseal what is not under the active master key. Interrupted, it goes on from where it was when it is run again.

    Only when nothing is broken are the older master keys released: from then on they may leave the ring. Every running
    server must know the active master key before this starts, and must seal under it.

    Raises:
        ConfigError: the ring does not open what the store holds.
        StoreUnavailable: the store does not answer; pages done so far stay done.
    """
    check_master_keys(store, cipher)
    resealed = skipped = 0
    broken: list[str] = []
    after = ""
    while page := store.read_keys_after(after, _PAGE):
        after = page[-1].record.key_id
        waiting: tuple[StoredKey, ...] = page
        while waiting:
            swaps = _swaps(waiting, cipher, broken)
            skipped += len(waiting) - len(swaps)
            done = store.swap_sealed(swaps) if swaps else frozenset()
            resealed += len(done)
            waiting = _read_again(store, [swap.key_id for swap in swaps if swap.key_id not in done])
    if not broken:
        forget_other_master_keys(store, cipher)
    return ResealReport(resealed=resealed, skipped=skipped - len(broken), broken=tuple(broken))


def _swaps(keys: tuple[StoredKey, ...], cipher: SecretCipher, broken: list[str]) -> list[SealSwap]:
    swaps = []
    for stored in keys:
        key_id, sealed = stored.record.key_id, stored.sealed_secret
        try:
            secret = open_secret(stored, cipher)
        except SealBroken:
            broken.append(key_id)  # the others are still worth their new seal
            continue
        if not cipher.is_current(sealed):
            swaps.append(SealSwap(key_id=key_id, old=sealed, new=seal_key(secret, stored, cipher).sealed_secret))
    return swaps


def _read_again(store: KeyStore, key_ids: list[str]) -> tuple[StoredKey, ...]:
    """Read keys that changed under us, their sealed secrets with them: what is there now decides."""
    found = (store.read_key(key_id) for key_id in key_ids)
    return tuple(stored for stored in found if stored is not None)
