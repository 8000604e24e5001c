"""The same as `python -m tests.scale`, small: what is counted, not what is timed."""

import time
from pathlib import Path

from counterseal.server.config import load_config
from tests.scale.fill import fill
from tests.scale.flood import flood
from tests.scale.ring import flood_ring
from tests.scale.server import measured_server

KEYS = 3_000
FLOOD = 20_000


def test_a_flood_of_made_up_ids_asks_the_store_next_to_nothing(tmp_path: Path) -> None:
    """One id in 400, 200 more, and one a second: of a million, less than 0.01 for each. The hot keys stay in the cache."""
    data = tmp_path / "data"
    hot = fill(load_config({"COUNTERSEAL_DATA_DIR": str(data)}), KEYS, wanted=50)
    begun = time.monotonic()
    with measured_server(data, keys=KEYS, CACHE_KEYS="100", CACHE_KEY_SECONDS="3600", CACHE_NEGATIVE="1000") as server:
        flooded = flood(server, hot, FLOOD)
    assert flooded.made_up == {"UNKNOWN_KEY": FLOOD}
    assert set(flooded.honest) == {"verified"}
    assert flooded.hot_misses == 0
    assert 0 < flooded.questions <= FLOOD / 400 + 200 + (time.monotonic() - begun)


def test_a_flood_at_the_rings_evicts_nothing(tmp_path: Path) -> None:
    """200,000 ids that nobody has: at most 0.01 queries for each, and every hot key stays."""
    config = load_config({"COUNTERSEAL_DATA_DIR": str(tmp_path / "data"), "COUNTERSEAL_CACHE_KEY_SECONDS": "3600"})
    hot = fill(config, KEYS, wanted=50)
    asked = flood_ring(config, KEYS, hot, 200_000)
    assert 0 < asked.queries <= 200_000 * 0.01
    assert asked.hot_left == asked.hot == 50
