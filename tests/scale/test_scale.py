"""The same as `python -m tests.scale`, small: what is counted, not what is timed."""

import time
from functools import partial
from pathlib import Path

import pytest

from counterseal.server.config import load_config
from tests.scale.fill import fill
from tests.scale.flood import flood
from tests.scale.ring import flood_ring
from tests.scale.server import measured_server

KEYS = 3_000
# With a bound of a second, a machine that stalls has every key read anew until the feed is.
BOUND = "300"
FLOOD = 20_000


@pytest.mark.timeout(900)
def test_a_flood_of_made_up_ids_asks_the_store_next_to_nothing(tmp_path: Path) -> None:
    """One id in 400, 200 more, and one a second: of a million, less than 0.01 for each. The hot keys stay in the cache."""
    data = tmp_path / "data"
    hot = fill(load_config({"COUNTERSEAL_DATA_DIR": str(data)}), KEYS, wanted=50)
    begun = time.monotonic()
    few = partial(measured_server, CACHE_KEYS="100", CACHE_KEY_SECONDS="3600", CACHE_NEGATIVE="1000")
    with few(data, keys=KEYS, REVOKE_BOUND=BOUND) as server:
        flooded = flood(server, hot, FLOOD)
    assert flooded.made_up == {"UNKNOWN_KEY": FLOOD}
    assert set(flooded.honest) == {"verified"}
    assert flooded.hot_misses == 0
    assert 0 < flooded.questions <= FLOOD / 400 + 200 + (time.monotonic() - begun)


@pytest.mark.timeout(900)
def test_a_flood_at_the_rings_evicts_nothing(tmp_path: Path) -> None:
    """200,000 ids that nobody has: at most 0.01 queries for each, and every hot key stays."""
    settings = {"DATA_DIR": str(tmp_path / "data"), "CACHE_KEY_SECONDS": "3600", "REVOKE_BOUND": BOUND}
    config = load_config({f"COUNTERSEAL_{name}": value for name, value in settings.items()})
    hot = fill(config, KEYS, wanted=50)
    asked = flood_ring(config, KEYS, hot, 200_000)
    assert 0 < asked.queries <= 200_000 * 0.01
    assert asked.hot_left == asked.hot == 50
