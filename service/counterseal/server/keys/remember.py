"""Derived signing keys, remembered with the key that they come from."""

import threading
from collections import OrderedDict
from typing import Final

from counterseal.core.model import Derive, Key, Scope


def remembering(derive: Derive, size: int) -> Derive:
    """Return `derive` with a memory of the last `size` scopes, for one key. Thread-safe.

    Every derivation is remembered, also for a request that will turn out forged and for the dummy that stands in for an
    unknown key: known and unknown keys cost the same. What was derived from another Key object is never returned. Each secret
    of a key has a memory of its own, and so has the dummy: none pushes out what another derived.
    """
    if size <= 0:
        return derive
    memories: Final[dict[int, OrderedDict[tuple[str, ...], tuple[Key, bytes]]]] = {}
    lock = threading.Lock()

    def derive_once(key: Key, scope: Scope) -> bytes:
        place = (scope.scheme, scope.date, scope.region, scope.service, scope.terminator)  # hashes faster than the dataclass
        with lock:
            derived = memories.get(key.secret_version)
            if derived is None:
                derived = memories[key.secret_version] = OrderedDict()
            found = derived.get(place)
            if found is not None:
                derived.move_to_end(place)
        if found is not None and found[0] is key:
            return found[1]
        fresh = derive(key, scope)
        with lock:
            derived[place] = (key, fresh)
            derived.move_to_end(place)
            if len(derived) > size:
                derived.popitem(last=False)
        return fresh

    return derive_once
