"""A million keys: starting, memory, the cost of a miss, and a flood of ids that nobody has.

python -m tests.scale [--keys 1000000] [--few 1000] [--ids 1000000] [--flood 200000] [--rounds 9] [--out docs/bench]

Two servers run side by side, on a store with few keys and one with many, each with a cache of a single key, so that every
request is a miss. Rounds alternate; what is quoted is the median over rounds of the ratio of the servers' own processor time
within a round.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from counterseal.core.schemes.aws_sigv4 import Credentials
from counterseal.server.config import load_config
from tests.bench import workload
from tests.scale.fill import fill
from tests.scale.flood import flood
from tests.scale.load import send
from tests.scale.report import put_into
from tests.scale.ring import flood_ring
from tests.scale.server import Measured, measured_server

DEFAULT_OUT = Path("docs/bench")
_WANTED = 1000
# A miss among many keys costs what it does among few; a flood asks the store next to nothing, and takes from nobody.
BOUNDS = {
    "miss_ratio": (0, 1.15),
    "ring_queries_per_id": (0, 0.01),
    "ring_hot_keys_evicted": (0, 0),
    "flood_questions_per_id": (0, 0.01),
    "flood_hot_keys_evicted": (0, 0),
    "flood_goodput_of_share": (0.9, 10),
    "flood_honest_not_verified": (0, 0),
}


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="counterseal-scale-", dir=options.folder) as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        few_keys = fill(_config(few), options.few, wanted=_WANTED)
        many_keys = fill(_config(many), options.keys, wanted=_WANTED)
        result = measure(few, many, few_keys, many_keys, options)
    return report(result, options.out)


def report(result: dict[str, float], out: Path | None) -> int:
    """Print the figures, and return 1 when a bound is broken."""
    for name, value in result.items():
        print(f"{name}: {value}")
    if out is not None:
        (out / "scale.json").write_text(json.dumps(result, indent=1) + "\n")
        if out == DEFAULT_OUT:
            put_into(Path("README.md"), result)
    broken = [name for name, (low, high) in BOUNDS.items() if not low <= result[name] <= high]
    for name in broken:
        print(f"outside its bounds {BOUNDS[name]}: {name}")
    return 1 if broken else 0


def measure(
    few: Path, many: Path, few_keys: list[Credentials], many_keys: list[Credentials], options: argparse.Namespace
) -> dict[str, float]:
    result = _starts(few, many, options)
    result |= _misses(few, many, few_keys, many_keys, options)
    asked = flood_ring(_config(many), options.keys, many_keys[:100], options.ids)
    with measured_server(many, keys=options.keys, CACHE_KEY_SECONDS="86400") as server:
        flooded = flood(server, many_keys[:100], options.flood)
        result["memory_many_mib_after_flood"] = round(server.resident_bytes() / 2**20, 1)
    return result | {
        "ring_ids": asked.ids,
        "ring_queries_per_id": round(asked.queries / asked.ids, 5),
        "ring_hot_keys_evicted": asked.hot - asked.hot_left,
        "flood_ids": flooded.ids,
        "flood_questions_per_id": round(flooded.questions_per_id, 5),
        "flood_hot_keys_evicted": flooded.hot_misses,
        "flood_goodput_of_share": round(flooded.goodput, 3),
        "flood_honest_not_verified": flooded.honest.total() - flooded.honest["verified"],
    }


def _starts(few: Path, many: Path, options: argparse.Namespace) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for _ in range(3):
        for name, folder, keys in (("few", few, options.few), ("many", many, options.keys)):
            with measured_server(folder, keys=keys) as server:
                found.setdefault(f"start_{name}_s", []).append(server.started)
                found.setdefault(f"ids_known_{name}_s", []).append(server.loaded)
                found.setdefault(f"memory_{name}_mib", []).append(server.resident_bytes() / 2**20)
    return {"keys_few": options.few, "keys_many": options.keys} | {
        name: round(statistics.median(values), 2) for name, values in found.items()
    }


def _misses(
    few: Path, many: Path, few_keys: list[Credentials], many_keys: list[Credentials], options: argparse.Namespace
) -> dict[str, float]:
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {core} or {core})
    with (
        measured_server(few, keys=options.few, core=core, CACHE_KEYS="1") as small,
        measured_server(many, keys=options.keys, core=core, CACHE_KEYS="1") as large,
    ):
        pairs = [
            (_cost(small, few_keys), _cost(large, many_keys))
            for _ in range(options.rounds + 1)  # the first is to warm up
        ][1:]
    median = statistics.median
    return {
        "miss_few_us": round(median(pair[0] for pair in pairs), 1),
        "miss_many_us": round(median(pair[1] for pair in pairs), 1),
        "miss_ratio": round(median(pair[1] / pair[0] for pair in pairs), 3),
    }


def _cost(server: Measured, keys: list[Credentials]) -> float:
    """Return microseconds of the server's processor time for each of a round of misses."""
    messages = [workload.message(credentials) for credentials in keys]
    asked = server.metric("counterseal_key_load_seconds_count")
    begun = server.cpu_seconds()
    counts = send(server.address, messages, in_flight=8)
    spent = server.cpu_seconds() - begun
    assert counts["verified"] == len(messages), counts
    assert server.metric("counterseal_key_load_seconds_count") - asked == len(messages), "a request was no miss"
    return spent / len(messages) * 1e6


def _config(data_dir: Path):  # type: ignore[no-untyped-def]
    return load_config({"COUNTERSEAL_DATA_DIR": str(data_dir)})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--ids", type=int, default=1_000_000, help="how many made-up ids at the rings")
    parser.add_argument("--flood", type=int, default=200_000, help="how many made-up ids over RPC, beside as many honest calls")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=None, help="where the stores are made")
    parser.add_argument("--out", type=Path, default=None, help="write scale.json here; docs/bench: into the README also")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
