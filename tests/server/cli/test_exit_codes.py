"""Every documented exit code, by real processes."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from counterseal.server.cli import exits
from tests.server.cli.shell import Cli, clean_environment, cli_for, issue
from tests.support.process import running_server


def test_0_and_1_are_the_verdict(cli: Cli) -> None:
    signed = cli("sign", "--url", "http://h/", "--raw", env=issue(cli).env).raw
    assert cli("verify", "-", stdin=signed).code == exits.OK == 0
    assert cli("verify", "-", stdin=signed.replace(b" / ", b" /x ")).code == exits.REJECTED == 1
    assert cli("verify", "--url", "http://h/").out.splitlines()[0] == "rejected: UNSIGNED"


def test_2_usage(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.http").write_bytes(b"GET / HTTP/1.1\nHost : x\n\n")
    refused = cli("verify", "bad.http")
    assert refused.code == exits.USAGE == 2
    assert "bad.http, line 2: not a header field" in refused.err
    for args in (
        (),
        ("--nope",),
        ("verify",),
        ("verify", "none.http"),
        ("verify", "bad.http", "--url", "http://h/"),
        ("completion", "x"),
    ):
        assert cli(*args).code == 2, args
    # The server's own word on a field is about what was given.
    refused = cli("verify", "--target", "/", "-H", "Host: h", "--request-id", "no spaces")
    assert (refused.code, refused.err.splitlines()[0][:19]) == (2, "Error: request_id: ")


def test_3_not_found_and_conflicts(cli: Cli) -> None:
    key = issue(cli)
    assert cli("keys", "get", "nosuchkey").code == exits.CONFLICT == 3
    assert cli("keys", "revoke", "nosuchkey", "--reason", "r").code == 3
    assert cli("keys", "import", key.key_id, stdin=b"a secret of enough bytes").code == 3
    assert cli("keys", "revoke", key.key_id, "--reason", "r").code == 0
    refused = cli("keys", "update", key.key_id, "--state", "active")
    assert refused.code == 3
    assert "keys issue" in refused.err
    issue(cli, "--request-id", "exit-3")
    assert cli("keys", "issue", "--principal", "other", "--request-id", "exit-3").code == 3


def test_4_not_permitted(cli: Cli, tmp_path: Path) -> None:
    missing = cli("keys", "list", "--data-dir", "nowhere")
    assert missing.code == exits.NOT_PERMITTED == 4
    assert str(tmp_path / "nowhere" / "admin.token") in missing.err
    assert "COUNTERSEAL_TOKEN" in missing.err
    assert cli("keys", "list", env={"COUNTERSEAL_TOKEN": "wrong"}).code == 4
    assert cli("keys", "list", env={"COUNTERSEAL_TOKEN": "no\nline"}).code == 4


def test_4_a_bearer_token_does_not_leave_the_machine_unencrypted(lonely: Cli) -> None:
    for server in ("192.0.2.1:50051", "counterseal.example:443", "[2001:db8::1]:443", "localhost.example:1"):
        refused = lonely("keys", "list", "--server", server, env={"COUNTERSEAL_TOKEN": "some-token"})
        assert refused.code == 4, server
        assert "unencrypted" in refused.err


def test_5_nobody_listens(lonely: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for args in (("verify", "--url", "http://h/"), ("keys", "list")):
            refused = lonely(*args, "--server", address, env={"COUNTERSEAL_TOKEN": "some-token"})
            assert refused.code == exits.UNAVAILABLE == 5
            assert address in refused.err
            assert "counterseal serve" in refused.err
            assert "make run-server" in refused.err
            assert refused.out == ""


def test_5_nobody_answers_in_time(lonely: Cli) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        refused = lonely("verify", "--url", "http://h/", "--server", address, "--timeout", "0.3")
    assert refused.code == 5


def test_70_a_stored_secret_that_does_not_open_is_neither_verdict(tmp_path: Path) -> None:
    """The store is damaged behind the server's back: nobody knows, so neither 0 nor 1."""
    import sqlite3

    with running_server(tmp_path / "data", {"CACHE_KEY_SECONDS": "0.001"}) as server:
        cli = cli_for(server, tmp_path)
        signed = cli("sign", "--url", "http://h/", "--raw", env=issue(cli).env).raw
        with sqlite3.connect(tmp_path / "data" / "counterseal.db", timeout=60) as database:
            [(table, column)] = [
                (table, column)
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for _, column, *_ in database.execute(f"PRAGMA table_info({table})").fetchall()
                if column == "sealed_secret"
            ]
            [(sealed,)] = database.execute(f"SELECT {column} FROM {table}").fetchall()
            database.execute(f"UPDATE {table} SET {column} = ?", (sealed[:-1] + bytes([sealed[-1] ^ 1]),))
        failed = cli("verify", "-", stdin=signed)
        assert failed.code == exits.INTERNAL == 70, failed.out + failed.err
        assert failed.out == ""


def test_78_configuration(lonely: Cli, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("skew = 'much'\n")
    for env, named in (
        ({"COUNTERSEAL_SKEW": "1e3"}, "COUNTERSEAL_SKEW"),
        ({"COUNTERSEAL_SKWE": "10"}, "COUNTERSEAL_SKWE"),
        ({"COUNTERSEAL_LISTEN": "0.0.0.0:50051"}, "COUNTERSEAL_LISTEN"),
        ({"COUNTERSEAL_CONFIG": str(tmp_path / "c.toml")}, "COUNTERSEAL_SKEW"),
        ({"COUNTERSEAL_DATABASE_URL": "oracle://u:hidden-word@h/d"}, "COUNTERSEAL_DATABASE_URL"),
    ):
        for args in (("serve",), ("config", "check"), ("db", "upgrade"), ("secrets", "reseal")):
            refused = lonely(*args, env=env)
            if "COUNTERSEAL_DATABASE_URL" in env and args[0] in {"config", "secrets"}:
                continue  # the one opens no database, the other wants master keys first
            assert refused.code == exits.CONFIG == 78, (args, env, refused.err)
            assert named in refused.err
            assert "hidden-word" not in refused.err


def test_130_interrupted(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "counterseal", "verify", "--url", "http://h/"],
            env=clean_environment() | {"COUNTERSEAL_SERVER": f"127.0.0.1:{mute.getsockname()[1]}"},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
        )
        listening = mute.accept()[0]  # kept: a closed connection would be an answer
        listening.recv(1)  # the call is under way
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=120)[1].endswith(b"Interrupted.\n")
        listening.close()
    assert process.returncode == exits.INTERRUPTED == 130


def test_141_nobody_reads(cli: Cli) -> None:
    issue(cli)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "counterseal", "keys", "list"],
        env=clean_environment() | cli.env, stdout=write, stderr=subprocess.PIPE, check=False, timeout=120,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (exits.BROKEN_PIPE, b"")


def test_serve_stops_with_0(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        assert server.stop() == 0


def test_an_unforeseen_error_is_70_and_says_nothing_of_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from counterseal.server.cli.main import cli as root

    monkeypatch.setattr("counterseal.server.cli.sign.signing_key", lambda *_, **__: 1 / 0)
    result = CliRunner().invoke(root, ["sign", "--url", "http://h/"])
    assert result.exit_code == 70
    assert result.stderr.startswith("Error: internal error (ZeroDivisionError)\n")
    assert "division" not in result.stderr


def test_unknown_service_errors_are_internal() -> None:
    from counterseal.server import errors
    from counterseal.server.rpc import client_errors

    class New(errors.ServiceError):
        pass

    assert exits.failure_of(New("x")).exit_code == 70
    kinds = [kind for module in (errors, client_errors) for kind in vars(module).values() if isinstance(kind, type)]
    assert all(exits.failure_of(kind("a", "b") if kind is errors.InvalidField else kind("a")).exit_code > 1 for kind in kinds)


@pytest.mark.parametrize("module", ["counterseal", "counterseal.server.cli.main"])
def test_both_modules_run(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, check=True, timeout=120)
    assert done.stdout.startswith(b"counterseal ")
