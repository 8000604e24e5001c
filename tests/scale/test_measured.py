"""What was measured last keeps the bounds that were promised, at the size that was promised. The README shows these figures."""

import json
from pathlib import Path

from tests.scale.__main__ import BOUNDS

MEASURED = json.loads((Path(__file__).parents[2] / "docs" / "bench" / "scale.json").read_text())


def test_a_million_keys_beside_a_thousand_and_a_flood_of_a_million_ids() -> None:
    assert (MEASURED["keys_few"], MEASURED["keys_many"], MEASURED["ring_ids"]) == (1_000, 1_000_000, 1_000_000)


def test_every_bound_is_kept() -> None:
    assert {name: MEASURED[name] for name, (low, high) in BOUNDS.items() if not low <= MEASURED[name] <= high} == {}


def test_the_bounds_are_those_that_were_promised() -> None:
    assert BOUNDS["miss_ratio"][1] == 1.15
    assert BOUNDS["ring_queries_per_id"][1] == BOUNDS["flood_questions_per_id"][1] == 0.01
    assert BOUNDS["flood_goodput_of_share"][0] == 0.9
    assert BOUNDS["ring_hot_keys_evicted"] == BOUNDS["flood_hot_keys_evicted"] == BOUNDS["flood_honest_not_verified"] == (0, 0)
