"""docs/audit.md says over which bytes entries are hashed: its ten lines agree with ours."""

import re
import subprocess
import sys
from pathlib import Path

from counterseal.server.cli.audit_lines import entry_line
from tests.audit.conftest import Ledger

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"


def run(lines: list[str]) -> subprocess.CompletedProcess[str]:
    (program,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return subprocess.run([sys.executable, "-c", program], input="\n".join(lines), capture_output=True, text=True, check=False)


def test_the_ten_lines_check_an_export(ledger: Ledger) -> None:
    lines = [entry_line(entry) for entry in ledger.entries()]
    assert run(lines).returncode == 0
    assert run(lines[3:]).returncode == 0  # from some entry on
    changed = [lines[0], lines[1].replace('"other"', '"another"'), *lines[2:]]
    assert changed != lines
    for bad in (changed, [*lines[:2], *lines[3:]], [lines[1], lines[0]], [*lines[:2], lines[1]]):
        done = run(bad)
        assert done.returncode == 1
        assert "was changed, or does not follow" in done.stderr
