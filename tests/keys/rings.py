"""Rings under a test's control."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable

from counterseal.core.model import Key, KeyState, Scope
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.ring import OpenedKey


def never_stale(clock: Callable[[], float] = time.monotonic) -> RevocationBound:
    """The bound of a feed that is never behind, for tests of anything else."""
    bound = RevocationBound(seconds=60, clock=clock)
    bound.as_of = math.inf
    return bound


def plain_derive(key: Key, scope: Scope) -> bytes:
    return key.secret + scope.text().encode()


def opened(key_id: str, version: int = 0, as_of: float = 0.0) -> OpenedKey:
    """A key whose secret tells its version."""
    key = Key(
        key_id=key_id,
        tenant="t",
        secret=f"{version:032}".encode(),
        allowed_schemes=frozenset({"aws-sigv4"}),
        state=KeyState.ACTIVE,
    )
    return OpenedKey(key=key, derive=plain_derive, as_of=as_of)


def version_of(found: OpenedKey | None) -> int:
    assert found is not None
    return int(found.key.secret)


class Store:
    """Keys with versions. A read can be held up after it has seen the version and before it returns it."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.finds: Counter[str] = Counter()
        self.evictions: list[str] = []
        self.on_find: Callable[[str], None] = lambda key_id: None
        self.on_evict: Callable[[str], None] = lambda key_id: None
        self._lock = threading.Lock()

    def find(self, key_id: str) -> OpenedKey | None:
        with self._lock:
            self.finds[key_id] += 1
            version = self.versions.get(key_id)
        self.on_find(key_id)
        return None if version is None else opened(key_id, version)

    def evict(self, key_id: str) -> None:
        self.evictions.append(key_id)
        self.on_evict(key_id)

    def evict_all(self) -> None:
        self.evictions.append("*")
        self.on_evict("*")

    def holds(self, opened: OpenedKey) -> bool:
        return False


class Gate:
    """Holds up the first find that reaches it, until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, key_id: str) -> None:
        if not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(120)


class Find(threading.Thread):
    """A find in a thread of its own."""

    def __init__(self, find: Callable[[str], OpenedKey | None], key_id: str) -> None:
        super().__init__(daemon=True)
        self._find = find
        self._key_id = key_id
        self._found: OpenedKey | None = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._found = self._find(self._key_id)
        except BaseException as error:
            self._error = error

    def result(self) -> OpenedKey | None:
        self.join(120)
        assert not self.is_alive(), "the find does not come back"
        if self._error is not None:
            raise self._error
        return self._found
