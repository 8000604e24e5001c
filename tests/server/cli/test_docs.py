"""docs/cli.md and the program say the same."""

import re
from pathlib import Path

import pytest

from counterseal.server.cli import exits
from tests.server.cli.shell import Cli, issue
from tests.server.cli.test_secrets_stay_in import commands

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"


@pytest.fixture(scope="module")
def text() -> str:
    return DOCS.read_text(encoding="utf-8")


def test_every_exit_code_is_in_the_table(text: str) -> None:
    documented = {int(code) for code in re.findall(r"(?m)^\| ([0-9]+) \|", text)}
    assert documented == {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}


def test_every_command_has_a_section(text: str) -> None:
    headings = set(re.findall(r"(?m)^##+ `([a-z -]+)`$", text))
    leaves = {" ".join(path) for path, command in commands() if path and not hasattr(command, "commands")}
    assert leaves <= headings
    assert headings <= leaves | {"keys"}


def test_every_option_is_mentioned(text: str) -> None:
    documented = set(re.findall(r"--[a-z][a-z0-9-]*", text))
    options = {name for _, command in commands() for p in command.params for name in p.opts if name.startswith("--")}
    assert options - documented == {"--version"}
    assert documented - options == {"--help"}


def test_every_variable_is_mentioned(text: str) -> None:
    from counterseal.server.cli.settings import CLIENT_VARIABLES

    assert set(re.findall(r"COUNTERSEAL_[A-Z_]+", text)) >= CLIENT_VARIABLES


def test_every_json_name_is_mentioned(text: str, cli: Cli) -> None:
    def names(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(names, value.values()))
        return set().union(*map(names, value)) if isinstance(value, list) else set()

    key = issue(cli)
    signed = cli("sign", "--url", "http://h/a", "--raw", env=key.env).raw
    shown = [
        cli("keys", "list", "--json"),
        cli("keys", "issue", "--json"),
        cli("verify", "-", "--json", stdin=signed),
        cli("verify", "-", "--json", stdin=signed.replace(b"/a", b"/b")),
        cli("sign", "--url", "http://h/a", "--json", env=key.env),
        cli("sign", "--url", "http://h/a", "--json", "--presign", env=key.env),
        cli("keys", "revoke", key.key_id, "--reason", "r", "--json"),
        cli("principals", "add", "named", "--generate-password", "--json"),
        cli("secrets", "reseal", "--json"),
        cli("master-keys", "add", "--json"),
        cli("master-keys", "list", "--json"),
    ]
    for result in shown:
        missing = {name for name in names(result.json()) if f"`{name}`" not in text}
        assert not missing, missing


def test_no_line_runs_off(text: str) -> None:
    assert max(map(len, text.splitlines())) <= 170
