"""What the README says beside its commands: defaults, the settings of a fleet, commands inside sentences, and counts."""

import contextlib
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from counterseal.core.schemes import BUILT_IN
from counterseal.server.cli.main import cli
from counterseal.server.config import SETTINGS, load_config
from tests.support.daemon import free_port
from tests.support.require import require, require_program
from tests.test_readme import README, ROOT, _background, _blocks

TABLE = README[README.index("| setting | default |") : README.index("- **Callers.**")]
# What is not a value: said in words, since it is made at the start.
WORDS = {
    "DATABASE_URL": "SQLite in the data folder",
    "MASTER_KEYS": "`master.keys` in the data folder",
    "HIGH_WATER_FILE": "`high-water` in the data folder",
}
GUARDED = "COUNTERSEAL_REPLAY=memory make run-server"


def shown(name: str) -> str:
    """A default as the table writes it."""
    default = SETTINGS[name][1]
    return WORDS.get(name) or (f"`{default}`" if default else "none")


def test_defaults() -> None:
    """Where all that a row names have one default, it may stand there once."""
    wrong = []
    for row in TABLE.strip().splitlines()[2:]:
        names, default = (column.strip() for column in row.split("|")[1:3])
        found = [name.removeprefix("COUNTERSEAL").removeprefix("_") for name in re.findall(r"`([A-Z_]+)`", names)]
        expected = [shown(name) for name in found]
        if default not in {", ".join(expected), *(expected if len(set(expected)) == 1 else ())}:
            wrong.append((row, expected))
    assert wrong == []


def test_the_settings_of_a_fleet_can_be_read(tmp_path: Path) -> None:
    (block,) = _blocks("toml")
    (tmp_path / "c.toml").write_text(block)
    config = load_config({"COUNTERSEAL_CONFIG": str(tmp_path / "c.toml"), "COUNTERSEAL_DATA_DIR": str(tmp_path / "data")})
    assert (config.workers, config.replay) == (4, "sql")
    assert "db1" in config.database_url
    assert "db2" in config.database_url


def commands() -> list[str]:
    """The commands inside sentences; those in blocks are run by test_readme.py."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", README)
    return sorted({code for code in re.findall(r"`([^`\n]+)`", prose) if re.match(r"(counterseal |serve |make )", code)})


@pytest.mark.parametrize("command", commands())
def test_commands_inside_sentences_exist(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"(?m)^{words[1]}:.*##", (ROOT / "Makefile").read_text())
        return
    found: click.Command = cli
    for word in words if words[0] == "serve" else words[1:]:
        if word.startswith("--"):
            assert word in {option for parameter in found.params for option in parameter.opts}
        elif isinstance(found, click.Group):
            assert word in found.commands
            found = found.commands[word]
    assert found is not cli


def test_as_many_ways_of_signing_as_it_says() -> None:
    words = {14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen"}
    # A bearer token signs nothing.
    assert f"[{words[len(BUILT_IN) - 1]} ways of signing]" in README
    table = README[README.index("| scheme | what it is |") : README.index("Enabled by default are")]
    assert set(re.findall(r"`([a-z0-9-]+)`", "".join(row.split("|")[1] for row in table.splitlines() if "|" in row))) == set(
        BUILT_IN
    )


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The service as the README starts it for the demonstration, on another port. Yields what a client's shell has."""
    for program in ("make", "bash"):
        require_program(program)
    require((ROOT / ".venv" / ".dev").exists(), "the environment that `make test` makes")
    assert f"`{GUARDED}`" in README
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERSEAL_", "AWS_", "MAKE"))}
    env |= {name: value for name, value in os.environ.items() if name.startswith("COUNTERSEAL_TEST_")}
    env |= {"COUNTERSEAL_LISTEN": f"127.0.0.1:{port}", "COUNTERSEAL_METRICS_LISTEN": "127.0.0.1:0"}
    env |= {"COUNTERSEAL_DATA_DIR": str(tmp_path / "data"), "COUNTERSEAL_SERVER": f"127.0.0.1:{port}"}
    with contextlib.ExitStack() as servers:
        servers.enter_context(_background(f"env {GUARDED}", port, env))
        yield env


def test_with_the_replay_guard_replays_are_refused(guarded: dict[str, str], tmp_path: Path) -> None:
    def run(script: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=ROOT, env=guarded, capture_output=True, text=True, timeout=60, check=False)

    signed, issued = tmp_path / "request", tmp_path / "issued"
    assert run(f".venv/bin/counterseal keys issue --principal alice --format aws-env > {issued}").returncode == 0
    sign = f"source {issued}; .venv/bin/counterseal sign -X POST -d tea --url http://storage.example.com/a --raw > {signed}"
    end = time.monotonic() + 60
    # What was signed before the guard's memory began may have been used then: so it takes a moment.
    while True:
        assert run(sign).returncode == 0
        first = run(f".venv/bin/counterseal verify {signed}")
        if first.returncode == 0:
            break
        assert time.monotonic() < end, first.stderr
    again = run(f".venv/bin/counterseal verify {signed}")
    assert again.returncode == 1
    assert "REPLAYED" in again.stdout + again.stderr
