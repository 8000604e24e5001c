"""The module as tsc builds it, in a copy: nothing is left in the tree but the packages of the lock file."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.clients.stubs.toolchain import CLIENTS, ROOT, build, npm_packages
from tests.protos.checkout import installing
from tests.support.require import require_program

WEB: Final = CLIENTS / "web"
BUNDLE: Final = ROOT / "examples" / "web" / "static" / "counterseal.js"
NODE: Final = Path(__file__).parent / "node"
_BUILT: Final = ("node_modules", "dist")


def copy(folder: Path) -> Path:
    """Copy the package to `folder`, with the compiler; skip where Node or npm is absent."""
    require_program("node")
    require_program("npm")
    with installing():
        npm_packages(WEB)
    shutil.copytree(WEB, folder, ignore=shutil.ignore_patterns(*_BUILT))
    (folder / "node_modules").symlink_to(WEB / "node_modules")
    return folder


def build_copy(folder: Path) -> Path:
    """Build a copy of the package in `folder`, and return the folder."""
    build(["npm", "run", "--silent", "build"], copy(folder))
    return folder


def run_node(module: Path, *arguments: str, job: object = None) -> str:
    """Run Node on a script of `node/` with the module under test, and return what it prints."""
    env = os.environ | {"COUNTERSEAL_WEB": str(module)}
    # Node sets it for the runs that it starts, and then prints for itself alone.
    env.pop("NODE_TEST_CONTEXT", None)
    command = [require_program("node"), *arguments]
    done = subprocess.run(
        command, cwd=NODE, env=env, input=json.dumps(job), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    return done.stdout


def sign(module: Path, algorithm: str, key_id: str, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Have the module sign requests, and return its public key and what went over the wire."""
    answer = run_node(module, "sign.mjs", job={"algorithm": algorithm, "keyId": key_id, "jobs": jobs})
    found: dict[str, Any] = json.loads(answer)
    assert len(found["signed"]) == len(jobs)
    return found
