"""Committed stubs are what the contract generates, and the comparison notices when they are not."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.stubs.toolchain import CLIENTS, ROOT, build, npm_packages
from tests.protos.checkout import installing
from tests.support.require import require_program

pytestmark = pytest.mark.timeout(900)

GENERATED = ("go/counterseal", "typescript/src")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what `stubs.sh` reads and writes; the installed tools are shared with the real checkout."""
    for program in ("go", "npm"):
        require_program(program)
    with installing():
        npm_packages(CLIENTS / "typescript")
        build([str(ROOT / "protos" / "tools" / "stubs.sh"), "--install"], ROOT)
    for name in GENERATED:
        shutil.copytree(CLIENTS / name, tmp_path / "clients" / name)
    shutil.copytree(ROOT / "protos", tmp_path / "protos", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "protos" / "node_modules").symlink_to(ROOT / "protos" / "node_modules")
    (tmp_path / "clients" / "typescript" / "node_modules").symlink_to(CLIENTS / "typescript" / "node_modules")
    (tmp_path / ".tools").symlink_to(ROOT / ".tools")
    return tmp_path


def check(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(checkout / "protos" / "tools" / "stubs.sh"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_committed_stubs_are_what_the_contract_generates(checkout: Path) -> None:
    done = check(checkout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["go/counterseal/v1/keys.pb.go", "typescript/src/counterseal/v1/verification.ts"])
def test_a_stub_edited_by_hand_is_noticed(checkout: Path, name: str) -> None:
    with (checkout / "clients" / name).open("a") as stub:
        stub.write("// by hand\n")
    done = check(checkout)
    assert done.returncode == 1
    assert "by hand" in done.stdout


def test_a_changed_contract_is_noticed(checkout: Path) -> None:
    proto = checkout / "protos" / "counterseal" / "v1" / "keys.proto"
    proto.write_text(proto.read_text() + "\n// Another message.\nmessage Another {}\n")
    done = check(checkout)
    assert done.returncode == 1
    assert "Another" in done.stdout
    assert "make stubs" in done.stderr
