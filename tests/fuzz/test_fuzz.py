"""A bounded run of every fuzz target. More: `python tests/fuzz/run.py --seconds 600`."""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS
from tests.support.require import require

SECONDS = int(os.environ.get("COUNTERSEAL_FUZZ_SECONDS", "5"))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_break_nothing(name: str) -> None:
    target = TARGETS[name]
    found = target.seeds()
    assert len(found) >= 5
    for seed in found:
        target.run(seed)
        target.run(seed[: len(seed) // 2])
        target.run(seed + b"\x00")
        target.run(seed * 3)


@pytest.mark.parametrize("name", TARGETS)
def test_a_bounded_run_breaks_nothing(name: str, tmp_path: Path) -> None:
    require(importlib.util.find_spec("atheris"), "atheris is not installed")
    done = fuzz(name, SECONDS, tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "number_of_executed_units" in done.stderr


def test_what_breaks_is_seen(tmp_path: Path) -> None:
    require(importlib.util.find_spec("atheris"), "atheris is not installed")
    done = fuzz("planted", 60, tmp_path)
    assert done.returncode != 0
    assert "planted" in done.stdout + done.stderr
    assert list(tmp_path.glob("broken-planted-*"))
