"""Runs the command line as people do: a process of its own, with only the environment that a test gives it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import leaks
from tests.support.process import RunningServer

# Their standard output holds a secret or a signature on purpose.
SPEAKS_SECRETS = {"sign", "issue", "rotate", "create", "rotate-token", "--generate-password"}


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str
    raw: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """`counterseal` with a fixed environment and working directory."""

    cwd: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "counterseal", *args],
            input=stdin,
            capture_output=True,
            cwd=self.cwd,
            env=clean_environment() | self.env | dict(env or {}),
            check=False,
            timeout=120,
        )
        result = Result(
            done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), done.stdout
        )
        leaks.let_out("cli", result.err)
        if not SPEAKS_SECRETS & set(args):
            leaks.let_out("cli", result.out)
        return result


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of ours and credentials of anybody's; what watches tests stays."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERSEAL_", "AWS_"))}
    return kept | {name: value for name, value in os.environ.items() if name.startswith("COUNTERSEAL_TEST_")}


def cli_for(server: RunningServer, cwd: Path) -> Cli:
    """A command line that calls this server and finds its token in the data folder."""
    return Cli(cwd, {"COUNTERSEAL_SERVER": server.address, "COUNTERSEAL_DATA_DIR": str(server.data_dir)})


@dataclass(frozen=True)
class Issued:
    key_id: str
    secret: str = field(repr=False)

    @property
    def env(self) -> dict[str, str]:
        return {"COUNTERSEAL_KEY_ID": self.key_id, "COUNTERSEAL_SECRET": self.secret}


def issue(cli: Cli, *args: str) -> Issued:
    result = cli("keys", "issue", "--json", *args)
    assert result.code == 0, result.err
    answer = result.json()
    return Issued(answer["key"]["key_id"], answer["secret"])
