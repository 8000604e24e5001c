"""What the store holds sealed, kind by kind: how a reseal goes through it and puts new seals in the place of old ones.

A further kind is a class with the three methods of `Resealable`, entered in `KINDS` of `reseal.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from counterseal.server.errors import RowUnreadable, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import SealSwap, StoredKey

# Single values whose names begin so are sealed, with no tenant, under their own name and version 0.
META_PREFIX: Final = "sealed/"


class Sealed(Protocol):
    """One sealed value, as it was read."""

    @property
    def name(self) -> str:
        """What tells it from others of its kind."""

    @property
    def sealed(self) -> bytes:
        """The envelope."""

    def check(self, cipher: SecretCipher) -> None:
        """Return when it opens. Raises SealBroken."""

    def renew(self, cipher: SecretCipher) -> bytes:
        """Open it, and seal it anew under the active master key. Raises SealBroken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Put the envelope `new` in the place of `old`, if `old` is still there."""

    name: str
    old: bytes = field(repr=False)
    new: bytes = field(repr=False)


class Resealable(Protocol):
    """One kind of thing that is sealed. Every method raises StoreUnavailable when the store does not answer."""

    @property
    def kind(self) -> str:
        """What such a thing is called before its name; empty for keys."""

    def pages(self, size: int) -> Iterator[Sequence[Sealed]]:
        """Go through all of them in an order of their own, at most `size` at a time. What cannot be read is there as well."""

    def again(self, names: Sequence[str]) -> Sequence[Sealed]:
        """Read those again that are still there."""

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """Make the swaps whose `old` is still there, together and durably; return their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A row that cannot be read. It is reported, and stays as it is."""

    name: str
    sealed: bytes = b""

    def check(self, cipher: SecretCipher) -> None:  # noqa: ARG002
        """Raise SealBroken."""
        raise SealBroken("a row of the key store cannot be read")

    def renew(self, cipher: SecretCipher) -> bytes:  # noqa: ARG002
        """Raise SealBroken."""
        raise SealBroken("a row of the key store cannot be read")


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key, its record and its secrets, which one envelope holds together."""

    stored: StoredKey

    @property
    def name(self) -> str:
        """The key id."""
        return self.stored.record.key_id

    @property
    def sealed(self) -> bytes:
        """See Sealed."""
        return self.stored.sealed_secret

    def check(self, cipher: SecretCipher) -> None:
        """See Sealed."""
        open_secret(self.stored, cipher)

    def renew(self, cipher: SecretCipher) -> bytes:
        """See Sealed."""
        return seal_key(open_secret(self.stored, cipher), self.stored, cipher).sealed_secret


class SealedKeys:
    """The keys."""

    kind: Final = ""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def pages(self, size: int) -> Iterator[Sequence[Sealed]]:
        """See Resealable."""
        after = ""
        while page := self._page(after, size):
            after = page[-1].name
            yield page

    def _page(self, after: str, size: int) -> Sequence[Sealed]:
        try:
            return [SealedKey(stored) for stored in self._store.read_keys_after(after, size)]
        except RowUnreadable as error:
            if size == 1:
                return [Unreadable(name=error.key_id)]
        return self._page(after, 1)  # one by one, until the bad one is behind us

    def again(self, names: Sequence[str]) -> Sequence[Sealed]:
        """See Resealable."""
        found: list[Sealed] = []
        for name in names:
            try:
                stored = self._store.read_key(name)
            except SealBroken:  # not to be read, or removed behind our back
                found.append(Unreadable(name=name))
            else:
                found += [] if stored is None else [SealedKey(stored)]
        return found

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """See Resealable."""
        return self._store.swap_sealed([SealSwap(key_id=swap.name, old=swap.old, new=swap.new) for swap in swaps])


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedMeta:
    """A single value of the store's."""

    name: str
    sealed: bytes = field(repr=False)

    def check(self, cipher: SecretCipher) -> None:
        """See Sealed."""
        self._open(cipher)

    def renew(self, cipher: SecretCipher) -> bytes:
        """See Sealed."""
        return cipher.seal(self._open(cipher), tenant="", key_id=self.name, version=0)

    def _open(self, cipher: SecretCipher) -> bytes:
        return cipher.unseal(self.sealed, tenant="", key_id=self.name, version=0)


class SealedMetas:
    """The single values that are sealed: few enough for one page."""

    kind: Final = "value"

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def pages(self, size: int) -> Iterator[Sequence[Sealed]]:  # noqa: ARG002
        """See Resealable."""
        if page := self._read():
            yield page

    def again(self, names: Sequence[str]) -> Sequence[Sealed]:
        """See Resealable."""
        return [value for value in self._read() if value.name in names]

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """See Resealable."""
        return frozenset(swap.name for swap in swaps if self._store.swap_meta(swap.name, swap.old, swap.new))

    def _read(self) -> Sequence[Sealed]:
        return [SealedMeta(name=name, sealed=sealed) for name, sealed in self._store.read_meta(META_PREFIX).items()]
