"""A process's clock that is set forward and back: what it has forgotten in between may verify again."""

import pytest

from counterseal.core.model import HttpRequest
from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memory import LocalMemory
from counterseal.server.replay.policy import CLOCKS_APART
from tests.replay.guarding import WINDOW, World, put, world
from tests.replay.worlds import BEGAN, Clock

NOW = BEGAN + 5000
HOUR = 3600.0


def used(request: HttpRequest) -> tuple[LocalMemory, World]:
    """Return a guard that has admitted the request."""
    memory = LocalMemory(entries=1000, began=BEGAN)
    here = world(memory, clock=Clock(NOW), cold_start="refuse")
    assert here.ask(request) is None
    return memory, here


def set_to(memory: LocalMemory, here: World, now: float) -> None:
    here.clock.now = now
    memory.tend(now)


def unavailable(here: World, request: HttpRequest) -> bool:
    try:
        assert here.ask(request) is None
    except ReplayGuardUnavailable:
        return True
    return False


@pytest.mark.parametrize("ahead", [1200, HOUR, 12 * 365 * 24 * HOUR])
def test_a_clock_that_went_ahead_and_came_back(ahead: float) -> None:
    """What was used before is forgotten: nobody knows, until the clock shows once more what it showed then."""
    request = put(NOW)
    memory, here = used(request)
    set_to(memory, here, NOW + ahead)
    assert memory.size() == 0
    set_to(memory, here, NOW + 30)
    assert unavailable(here, request)
    assert unavailable(here, put(NOW + 30))
    here.clock.now = NOW + ahead + 3
    assert not unavailable(here, put(NOW + ahead + 3))


def test_a_clock_that_was_right_and_is_set_back() -> None:
    """A request of long ago is inside its window again."""
    request = put(NOW)
    memory, here = used(request)
    set_to(memory, here, NOW + HOUR)
    set_to(memory, here, NOW + 10)
    assert unavailable(here, request)


@pytest.mark.parametrize("ahead", [WINDOW.skew, WINDOW.skew + CLOCKS_APART])
def test_a_clock_that_comes_back_before_anything_is_forgotten(ahead: float) -> None:
    request = put(NOW)
    memory, here = used(request)
    set_to(memory, here, NOW + ahead)
    set_to(memory, here, NOW)
    assert here.ask(request) is not None
    assert not unavailable(here, put(NOW, method=b"POST"))


def test_a_clock_that_goes_back_a_little_at_a_time_harms_nobody() -> None:
    """As clocks are corrected: by less than replicas may be apart. What was forgotten meanwhile verifies no more."""
    memory, here = used(put(NOW))
    for step in range(1, 200):
        now = NOW + step * 30
        for moment in (now, now - CLOCKS_APART + 5):
            set_to(memory, here, moment)
            assert not unavailable(here, put(moment, method=b"PUT" if moment == now else b"POST"))
