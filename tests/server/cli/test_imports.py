"""What is slow to import is imported when it is needed: `sign` and `--help` start no gRPC and open no database."""

import subprocess
import sys

import pytest

from tests.server.cli.shell import clean_environment

_HEAVY = ("grpc", "sqlalchemy", "alembic", "google.protobuf", "prometheus_client", "structlog")
# What the schemes need: `sign` alone may import it.
_OF_SCHEMES = ("cryptography",)


@pytest.mark.parametrize(
    "args",
    [["--help"], ["--version"], ["keys", "issue", "--help"], ["completion", "zsh"], ["sign", "--url", "http://h/a", "--curl"]],
)
def test_nothing_heavy_for_a_light_command(args: list[str]) -> None:
    heavy = _HEAVY if args[0] == "sign" else _HEAVY + _OF_SCHEMES
    asked = f"""
import sys
from counterseal.server.cli.main import cli
code = cli.main({args!r}, prog_name="counterseal", standalone_mode=False)
print(sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)
"""
    environment = clean_environment() | {"AWS_ACCESS_KEY_ID": "KEY1", "AWS_SECRET_ACCESS_KEY": "secret-of-enough-bytes"}
    environment.pop("PYTHONPATH", None)  # the tests' own watch over secrets imports more
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, check=True, timeout=120)
    assert done.stderr == b"[]\n"
    assert done.stdout


def test_the_check_can_fail() -> None:
    asked = "import counterseal.server.rpc.admin_client, sys; print('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, timeout=120)
    assert done.stdout == b"True\n"
