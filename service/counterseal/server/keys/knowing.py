"""A ring that answers for ids that nobody has, without asking the store about each of them."""

from typing import Protocol

from counterseal.server.keys.known import Allowance, KnownIds
from counterseal.server.keys.ring import KeyRing, OpenedKey


class KnowingMetrics(Protocol):
    """What a knowing ring reports."""

    def spared(self) -> None:
        """An id that nobody has did not cost a question to the store."""


class Loader(Protocol):
    """What loads the known ids: `id_loader.IdLoader`."""

    def is_sure(self) -> bool:
        """Say whether all ids are loaded, and the feed is fresh enough that none is missing."""

    def forget(self) -> None:
        """Load anew."""


class KnowingKeyRing:
    """Says of ids that are not among the known ones that there is no such key, while it is sure of knowing all.

    A key that another process issued is known here once the change feed tells of it (through `evict`), which takes up to the
    revocation bound. So in quiet times the store is asked all the same; only in a flood of made-up ids most of them are
    answered from memory. That answer comes sooner than one from the store: in a flood, time tells which ids exist. Ids are no
    secrets.
    """

    def __init__(
        self,
        inner: KeyRing,
        *,
        known: KnownIds,
        allowance: Allowance,
        loader: Loader,
        metrics: KnowingMetrics,
    ) -> None:
        self._inner = inner
        self._known = known
        self._allowance = allowance
        self._loader = loader
        self._metrics = metrics

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing."""
        # In this order: what was to be known when the feed was fresh, is known when the id is looked for after that.
        if not self._loader.is_sure() or key_id in self._known:
            return self._inner.find(key_id)
        if not self._allowance.take():
            self._metrics.spared()
            return None
        opened = self._inner.find(key_id)
        if opened is not None:
            # Issued elsewhere a moment ago. Keys that are used at once never use the allowance up; ids that nobody has do.
            self._known.add(key_id)
            self._allowance.give_back()
        return opened

    def evict(self, key_id: str) -> None:
        """See KeyRing. Whatever changes exists, or is about to."""
        self._known.add(key_id)
        self._inner.evict(key_id)

    def evict_all(self) -> None:
        """See KeyRing. Keys may have been issued that nobody told of."""
        self._loader.forget()
        self._inner.evict_all()

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing."""
        return self._inner.holds(opened)
