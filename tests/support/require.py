"""Tools that a machine may lack: skip with the reason, or fail where everything is required."""

import os
import shutil

import pytest


def require(condition: object, reason: str) -> None:
    """Skip the test unless `condition` holds; under COUNTERSEAL_REQUIRE_ALL=1 the absence is a failure."""
    if condition:
        return
    if os.environ.get("COUNTERSEAL_REQUIRE_ALL") == "1":
        pytest.fail(f"required here, but absent: {reason}")
    pytest.skip(reason)


def require_program(name: str) -> str:
    """Return the path of a program on PATH, or skip."""
    path = shutil.which(name)
    require(path, f"{name} is not installed")
    assert path is not None
    return path
