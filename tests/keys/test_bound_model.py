"""The revocation bound against every interleaving that hypothesis thinks of: commits, loads, readings and answers, each held up
wherever it may be held up, while time goes on.
"""

import os
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.cache import CacheLimits
from counterseal.server.keys.ring import OpenedKey
from tests.keys.feeding import BOUND, Clock, Held, Replica, World
from tests.keys.rings import version_of

KEYS = ("a", "b")
EXAMPLES = int(os.environ.get("COUNTERSEAL_TEST_INTERLEAVINGS", "100"))
TIMES = st.sampled_from([0.0, 0.1, BOUND / 4, BOUND / 2, BOUND, BOUND + 0.01, 2 * BOUND, 10 * BOUND])


@dataclass
class Asked:
    """A find that began at `since`."""

    key_id: str
    since: float
    held: Held


class Interleavings(RuleBasedStateMachine):
    grace = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.world = World(self.clock)
        self.replica = Replica(self.world, grace=self.grace, limits=CacheLimits(keys=1, negative=1, key_seconds=50))
        # When each version of a key ceased to be the current one.
        self.ended: dict[tuple[str, int], float] = {}
        self.issued: dict[str, float] = {}
        self.finds: list[Asked] = []
        self.readings: list[Held] = []
        self.in_hand: list[OpenedKey] = []
        self.outcomes: list[str] = []

    @rule(seconds=TIMES)
    def time_goes_on(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(key_id=st.sampled_from(KEYS), here=st.booleans())
    def commit(self, key_id: str, here: bool) -> None:
        """Somewhere in the fleet, or by this very process."""
        before = self.world.versions.get(key_id)
        if before is None:
            self.issued[key_id] = self.clock.now
        else:
            self.ended[key_id, before] = self.clock.now
        self.world.commit(key_id, (before or 0) + 1)
        if here:
            self.replica.ring.evict(key_id)

    @rule(down=st.sampled_from([False, False, True]))
    def outage(self, down: bool) -> None:
        self.world.down = down

    @rule(key_id=st.sampled_from(KEYS))
    def ask(self, key_id: str) -> None:
        held = Held(lambda: self.replica.ring.find(key_id))
        asked = Asked(key_id, self.clock.now, held)
        self._after_step(asked) if held.step() else self.finds.append(asked)

    @precondition(lambda self: self.finds)
    @rule(data=st.data())
    def a_load_returns(self, data: st.DataObject) -> None:
        asked = self.finds.pop(data.draw(st.integers(0, len(self.finds) - 1)))
        while not asked.held.step():
            pass
        self._after_step(asked)

    @precondition(lambda self: not self.readings)
    @rule()
    def the_feed_reads(self) -> None:
        Held(self.replica.feed.catch_up).finish()

    @precondition(lambda self: not self.readings)
    @rule()
    def the_feed_begins_to_read(self) -> None:
        reading = Held(self.replica.feed.catch_up)
        if not reading.step():
            self.readings.append(reading)

    @precondition(lambda self: self.readings)
    @rule()
    def the_feed_has_read(self) -> None:
        self.readings.pop().finish()

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Nothing older than the bound holds, however long it was in hand."""
        opened = self.in_hand[data.draw(st.integers(0, len(self.in_hand) - 1))]
        if self.replica.ring.holds(opened):
            self._check_not_ended(opened)

    @invariant()
    def what_the_cache_answers_right_now_holds(self) -> None:
        for key_id in KEYS:
            entry = self.replica.ring._keys.get(key_id)
            if entry is not None and self.replica.ring.holds(entry[1]):
                self._check_not_ended(entry[1])

    def _check_not_ended(self, opened: OpenedKey) -> None:
        ended = self.ended.get((opened.key.key_id, version_of(opened)))
        assert ended is None or self.clock.now <= ended + BOUND + self.grace, "relied on after the effective time"

    def _after_step(self, asked: Asked) -> None:
        if asked.held.error is not None:
            assert isinstance(asked.held.error, StoreUnavailable)
            assert self.world.reads or self.world.down
            return
        opened = asked.held.result
        if opened is not None:
            self.in_hand = [*self.in_hand[-5:], opened]
            return
        issued = self.issued.get(asked.key_id)
        assert issued is None or asked.since <= issued + BOUND, "a key is said to be absent that was issued a bound ago"

    def teardown(self) -> None:
        self.world.down = False
        for held in [*self.readings, *(asked.held for asked in self.finds)]:
            while not held.step():
                pass


class WithGrace(Interleavings):
    grace = 3 * BOUND


_SETTINGS = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = _SETTINGS
TestWithGrace = WithGrace.TestCase
TestWithGrace.settings = _SETTINGS
