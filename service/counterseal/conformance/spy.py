"""A scheme that watches what the walk hands to another one."""

from typing import Any

from counterseal.core.model import Claim, Derive, Key
from counterseal.core.schemes.base import Scheme


class Spy:
    """Passes everything on, and remembers the keys that `matches` was given and its answers."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self.keys: list[Key] = []
        self.answers: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheme, name)

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        """Ask the scheme, and remember."""
        answer = self._scheme.matches(claim, key, derive)
        self.keys.append(key)
        self.answers.append(answer)
        return answer
