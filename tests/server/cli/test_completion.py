"""Completion: scripts for three shells, and the shells themselves completing with them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.cli.shell import Cli, clean_environment
from tests.support.require import require, require_program

TOP = {
    *("audit", "callers", "completion", "config", "db", "keys", "master-keys", "principals"),
    *("schemes", "secrets", "serve", "sessions", "sign", "verify"),
}


@pytest.mark.parametrize(("shell", "words"), [("bash", "complete "), ("zsh", "#compdef counterseal"), ("fish", "complete ")])
def test_a_script_for_each_shell(lonely: Cli, shell: str, words: str) -> None:
    printed = lonely("completion", shell)
    assert (printed.code, printed.err) == (0, "")
    assert words in printed.out
    assert f"_COUNTERSEAL_COMPLETE={shell}_complete" in printed.out
    assert "%(" not in printed.out  # every placeholder was filled in


LINES = pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("counterseal ", TOP),
        ("counterseal keys i", {"issue", "import"}),
        ("counterseal keys issue --format aws-", {"aws-env", "aws-profile"}),
        ("counterseal completion z", {"zsh"}),
        ("counterseal principals set", {"set-password"}),
        ("counterseal sessions ", {"end", "list"}),
        ("counterseal sign --pre", {"--presign"}),
        ("counterseal sign --scheme standard-", {"standard-webhooks"}),
    ],
)


@LINES
def test_bash_completes(lonely: Cli, tmp_path: Path, line: str, expected: set[str]) -> None:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"""
        source ./script
        COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}
        function=$(complete -p counterseal | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function counterseal
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert set(_completed(lonely, tmp_path, "bash", asked).split()) == expected


@LINES
def test_zsh_completes(lonely: Cli, tmp_path: Path, line: str, expected: set[str]) -> None:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    # Stands in for zsh's line editor, which runs in a terminal alone: the script registers a function, which reads the words
    # and offers completions, plain ones by compadd and described ones (name:text) by _describe.
    asked = f"""
        compdef() {{ function=$1 }}
        compadd() {{ print -rl -- ${{(P)@[-1]}} }}
        _describe() {{ print -rl -- ${{${{(P)3}}%%:*}} }}
        source ./script
        words=({quoted}) CURRENT={len(words)}
        $function
    """
    assert set(_completed(lonely, tmp_path, "zsh", asked).split()) == expected


@LINES
def test_fish_completes(lonely: Cli, tmp_path: Path, line: str, expected: set[str]) -> None:
    shown = _completed(lonely, tmp_path, "fish", f"source ./script; complete -C '{line}'")
    assert {offered.partition("\t")[0] for offered in shown.splitlines()} == expected


def _completed(cli: Cli, folder: Path, shell: str, asked: str) -> str:
    """Return what the shell prints that runs `asked` beside its completion script."""
    path, program = require_program(shell), Path(sys.executable).with_name("counterseal")
    require(program.exists(), "counterseal is not installed as a program")
    (folder / "script").write_text(cli("completion", shell).out)
    environment = clean_environment() | {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run([path, "-c", asked], cwd=folder, env=environment, capture_output=True, check=True, timeout=120)
    assert not done.stderr, done.stderr
    return done.stdout.decode()
