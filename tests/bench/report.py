"""The tables in the README."""

import re
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"<!-- bench -->\n.*?<!-- /bench -->", re.DOTALL)
_BODIES = re.compile(r"<!-- bodies -->\n.*?<!-- /bodies -->", re.DOTALL)
NAMES = {
    "null": "null handler",
    "warm": "Verify, key in the cache",
    "bearer": "Verify of a bearer token, in the cache",
    "cold": "Verify, key never seen before",
}


def table(result: Mapping[str, float], rounds: int) -> str:
    """Return the results as a Markdown table; `result` is the summary of docs/bench/verify.json."""
    rows = [
        f"| {label} | {result[f'{name}_us']:.0f} | {result.get(f'{name}_ratio', 1):.2f} |"
        for name, label in NAMES.items()
        if f"{name}_us" in result  # a result of before may lack what is measured now
    ]
    head = [f"| median of {rounds} rounds | CPU of the server per call, us | ratio to the null handler |", "|---|---|---|"]
    return "\n".join((*head, *rows))


def put_into(readme: Path, result: Mapping[str, float], rounds: int) -> None:
    """Replace the table between the marks."""
    block = f"<!-- bench -->\n{table(result, rounds)}\n<!-- /bench -->"
    readme.write_text(_BLOCK.sub(lambda _: block, readme.read_text()))


def body_table(ratios: Mapping[str, float], rounds: int) -> str:
    """Return the ratios of docs/bench/body.json as a Markdown table."""
    head = [f"| median of {rounds} rounds, chunks of 64 KiB | rate, hashing alone is 1 |", "|---|---|"]
    return "\n".join((*head, *(f"| {name} | {ratio:.2f} |" for name, ratio in ratios.items())))


def put_bodies_into(readme: Path, ratios: Mapping[str, float], rounds: int) -> None:
    """Replace the table between the marks."""
    block = f"<!-- bodies -->\n{body_table(ratios, rounds)}\n<!-- /bodies -->"
    readme.write_text(_BODIES.sub(lambda _: block, readme.read_text()))
