"""A flood of key ids that nobody has, beside callers that sign with hot keys.

Made-up ids go into signed messages in place of real ones of the same length: their signatures match nothing, which the server
finds out only after it has looked for the key.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from counterseal.core.schemes.aws_sigv4 import Credentials
from tests.bench import workload
from tests.scale.load import Background, send
from tests.scale.server import Measured

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What came of it. `questions` went to the store; `goodput` is what honest callers got of the share they asked for."""

    ids: int
    questions: int
    hot_misses: int
    honest: Counter[str]
    made_up: Counter[str]
    goodput: float

    @property
    def questions_per_id(self) -> float:
        return self.questions / self.ids


def made_up(template: bytes, key_id: str, number: int, seed: int = 20) -> Iterator[bytes]:
    """Yield messages with random ids."""
    source = random.Random(seed)
    old = key_id.encode()
    for _ in range(number):
        new = "CSAK" + "".join(source.choices(_LETTERS, k=len(key_id) - 4))
        yield template.replace(old, new.encode())


def flood(server: Measured, hot: list[Credentials], number: int, *, in_flight: int = 8) -> Flood:
    """Send `number` made-up ids while honest callers send as fast as they are answered, as many at a time as the flood does."""
    honest_messages = [workload.message(credentials) for credentials in hot]
    warm = send(server.address, honest_messages, in_flight=in_flight)
    assert set(warm) == {"verified"}, warm
    before = questions(server), hot_evictions(server)
    template = workload.message(hot[0])
    with Background(server.address, honest_messages, in_flight=in_flight) as honest:
        answers = send(server.address, made_up(template, hot[0].key_id, number), in_flight=in_flight)
    after = questions(server), hot_evictions(server)
    total = honest.counts.total() + answers.total()
    return Flood(
        ids=number,
        questions=int(after[0] - before[0]),
        hot_misses=int(after[1] - before[1]),
        honest=honest.counts,
        made_up=answers,
        goodput=honest.counts["verified"] / (total / 2),
    )


def questions(server: Measured) -> float:
    """Return how many looks for a key went to the store so far: all that missed the cache, but those answered from memory."""
    return server.metric("counterseal_key_load_seconds_count") - server.metric("counterseal_unknown_key_ids_total")


def hot_evictions(server: Measured) -> float:
    return server.metric('counterseal_key_cache_events_total{event="evicted"}')
