"""What `npm publish` would send, from a fresh clone: installed as anybody installs it, and used with its types."""

import subprocess
from pathlib import Path

import pytest

from tests.clients.web.building import WEB, copy
from tests.support.require import require_program

# A first build installs the compiler.
pytestmark = pytest.mark.timeout(600)
_PAGE = """import { Counterseal, SignInRefused, type SessionInfo } from "@counterseal/web";

const session = new Counterseal({ algorithm: "ed25519" });
export async function enter(name: string, password: string): Promise<SessionInfo | number> {
  try {
    return await session.signIn(name, password);
  } catch (error) {
    if (error instanceof SignInRefused) return error.retryAfter ?? 0;
    throw error;
  }
}
"""
_STRICT = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom,dom.iterable")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project that depends on the package. No registry is asked: it needs nothing else."""
    folder = tmp_path_factory.mktemp("published")
    clone, project = copy(folder / "clone"), folder / "user"
    assert not (clone / "dist").exists()
    project.mkdir()
    (project / "package.json").write_text('{"name": "user", "private": true, "type": "module"}')
    npm = require_program("npm")
    packed = run(clone, npm, "pack", "--pack-destination", str(folder))
    assert packed.returncode == 0, packed.stderr
    (package,) = folder.glob("*.tgz")
    installed = run(project, npm, "install", "--offline", "--no-audit", "--no-fund", str(package))
    assert installed.returncode == 0, installed.stderr
    return project


def test_it_is_built_before_it_is_packed(user: Path) -> None:
    there = user / "node_modules" / "@counterseal" / "web"
    assert {path.name for path in there.iterdir()} == {"dist", "package.json", "README.md", "LICENSE"}
    script = 'console.log(typeof (await import("@counterseal/web")).Counterseal)'
    assert run(user, require_program("node"), "--input-type=module", "-e", script).stdout == "function\n"


def test_its_types_are_used(user: Path) -> None:
    (user / "page.ts").write_text(_PAGE)
    compiler = str(WEB / "node_modules" / ".bin" / "tsc")
    done = run(user, compiler, *_STRICT, "page.ts")
    assert done.returncode == 0, done.stdout
    (user / "mistaken.ts").write_text(
        _PAGE.replace('"ed25519"', '"hmac-sha256"').replace("signIn(name, password)", "signIn(name)")
    )
    done = run(user, compiler, *_STRICT, "mistaken.ts")
    assert done.stdout.count("error TS") == 2, done.stdout
