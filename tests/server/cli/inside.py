"""The command line inside the test's process: for what needs no process of its own, which takes a second to start."""

from collections.abc import Mapping
from dataclasses import dataclass

from click.testing import CliRunner

from counterseal.server.cli.main import cli as root
from tests.server.cli.shell import SPEAKS_SECRETS, Cli, Result, clean_environment
from tests.support import leaks


@dataclass
class Inside:
    """Answers as `Cli` does, of which it has the environment; the working directory is the test's."""

    cli: Cli

    def __call__(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result:
        environment = clean_environment() | self.cli.env | dict(env or {})
        done = CliRunner().invoke(root, args, input=stdin, env=environment, prog_name="counterseal")
        result = Result(done.exit_code, done.stdout, done.stderr, done.stdout_bytes)
        leaks.let_out("cli", result.err)
        if not SPEAKS_SECRETS & set(args):
            leaks.let_out("cli", result.out)
        return result
