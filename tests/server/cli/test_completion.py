"""Completion: scripts for three shells, and bash itself completing with one of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.cli.shell import Cli, clean_environment
from tests.support.require import require, require_program


@pytest.mark.parametrize(("shell", "words"), [("bash", "complete "), ("zsh", "#compdef counterseal"), ("fish", "complete ")])
def test_a_script_for_each_shell(lonely: Cli, shell: str, words: str) -> None:
    printed = lonely("completion", shell)
    assert (printed.code, printed.err) == (0, "")
    assert words in printed.out
    assert f"_COUNTERSEAL_COMPLETE={shell}_complete" in printed.out
    assert "%(" not in printed.out  # every placeholder was filled in


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("counterseal ", {"serve", "keys", "verify", "sign", "db", "secrets", "config", "completion"}),
        ("counterseal keys i", {"issue", "import"}),
        ("counterseal keys issue --format aws-", {"aws-env", "aws-profile"}),
        ("counterseal completion z", {"zsh"}),
        ("counterseal sign --pre", {"--presign"}),
    ],
)
def test_bash_completes(lonely: Cli, tmp_path: Path, line: str, expected: set[str]) -> None:
    bash, program = require_program("bash"), Path(sys.executable).with_name("counterseal")
    require(program.exists(), "counterseal is not installed as a program")
    (tmp_path / "script").write_text(lonely("completion", "bash").out)
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"""
        source ./script
        COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}
        function=$(complete -p counterseal | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function counterseal
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = clean_environment() | {"PATH": f"{program.parent}:/usr/bin:/bin"}
    done = subprocess.run([bash, "-c", asked], cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=60)
    assert set(done.stdout.decode().split()) == expected, done.stderr
