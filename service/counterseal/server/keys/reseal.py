"""Bringing everything that is sealed under the active master key, while the service runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys.caller_seal import SealedCallers
from counterseal.server.keys.canary import check_master_keys, forget_other_master_keys
from counterseal.server.keys.cipher import SecretCipher, master_key_of
from counterseal.server.keys.principal_seal import SealedPrincipals
from counterseal.server.keys.resealable import Resealable, Sealed, SealedKeys, SealedMetas, Swap
from counterseal.server.keys.session_seal import SealedSessions
from counterseal.server.store.keystore import KeyStore

_PAGE: Final = 200
# A key that is changed behind a reseal by a server that still seals under an older master key is found by the next round. When
# rounds keep finding some, there is such a server.
_ROUNDS: Final = 4

# Every kind of thing that is sealed in the store.
KINDS: Final[tuple[Callable[[KeyStore], Resealable], ...]] = (
    SealedKeys,
    SealedMetas,
    SealedCallers,
    SealedPrincipals,
    SealedSessions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResealReport:
    """How many seals were renewed, how many were under the active master key already, and which do not open.

    `broken`: key ids, and names of other things with their kind before it. `unsettled`: so many were still found under an older
    master key in the last round; above 0, a server goes on sealing under one.
    """

    resealed: int
    skipped: int
    broken: tuple[str, ...] = ()
    unsettled: int = 0


def reseal_all(store: KeyStore, cipher: SecretCipher, *, after_page: Callable[[], None] = lambda: None) -> ResealReport:
    """Reseal what is not under the active master key. Interrupted, it goes on from where it was when it is run again.

    Only when nothing is broken, and a last look finds nothing under the older master keys, are those released: from then on
    they may leave the ring. Every running server must know the active master key before this starts, and must seal under it.
    `after_page` is called whenever a page has been resealed.

    Raises:
        ConfigError: the ring does not open what the store holds.
        StoreUnavailable: the store does not answer; pages done so far stay done.
    """
    check_master_keys(store, cipher)
    kinds = [make(store) for make in KINDS]
    work = _Work(cipher, after_page)
    found = work.round(kinds)
    rounds = 1
    while found and not work.broken and rounds < _ROUNDS:
        found = work.round(kinds, only_others=True)
        rounds += 1
    if not work.broken and not found:
        forget_other_master_keys(store, cipher)
    return ResealReport(
        resealed=work.resealed,
        skipped=work.skipped,
        broken=tuple(work.broken),
        unsettled=0 if work.broken else found,
    )


def sealed_under(store: KeyStore, master_key_id: str) -> int:
    """Count what is sealed under this master key, whatever the marks of master keys say. Reads the whole store.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    pages = (page for make in KINDS for page in make(store).pages(_PAGE))
    return sum(_master_key_of(item) == master_key_id for page in pages for item in page)


class _Work:
    """Counts as it goes."""

    def __init__(self, cipher: SecretCipher, after_page: Callable[[], None]) -> None:
        self._cipher = cipher
        self._after_page = after_page
        self.resealed = 0
        self.skipped = 0
        self.broken: list[str] = []

    def round(self, kinds: Iterable[Resealable], *, only_others: bool = False) -> int:
        """Go through everything once, or through what is not current; return how many were not."""
        found = 0
        for kind in kinds:
            for page in kind.pages(_PAGE):
                others = [item for item in page if _master_key_of(item) != self._cipher.active_id]
                found += len(others)
                self._page(kind, others if only_others else page)
        return found

    def _page(self, kind: Resealable, page: Sequence[Sealed]) -> None:
        waiting = page
        while waiting:
            swaps = list(self._swaps(kind, waiting))
            done = kind.swap(swaps) if swaps else frozenset()
            self.resealed += len(done)
            # What changed under us is read again: what is there now decides.
            waiting = kind.again([swap.name for swap in swaps if swap.name not in done])
            if done:
                self._after_page()

    def _swaps(self, kind: Resealable, items: Sequence[Sealed]) -> Iterator[Swap]:
        for item in items:
            try:
                if _master_key_of(item) == self._cipher.active_id:
                    item.check(self._cipher)
                    self.skipped += 1
                else:
                    yield Swap(name=item.name, old=item.sealed, new=item.renew(self._cipher))
            except SealBroken:
                self.broken.append(f"{kind.kind} {item.name}".removeprefix(" "))  # the others are still worth their new seal


def _master_key_of(item: Sealed) -> str | None:
    try:
        return master_key_of(item.sealed)
    except SealBroken:
        return None
