"""A flood of made-up ids takes nothing from honest callers: of all calls that are answered they get their share."""

from pathlib import Path

from counterseal.server.config import load_config
from tests.scale.fill import fill
from tests.scale.flood import flood
from tests.scale.server import measured_server

KEYS = 3_000
FLOOD = 2_000


def test_honest_callers_get_their_share(tmp_path: Path) -> None:
    """Both have as many calls under way. A share is counted, not timed: a slow machine is slow for both."""
    data = tmp_path / "data"
    hot = fill(load_config({"COUNTERSEAL_DATA_DIR": str(data)}), KEYS, wanted=50)
    with measured_server(data, keys=KEYS, CACHE_KEY_SECONDS="3600") as server:
        flooded = flood(server, hot, FLOOD)
    print(f"\nbeside {FLOOD} made-up ids: {flooded.goodput:.3f} of their share, {dict(flooded.honest)}")
    assert set(flooded.honest) == {"verified"}
    assert flooded.made_up == {"UNKNOWN_KEY": FLOOD}
    assert flooded.goodput >= 0.9
