"""What a server has acknowledged, and which answers about it may be given since.

Of a key that was rotated n times the secrets n and n - 1 verify. A change is in force everywhere one bound after it was
acknowledged, so a secret is asked for from then on, and the next rotation of its key begins later still.
"""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.server.calls import Issued

BOUND = 1.0
# Longer than the bound, since what is asked at its very end is under way a little later.
APART = BOUND + 0.5


@dataclass
class Held:
    """A key, all the secrets that its holder was told, and how far its changes are. Times are this machine's wall clock."""

    key_id: str
    secrets: list[bytes] = field(repr=False)
    # When the last one was acknowledged.
    told: float
    rotations_begun: int = 0
    revoke_begun: bool = False
    # From when on it is refused: None until a revocation was acknowledged.
    refused_from: float | None = None

    @property
    def rotations(self) -> int:
        return len(self.secrets) - 1

    def issued(self, version: int) -> Issued:
        return Issued(self.key_id, self.secrets[version])


@dataclass(frozen=True)
class Question:
    """A key and one of its secrets that must verify, unless the key is revoked; `begun`: when it was asked."""

    held: Held
    version: int
    begun: float

    def wrong(self, said: str) -> str:
        """Say what is wrong about that verdict; empty: nothing."""
        held = self.held
        text = f"{said} for secret {self.version} of {held.rotations_begun} rotations of {held.key_id}, begun at {self.begun}"
        if said == "verified":
            over = held.refused_from is not None and self.begun >= held.refused_from
            return f"{text}, refused from {held.refused_from}" if over else ""
        if said == "KEY_REVOKED":
            return "" if held.revoke_begun else text
        # While it was asked, the key may have been rotated further than where this secret is the older one of two.
        return text if held.rotations_begun <= self.version + 1 else ""


class Ledger:
    """Everything acknowledged, and counts of what was seen. Every method may be called by any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.keys: dict[str, Held] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def add(self, key_id: str, secret: bytes) -> Held:
        with self.lock:
            assert key_id not in self.keys, "the id of a key was given twice"
            held = self.keys[key_id] = Held(key_id, [secret], time.time())
            return held

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def note_wrong(self, text: str) -> None:
        with self.lock:
            self.wrong.append(text)

    def question(self, draw: random.Random) -> Question | None:
        """Choose a key, mostly one of the latest, and a secret of it that is in force everywhere."""
        with self.lock:
            known = list(self.keys.values())
        if not known:
            return None
        held = draw.choice(known[-10:] if draw.random() < 0.5 else known)
        with self.lock:
            now, newest = time.time(), held.rotations
            versions = [newest] if now >= held.told + BOUND else []
            # The one before, unless a further rotation may already have ended it.
            if newest and held.rotations_begun == newest:
                versions.append(newest - 1)
            return Question(held, draw.choice(versions), time.time()) if versions else None
