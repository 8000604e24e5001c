"""The table in the README."""

import re
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"<!-- scale -->\n.*?<!-- /scale -->", re.DOTALL)


def table(result: Mapping[str, float]) -> str:
    """Return the figures of docs/bench/scale.json as a Markdown table."""
    few, many = f"{int(result['keys_few']):,} keys", f"{int(result['keys_many']):,} keys"
    rows = [
        (f"start, s ({few}; {many})", f"{result['start_few_s']:.1f}; {result['start_many_s']:.1f}"),
        ("all key ids known, s", f"{result['ids_known_few_s']:.1f}; {result['ids_known_many_s']:.1f}"),
        ("memory of the process, MiB", f"{result['memory_few_mib']:.0f}; {result['memory_many_mib']:.0f}"),
        ("CPU of a miss, many beside few (at most 1.15)", f"{result['miss_ratio']:.2f}"),
        (f"queries for each of {int(result['ring_ids']):,} made-up ids (at most 0.01)", f"{result['ring_queries_per_id']:.4f}"),
        ("hot keys that they evicted", f"{result['ring_hot_keys_evicted']:.0f}"),
        (
            f"honest calls beside {int(result['flood_ids']):,} made-up ones, of their share (at least 0.9)",
            f"{result['flood_goodput_of_share']:.2f}",
        ),
    ]
    return "\n".join(("| on SQLite | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)))


def put_into(readme: Path, result: Mapping[str, float]) -> None:
    """Replace the table between the marks."""
    block = f"<!-- scale -->\n{table(result)}\n<!-- /scale -->"
    readme.write_text(_BLOCK.sub(lambda _: block, readme.read_text()))
