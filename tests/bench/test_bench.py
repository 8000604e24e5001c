"""The benchmark runs, and counts only answers that verified. What it measures is nobody's assertion."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import report

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(900)
def test_a_short_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench", "--rounds", "2", "--calls", "40", "--cold", "5", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads((tmp_path / "verify.json").read_text())
    assert len(measured["rounds"]) == 2
    assert [set(one) for one in measured["rounds"]] == [{"null", "warm", "bearer", "cold"}] * 2
    assert all(cost > 0 for one in measured["rounds"] for cost in one.values())
    assert "<svg" in (tmp_path / "verify.svg").read_text()
    assert "ratio to the null handler" in done.stdout


def test_the_table_goes_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    result = {"null_us": 200.0, "warm_us": 300.4, "bearer_us": 250.0, "cold_us": 600.0}
    result |= {"warm_ratio": 1.502, "bearer_ratio": 1.25, "cold_ratio": 3.0}
    for _ in range(2):
        report.put_into(page, result, 9)
    assert page.read_text() == f"before\n<!-- bench -->\n{report.table(result, 9)}\n<!-- /bench -->\nafter\n"
    assert "| Verify, key in the cache | 300 | 1.50 |" in page.read_text()
    assert "| Verify of a bearer token, in the cache | 250 | 1.25 |" in page.read_text()
