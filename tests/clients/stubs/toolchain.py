"""Builds of the example programs, each in its language's own build folder: the second run is short."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.require import require_program

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / "clients"


def build(command: Sequence[str], folder: Path) -> None:
    """Run one build step; its output is in the failure."""
    require_program(command[0])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} in {folder}:\n{done.stdout}\n{done.stderr}"


def npm_packages(folder: Path) -> None:
    """Install what the lock file of `folder` names, once."""
    marker = folder / "node_modules" / ".package-lock.json"
    if not marker.exists() or marker.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        build(["npm", "ci", "--silent", "--no-progress", "--ignore-scripts"], folder)


def java_runtime() -> str:
    """Return the path of `java`, or skip."""
    require_program("javac")
    return require_program("java")
