"""The committed Python stubs work under the oldest and the newest gRPC and protobuf that they are promised for.

Each pair of versions gets an environment of its own: stubs are bound to the runtimes that a caller has, not to ours.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protos.checkout import ROOT
from tests.support.require import require

pytestmark = pytest.mark.timeout(600)

# The lower bounds stand in pyproject.toml; 5.29 is the last protobuf of its major version.
RUNTIMES = {
    "oldest": ["grpcio==1.66.2", "protobuf==5.27.2"],
    "protobuf-5.29": ["grpcio==1.66.2", "protobuf==5.29.5"],
    "newest": ["grpcio", "protobuf"],
}


def make_environment(folder: Path, packages: list[str]) -> Path:
    """Create a virtual environment with `packages` and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *packages]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"pip cannot install {' '.join(packages)}: {done.stderr[-500:]}")
    return python


@pytest.mark.parametrize("packages", RUNTIMES.values(), ids=RUNTIMES.keys())
def test_a_call_goes_there_and_back(packages: list[str], tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv", packages)
    env = os.environ | {"PYTHONPATH": str(ROOT / "service")}
    script = Path(__file__).with_name("roundtrip.py")
    done = subprocess.run([str(python), str(script)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("verified AKID with "), done.stdout
    for package in packages:
        if "==" in package:
            assert package.replace("==", " ") in done.stdout
