"""Secrets are no arguments, and are printed once: at issue."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from counterseal.server.cli.main import cli as root
from tests.server.cli.inside import Inside
from tests.server.cli.shell import Cli, clean_environment
from tests.support.process import RunningServer

SECRET = "a-secret-given-from-outside-0123456789"


def commands(command: click.Command = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


def test_no_option_or_argument_takes_a_secret() -> None:
    """Whatever is named after a secret, a token or a password takes a file name, a page, or nothing at all."""
    allowed = {"--secret-file", "--security-token-file", "--page-token"}
    for path, command in commands():
        for parameter in command.params:
            names = {*parameter.opts, *parameter.secondary_opts}
            suspicious = {name for name in names if any(word in name.lower() for word in ("secret", "token", "password"))}
            takes_nothing = isinstance(parameter, click.Option) and parameter.is_flag
            assert takes_nothing or suspicious <= allowed, (path, suspicious)


def test_no_option_reads_a_secret_from_the_environment_into_its_help() -> None:
    for path, command in commands():
        for parameter in command.params:
            assert parameter.envvar not in {"COUNTERSEAL_SECRET", "COUNTERSEAL_TOKEN", "COUNTERSEAL_SECURITY_TOKEN"}, path


def test_help_never_shows_what_the_environment_holds(lonely: Cli) -> None:
    env = dict.fromkeys(
        ("COUNTERSEAL_SECRET", "COUNTERSEAL_TOKEN", "COUNTERSEAL_SECURITY_TOKEN", "AWS_SECRET_ACCESS_KEY"), SECRET
    )
    for path, _ in commands():
        shown = (lonely if len(path) < 2 else Inside(lonely))(*path, "--help", env=env)
        assert shown.code == 0
        assert SECRET not in shown.out + shown.err


def test_the_secret_is_shown_at_issue_once_and_nowhere_else(cli: Cli, server: RunningServer) -> None:
    issued = cli("keys", "issue")
    (secret,) = re.findall(r"^secret +(cssk_\S+)$", issued.out, re.MULTILINE)
    assert issued.out.count(secret) == 1
    assert secret not in issued.err
    assert "shown this once" in issued.err
    key_id = issued.out.splitlines()[0].split()[-1]
    for args in (
        ("keys", "get", key_id),
        ("keys", "list"),
        ("keys", "update", key_id, "--principal", "x"),
        ("config", "check"),
    ):
        for more in ((), ("--json",)):
            shown = cli(*args, *more)
            assert shown.code == 0
            assert secret not in shown.out + shown.err
    assert secret not in server.log()


def test_sign_shows_no_secret_whatever_is_asked_for(lonely: Cli) -> None:
    env = {"COUNTERSEAL_KEY_ID": "KEY1", "COUNTERSEAL_SECRET": SECRET}
    base = ("sign", "--url", "http://h/a", "--explain")
    for args in ((), ("--json",), ("--curl",), ("--raw",), ("--presign",), ("--presign", "--curl"), ("--presign", "--json")):
        signed = lonely(*base, *args, env=env)
        assert signed.code == 0, signed.err
        assert SECRET not in signed.out + signed.err
    for wrong in (("--header", "x-amz-date: x"), ("--payload", "nope"), ("--expires", "1d"), ("--at", "x")):
        refused = lonely(*base, *wrong, env=env)
        assert refused.code == 2
        assert SECRET not in refused.out + refused.err


def test_a_debug_trace_holds_no_values(lonely: Cli) -> None:
    env = {"COUNTERSEAL_KEY_ID": "KEY1", "COUNTERSEAL_SECRET": SECRET, "COUNTERSEAL_DEBUG": "1"}
    assert SECRET not in lonely("sign", "--url", "http://h/a", "--body-file", "/nonexistent", env=env).err


def test_the_secret_is_prompted_for_without_echo_on_a_terminal(tmp_path: Path) -> None:
    """A real terminal: what is typed must not come back, and signs."""
    import pty
    import sys

    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child
        environment = clean_environment() | {"COUNTERSEAL_KEY_ID": "KEY1"}
        os.execve(sys.executable, [sys.executable, "-m", "counterseal", "sign", "--url", "http://h/a"], environment)
    shown = b""
    while not shown.endswith(b"Secret: "):
        shown += os.read(terminal, 1024)
    os.write(terminal, SECRET.encode() + b"\n")
    try:
        while chunk := os.read(terminal, 1024):
            shown += chunk
    except OSError:  # how Linux says that the other side is gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    os.close(terminal)
    assert SECRET.encode() not in shown
    assert b"authorization: AWS4-HMAC-SHA256 Credential=KEY1/" in shown


def test_a_bearer_token_is_in_no_output(cli: Cli, server: RunningServer) -> None:
    for args in (("keys", "list"), ("keys", "get", "nope"), ("config", "check"), ("keys", "list", "--server", "192.0.2.1:1")):
        shown = cli(*args, env={"COUNTERSEAL_TOKEN": server.admin_token})
        assert server.admin_token not in shown.out + shown.err


@pytest.mark.parametrize("way", ["file", "dash", "env", "aws"])
def test_every_way_to_give_sign_a_secret_signs_alike(lonely: Cli, tmp_path: Path, way: str) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    base = ("sign", "--url", "http://h/a", "--at", "2026-01-01T00:00:00Z")
    named = {"COUNTERSEAL_KEY_ID": "KEY1"}
    signed = {
        "file": lambda: lonely(*base, "--secret-file", "secret", env=named),
        "dash": lambda: lonely(*base, "--key-id", "KEY1", "--secret-file", "-", stdin=SECRET.encode()),
        "env": lambda: lonely(*base, env=named | {"COUNTERSEAL_SECRET": SECRET}),
        "aws": lambda: lonely(*base, env={"AWS_ACCESS_KEY_ID": "KEY1", "AWS_SECRET_ACCESS_KEY": SECRET}),
    }[way]()
    assert signed.code == 0, signed.err
    expected = lonely(*base, env=named | {"COUNTERSEAL_SECRET": SECRET})
    assert signed.out == expected.out


def test_one_line_end_is_not_part_of_a_secret_and_all_else_is(lonely: Cli) -> None:
    base = ("sign", "--url", "http://h/a", "--at", "2026-01-01T00:00:00Z", "--key-id", "KEY1")
    for inner in (SECRET, SECRET + " ", SECRET + "\n", " " + SECRET):
        expected = lonely(*base, env={"COUNTERSEAL_SECRET": inner}).out
        for end in ("", "\n", "\r\n") if not inner.endswith("\n") else ("\n", "\r\n"):
            assert lonely(*base, "--secret-file", "-", stdin=(inner + end).encode()).out == expected


def test_an_id_of_one_family_never_meets_a_secret_of_another(lonely: Cli) -> None:
    aws = {"AWS_ACCESS_KEY_ID": "AWSKEY", "AWS_SECRET_ACCESS_KEY": "another-secret-of-enough-bytes"}
    base = ("sign", "--url", "http://h/a")
    assert lonely(*base, env=aws | {"COUNTERSEAL_SECRET": SECRET}).code == 2  # no key id for our secret
    # Standard input is read for a secret only when it is named.
    refused = lonely(*base, env=aws | {"COUNTERSEAL_KEY_ID": "KEY1"}, stdin=SECRET.encode())
    assert refused.code == 2
    assert "no secret" in refused.err


def test_sign_without_anything_says_what_is_missing(lonely: Cli) -> None:
    assert "no key id" in lonely("sign", "--url", "http://h/").err
    taken = lonely("sign", "-", "--key-id", "KEY1", stdin=b"GET / HTTP/1.1\nHost: h\n\n")
    assert (taken.code, "COUNTERSEAL_SECRET" in taken.err) == (2, True)
    both = lonely("sign", "-", "--key-id", "KEY1", "--secret-file", "-", stdin=b"GET / HTTP/1.1\nHost: h\n\n")
    assert both.code == 2
    assert "standard input already gives the request" in both.err
