"""A bounded run of every fuzz target. More: `python tests/fuzz/run.py --seconds 600`."""

import contextlib
import importlib.util
import os
from collections.abc import Iterator

import pytest

from tests.fuzz.run import Fuzzer
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


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    require(importlib.util.find_spec("atheris"), "atheris is not installed")
    with contextlib.closing(Fuzzer(tmp_path_factory.mktemp("fuzz"))) as running:
        yield running


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TARGETS)
def test_a_bounded_run_breaks_nothing(name: str, fuzzer: Fuzzer) -> None:
    done = fuzzer.fuzz(name, SECONDS)
    assert done.returncode == 0, done.output[-4000:]
    assert "number_of_executed_units" in done.output


@pytest.mark.timeout(900)
def test_what_breaks_is_seen(fuzzer: Fuzzer) -> None:
    done = fuzzer.fuzz("planted", 60)
    assert done.returncode != 0
    assert "planted" in done.output
    assert list(fuzzer.folder.glob("broken-planted-*"))
