"""A copy of protos/ and the committed Python stubs, to change and to check."""

import contextlib
import fcntl
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.require import require_program

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "service" / "counterseal" / "v1"


@dataclass(frozen=True, slots=True)
class Checkout:
    """`protos/tools/*.sh` run here as they run in the repository; installed tools are shared with it."""

    root: Path

    @property
    def protos(self) -> Path:
        return self.root / "protos" / "counterseal" / "v1"

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the only occurrence of `old` in one proto file."""
        text = (self.protos / name).read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
        (self.protos / name).write_text(text.replace(old, new))

    def run(self, tool: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(self.root / "protos" / "tools" / tool)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def regenerate(self) -> None:
        done = self.run("generate.sh")
        assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def installing() -> Iterator[None]:
    """Let one test process at a time install tools that all of them share."""
    (ROOT / ".tools").mkdir(exist_ok=True)
    with (ROOT / ".tools" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@functools.cache
def _install() -> None:
    """Have the tools install what they need, by running them once."""
    require_program("npm")
    tools = ROOT / "protos" / "tools"
    with installing(), tempfile.TemporaryDirectory() as unused:
        subprocess.run([tools / "buf.sh", "--version"], check=True, capture_output=True)
        subprocess.run([tools / "generate.sh", unused], check=True, capture_output=True)


def make_checkout(root: Path) -> Checkout:
    """Copy what the tools read into `root`."""
    _install()
    shutil.copytree(ROOT / "protos", root / "protos", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(STUBS, root / "service" / "counterseal" / "v1", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "protos" / "node_modules").symlink_to(ROOT / "protos" / "node_modules")
    (root / ".tools").symlink_to(ROOT / ".tools")
    return Checkout(root)
