"""`counterseal principals` against a real server."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.server.cli.inside import Inside
from tests.server.cli.shell import Cli, Result, clean_environment
from tests.support.process import RunningServer
from tests.support.sign_in import PASSWORD, Front, add_front, open_front

OTHER = "another horse altogether"
_ODD_PASSWORD = "pässwort mit Leerzeichen "


def add(inside: Inside, name: str, *options: str, password: str = PASSWORD) -> Result:
    result = inside("principals", "add", name, "--password-stdin", *options, stdin=password.encode() + b"\n")
    assert result.code == 0, result.err
    return result


@pytest.fixture
def inside(cli: Cli) -> Inside:
    return Inside(cli)


@pytest.fixture(scope="module")
def front_token(server: RunningServer) -> str:
    return add_front(server)


def signs_in(server: RunningServer, token: str, name: str, password: str) -> bool:
    with open_front(server, token) as front:
        return _signs_in(front, name, password)


def _signs_in(front: Front, name: str, password: str) -> bool:
    try:
        front.sign_in(name, password)
    except AssertionError:
        return False
    return True


def test_a_principal_from_beginning_to_end(inside: Inside, server: RunningServer, front_token: str) -> None:
    made = add(inside, "ada", "--description", "Ada", "--label", "team=engine", "--json").json()
    assert set(made) == {"principal"}
    ada = made["principal"]
    assert (ada["tenant"], ada["name"], ada["state"], ada["description"]) == ("default", "ada", "active", "Ada")
    assert ada["labels"] == {"team": "engine"}
    assert ada["password_time"] == ada["create_time"]
    assert inside("principals", "get", "ada", "--json").json() == {"principal": ada}
    assert ada in inside("principals", "list", "--json").json()["principals"]
    assert signs_in(server, front_token, "ada", PASSWORD)

    changed = inside("principals", "update", "ada", "--description", "", "--no-labels", "--etag", ada["etag"], "--json")
    assert changed.code == 0, changed.err
    assert (changed.json()["principal"]["description"], changed.json()["principal"]["labels"]) == ("", {})
    assert inside("principals", "update", "ada", "--label", "a=b", "--etag", ada["etag"]).code == 3

    assert inside("principals", "disable", "ada", "--json").json()["principal"]["state"] == "disabled"
    assert not signs_in(server, front_token, "ada", PASSWORD)
    assert inside("principals", "enable", "ada", "--json").json()["principal"]["state"] == "active"
    newer = inside("principals", "set-password", "ada", "--password-stdin", "--json", stdin=OTHER.encode())
    assert newer.code == 0, newer.err
    assert newer.json()["principal"]["password_time"] > ada["password_time"]
    assert not signs_in(server, front_token, "ada", PASSWORD)
    assert signs_in(server, front_token, "ada", OTHER)

    assert inside("principals", "delete", "ada").out == "Removed ada.\n"
    assert inside("principals", "get", "ada").code == 3


def test_text_for_people(inside: Inside) -> None:
    made = add(inside, "bea", "--tenant", "acme", "--label", "b=2", "--label", "a=1")
    assert re.search(r"(?m)^labels +a=1, b=2$", made.out)
    assert re.search(r"(?m)^tenant +acme$", made.out)
    none = inside("principals", "add", "idp-user", "--no-password")
    assert re.search(r"(?m)^password set +never$", none.out)
    listed = inside("principals", "list", "--tenant", "acme")
    assert [line.split()[:3] for line in listed.out.splitlines()[1:]] == [["acme", "bea", "active"]]
    assert inside("principals", "list", "--tenant", "nobodys").err.startswith("No principals.")


def test_a_generated_password_is_shown_once_and_signs_in(inside: Inside, server: RunningServer, front_token: str) -> None:
    made = inside("principals", "add", "gen", "--generate-password")
    assert made.code == 0, made.err
    (password,) = re.findall(r"(?m)^password +(cspw_\w{24})$", made.out)
    assert "cannot be read again" in made.err
    assert password not in made.err
    assert signs_in(server, front_token, "gen", password)
    again = inside("principals", "set-password", "gen", "--generate-password", "--json")
    newer = again.json()["password"]
    assert re.fullmatch(r"cspw_\w{24}", newer)
    assert newer != password
    assert not signs_in(server, front_token, "gen", password)
    assert signs_in(server, front_token, "gen", newer)
    for shown in (
        inside("principals", "get", "gen"),
        inside("principals", "list", "--json"),
        inside("audit", "list", "--json"),
    ):
        assert shown.code == 0
        assert "cspw_" not in shown.out + shown.err
    assert "cspw_" not in server.log()


def test_a_password_is_its_bytes_but_for_one_line_end(inside: Inside, server: RunningServer, front_token: str) -> None:
    add(inside, "odd", password=_ODD_PASSWORD + "\r")
    assert signs_in(server, front_token, "odd", _ODD_PASSWORD)
    assert not signs_in(server, front_token, "odd", _ODD_PASSWORD.strip())


def test_what_is_refused(inside: Inside) -> None:
    add(inside, "taken")
    given = PASSWORD.encode()
    assert inside("principals", "add", "taken", "--password-stdin", stdin=given).code == 3
    absent = inside("principals", "disable", "nobody")
    assert absent.code == 3
    assert "principals list" in absent.err
    odd = inside("principals", "add", "a b", "--password-stdin", stdin=given)
    assert (odd.code, odd.err.startswith("Error: principal.name: ")) == (2, True)
    for password in (b"", b"seven77", b"x" * 1025, b"\xff\xfe not UTF-8"):
        refused = inside("principals", "set-password", "taken", "--password-stdin", stdin=password)
        assert refused.code == 2
        assert "password" in refused.err
        assert "seven77" not in refused.err + refused.out
    for options in (
        ("--password-stdin", "--generate-password"),
        ("--no-password", "--password-stdin"),
        ("--no-password", "--generate-password"),
        ("--password", "x"),
        ("--password-stdin", PASSWORD),  # no place for it
    ):
        assert inside("principals", "add", "new", *options, stdin=given).code == 2, options
    assert "--password-stdin or --generate-password, or --no-password" in inside("principals", "add", "new", stdin=given).err
    assert inside("principals", "update", "taken").code == 2
    assert inside("principals", "update", "taken", "--label", "a=b", "--no-labels").code == 2


def test_fronts_and_auditors_administer_nobody(inside: Inside, front_token: str) -> None:
    auditor = inside("callers", "create", "reader", "--role", "auditor", "--json").json()["bearer_token"]
    add(inside, "watched")
    for token, reads in ((front_token, 4), (auditor, 0)):
        mine = {"COUNTERSEAL_TOKEN": token}
        assert inside("principals", "list", env=mine).code == reads
        assert inside("principals", "get", "watched", env=mine).code == reads
        for command in (("delete", "watched"), ("disable", "watched"), ("set-password", "watched", "--generate-password")):
            assert inside("principals", *command, env=mine).code == 4


def _wait_until_logged(server: RunningServer, word: str) -> None:
    end = time.monotonic() + 60
    while word not in server.log():
        assert time.monotonic() < end, f"{word} is in no line of the log"
        time.sleep(0.05)


def _proc(pid: int, name: str) -> bytes:
    """A file of /proc/PID that is never empty of a running program: for a moment while the kernel starts one, it is."""
    end = time.monotonic() + 60
    while not (content := Path(f"/proc/{pid}/{name}").read_bytes()):
        assert time.monotonic() < end, f"/proc/{pid}/{name} stayed empty"
        time.sleep(0.001)
    return content


def test_a_password_is_in_no_argument_variable_or_log(cli: Cli, server: RunningServer) -> None:
    """What every process on the machine may read of a command that is running, and what is left of it."""
    command = [sys.executable, "-m", "counterseal", "principals", "add", "hidden", "--password-stdin"]
    environment = clean_environment() | cli.env
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=cli.cwd) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(PASSWORD.encode())
        running.stdin.flush()
        shown = [_proc(running.pid, name) for name in ("cmdline", "environ")]
        running.stdin.close()
        shown.append(running.stdout.read())
    assert running.returncode == 0
    assert b"hidden" in shown[0]  # the check can fail
    assert b"hidden" in shown[2]
    assert PASSWORD.encode() not in b"".join(shown)
    _wait_until_logged(server, "hidden")
    assert PASSWORD not in server.log()
    assert "argon2id" not in server.log()
    assert "argon2id" not in cli("audit", "list", "--json").out


def test_a_terminal_asks_twice_and_shows_nothing(cli: Cli, server: RunningServer, front_token: str) -> None:
    shown, code = _typed(cli, ("principals", "add", "typist"), [PASSWORD, OTHER, PASSWORD, PASSWORD])
    assert code == 0, shown
    assert shown.count("Password") == 2  # the two that were typed differed
    assert shown.count("Repeat") == 2
    assert PASSWORD not in shown
    assert OTHER not in shown
    assert signs_in(server, front_token, "typist", PASSWORD)


def _typed(cli: Cli, arguments: tuple[str, ...], lines: list[str]) -> tuple[str, int]:
    """Run a command on a real terminal, and type a line at each prompt; return what it showed, and its exit code."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child
        os.execve(sys.executable, [sys.executable, "-m", "counterseal", *arguments], clean_environment() | cli.env)
    shown, waiting = b"", list(lines)
    try:
        while chunk := os.read(terminal, 1024):
            shown += chunk
            if shown.endswith(b": ") and waiting:
                os.write(terminal, waiting.pop(0).encode() + b"\n")
    except OSError:  # how Linux says that the other side is gone
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert not waiting, shown
    return shown.decode(), code
