"""The benchmark of streamed bodies runs, and counts only bodies that verified. What it measures is nobody's assertion."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.body import BOUNDED

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(900)
def test_a_short_run(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.bench.body",
        "--rounds",
        "2",
        "--chunks",
        "20",
        "--gib",
        "0.05",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads((tmp_path / "body.json").read_text())
    assert len(measured["rounds"]) == 2
    assert set(measured["summary"]) == set(measured["rounds"][0]) >= {"signed chunks", "whole-body hash"}
    assert all(ratio > 0 for one in measured["rounds"] for ratio in one.values())
    assert measured["memory"]["bytes"] == int(0.05 * 2**30) // 65536 * 65536
    assert "of the rate of hashlib.sha256 alone" in done.stdout


def test_what_was_measured_last_keeps_the_bounds() -> None:
    """The file that was committed, and so nothing about this machine at this moment."""
    measured = json.loads((ROOT / "docs" / "bench" / "body.json").read_text())
    assert BOUNDED == {"signed chunks": 0.7, "whole-body hash": 0.7}
    assert all(measured["summary"][name] >= bound for name, bound in BOUNDED.items())
    assert measured["memory"]["bytes"] == 5 * 2**30
    assert measured["memory"]["grew_kib"] < 4096
    assert measured["memory"]["peak_kib"] < 256 * 1024
