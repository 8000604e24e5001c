"""`counterseal master-keys`: the ring changes as a whole or not at all, and no key is ever printed."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.ring_file import read_ring
from tests.server.cli.shell import Cli, clean_environment, cli_for, issue
from tests.support.process import running_server

DATA = ".counterseal"
WRAPPING = base64.b64encode(b"w" * 32).decode()


def ring_of(folder: Path) -> Path:
    return folder / DATA / "master.keys"


def check_prints_no_key(cli: Cli, text: str) -> None:
    entries = read_ring(ring_of(cli.cwd))
    assert not any(base64.b64encode(entry.material).decode() in text or entry.material.hex() in text for entry in entries)


def run(cli: Cli, *args: str, code: int = 0, env: Mapping[str, str] | None = None, **more: str) -> str:
    done = cli("master-keys", *args, env={**(env or {}), **more})
    assert done.code == code, done.out + done.err
    check_prints_no_key(cli, done.out + done.err)
    return done.out + done.err


def listed(cli: Cli, **env: str) -> Any:
    return json.loads(cli("master-keys", "list", "--json", env=env).out)


def ids(cli: Cli) -> list[str]:
    return [entry.key_id for entry in read_ring(ring_of(cli.cwd))]


def test_a_ring_is_made_changed_and_listed(lonely: Cli, tmp_path: Path) -> None:
    assert "active" in run(lonely, "add", "--id", "one")
    assert (tmp_path / DATA).stat().st_mode & 0o777 == 0o700
    assert ring_of(tmp_path).stat().st_mode & 0o777 == 0o600
    assert "behind" in run(lonely, "add", "--id", "two")
    assert json.loads(run(lonely, "add", "--id", "three", "--active", "--json")) == {
        "id": "three",
        "active": True,
        "wrapped": False,
    }
    assert ids(lonely) == ["three", "one", "two"]
    run(lonely, "activate", "two")
    run(lonely, "activate", "two")
    assert ids(lonely) == ["two", "three", "one"]
    assert os.listdir(tmp_path / DATA) == ["master.keys"]
    # There is no store yet, so nobody can say what it needs.
    assert {entry["in_use"] for entry in listed(lonely)["master_keys"]} == {None}
    assert "not known" in run(lonely, "list")
    assert lonely("db", "upgrade").code == 0
    assert {entry["in_use"] for entry in listed(lonely)["master_keys"]} == {False}
    run(lonely, "remove", "one")
    assert ids(lonely) == ["two", "three"]


def test_what_is_not_done(lonely: Cli, tmp_path: Path) -> None:
    run(lonely, "add", "--id", "one")
    assert lonely("db", "upgrade").code == 0
    before = ring_of(tmp_path).read_bytes()
    assert "holds a master key one already" in run(lonely, "add", "--id", "one", code=3)
    assert "--id" in run(lonely, "add", "--id", "a:b", code=2)
    assert "no master key nope" in run(lonely, "activate", "nope", code=3)
    assert "no master key nope" in run(lonely, "remove", "nope", code=3)
    assert "active master key" in run(lonely, "remove", "one", code=3)
    assert "COUNTERSEAL_KEY_WRAPPING: is not set" in run(lonely, "rewrap", code=78)
    given = "x:" + base64.b64encode(b"k" * 32).decode()
    for command in (("add",), ("activate", "x"), ("remove", "x"), ("rewrap", "--plain")):
        assert "COUNTERSEAL_MASTER_KEYS: gives the ring itself" in run(lonely, *command, code=78, COUNTERSEAL_MASTER_KEYS=given)
    assert ring_of(tmp_path).read_bytes() == before
    assert [entry["id"] for entry in listed(lonely, COUNTERSEAL_MASTER_KEYS=given)["master_keys"]] == ["x"]


def test_a_link_is_not_replaced(lonely: Cli, tmp_path: Path) -> None:
    run(lonely, "add")
    ring_of(tmp_path).rename(tmp_path / "elsewhere")
    ring_of(tmp_path).symlink_to(tmp_path / "elsewhere")
    assert "is a link" in run(lonely, "add", code=78)
    assert ring_of(tmp_path).is_symlink()


def test_a_folder_that_others_can_read_is_refused(lonely: Cli, tmp_path: Path) -> None:
    (tmp_path / DATA).mkdir(mode=0o755)
    for command in (("master-keys", "add"), ("db", "upgrade")):
        done = lonely(*command)
        assert (done.code, "COUNTERSEAL_DATA_DIR" in done.err) == (78, True)
    assert os.listdir(tmp_path / DATA) == []


def test_a_master_key_is_replaced_and_the_old_one_goes(tmp_path: Path) -> None:
    """The walk of docs/master-keys.md, with one server."""
    folder = tmp_path / DATA
    cli = Cli(tmp_path)
    with running_server(folder) as server:
        key = issue(cli_for(server, tmp_path))
        [old] = ids(cli)
        run(cli, "add", "--id", "new")
    with running_server(folder):
        assert [(entry["id"], entry["in_use"]) for entry in listed(cli)["master_keys"]] == [(old, True), ("new", False)]
        run(cli, "activate", "new")
    with running_server(folder) as server:
        second = issue(cli_for(server, tmp_path))
        refused = run(cli, "remove", old, code=3)
        assert "still in use" in refused
        assert cli("secrets", "reseal", "--json").json()["resealed"] >= 1
        run(cli, "remove", old)
        assert [(entry["id"], entry["in_use"]) for entry in listed(cli)["master_keys"]] == [("new", True)]
    with running_server(folder) as server:
        again = cli_for(server, tmp_path)
        for one in (key, second):
            assert again("verify", "-", stdin=again("sign", "--url", "http://h/", "--raw", env=one.env).raw).code == 0


def test_what_a_stale_server_sealed_keeps_its_master_key(tmp_path: Path) -> None:
    """It was not restarted, so it goes on sealing under the old one after the reseal has released that."""
    folder = tmp_path / DATA
    cli = Cli(tmp_path)
    with running_server(folder) as server:
        [old] = ids(cli)
        run(cli, "add", "--id", "new", "--active")
        assert cli("secrets", "reseal").code == 0
        issue(cli_for(server, tmp_path))
        assert "sealed under it after the last reseal" in run(cli, "remove", old, code=3).replace("went on sealing", "sealed")
    assert cli("secrets", "reseal").code == 0
    run(cli, "remove", old)


def test_a_missing_master_key_is_shown(lonely: Cli, tmp_path: Path) -> None:
    run(lonely, "add", "--id", "one")
    assert lonely("db", "upgrade").code == 0
    assert lonely("secrets", "reseal").code == 0  # the first seal under it
    ring_of(tmp_path).unlink()
    run(lonely, "add", "--id", "two")
    assert listed(lonely)["missing"] == ["one"]
    assert "missing" in run(lonely, "list")
    refused = lonely("secrets", "reseal")
    assert (refused.code, "master key one" in refused.err) == (78, True)


def test_a_ring_goes_under_a_wrapper_to_another_and_out_again(lonely: Cli, tmp_path: Path) -> None:
    wrapping = tmp_path / "wrapping.key"
    wrapping.write_text(WRAPPING)
    wrapping.chmod(0o600)
    old, new = f"file:{wrapping}", "env:WRAPPING_KEY"
    env = {"WRAPPING_KEY": base64.b64encode(b"v" * 32).decode()}
    run(lonely, "add", "--id", "one")
    plain = MasterKeys.load(ring_of(tmp_path))
    assert "wrapped" in run(lonely, "add", "--id", "two", COUNTERSEAL_KEY_WRAPPING=old)
    assert [entry["wrapped"] for entry in listed(lonely)["master_keys"]] == [False, True]
    run(lonely, "rewrap", COUNTERSEAL_KEY_WRAPPING=old)
    assert [entry.wrapped for entry in read_ring(ring_of(tmp_path))] == [True, True]
    assert "does not open" in run(lonely, "rewrap", code=78, COUNTERSEAL_KEY_WRAPPING=new, env=env)
    run(lonely, "rewrap", COUNTERSEAL_KEY_WRAPPING=f"{new},{old}", env=env)
    assert "is wrapped, and COUNTERSEAL_KEY_WRAPPING is not set" in run(lonely, "rewrap", "--plain", code=78)
    run(lonely, "rewrap", "--plain", COUNTERSEAL_KEY_WRAPPING=new, env=env)
    ring = MasterKeys.load(ring_of(tmp_path))
    assert ring.keys["one"] == plain.keys["one"]
    assert list(ring.keys) == ["one", "two"]


def test_a_server_runs_on_a_wrapped_ring_and_not_without_its_wrapper(tmp_path: Path) -> None:
    wrapping = tmp_path / "wrapping.key"
    wrapping.write_text(WRAPPING)
    wrapping.chmod(0o600)
    cli = Cli(tmp_path)
    settings = {"KEY_WRAPPING": f"file:{wrapping}"}
    with running_server(tmp_path / DATA, settings) as server:
        key = issue(cli_for(server, tmp_path))
        assert [entry["wrapped"] for entry in listed(cli)["master_keys"]] == [True]
    for env in ({}, {"COUNTERSEAL_KEY_WRAPPING": "env:WRONG", "WRONG": base64.b64encode(b"x" * 32).decode()}):
        refused = cli("serve", env=env | {"COUNTERSEAL_LISTEN": "127.0.0.1:0", "COUNTERSEAL_METRICS_LISTEN": ""})
        assert (refused.code, "COUNTERSEAL_KEY_WRAPPING" in refused.err) == (78, True)
    with running_server(tmp_path / DATA, settings) as server:
        again = cli_for(server, tmp_path)
        assert again("verify", "-", stdin=again("sign", "--url", "http://h/", "--raw", env=key.env).raw).code == 0


def test_config_check_shows_the_kind_of_wrapping_alone(lonely: Cli, tmp_path: Path) -> None:
    wrapping = tmp_path / "wrapping.key"
    wrapping.write_text(WRAPPING)
    wrapping.chmod(0o600)
    env = {"COUNTERSEAL_KEY_WRAPPING": f"file:{wrapping},env:OTHER_KEY", "OTHER_KEY": WRAPPING}
    shown = lonely("config", "check", "--json", env=env)
    assert shown.json()["key_wrapping"] == ["file", "env"]
    assert "wrapping.key" not in shown.out
    assert "OTHER_KEY" not in shown.out
    refused = lonely("config", "check", env={"COUNTERSEAL_KEY_WRAPPING": WRAPPING})
    assert (refused.code, WRAPPING in refused.err) == (78, False)


def start(folder: Path, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "counterseal", "master-keys", *args]
    return subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_of_changes_at_once_none_is_lost(lonely: Cli, tmp_path: Path) -> None:
    run(lonely, "add", "--id", "first")
    running = [start(tmp_path, "add", "--id", f"k{number}") for number in range(6)]
    for process in running:
        assert process.communicate(timeout=120)[1] == b""
    assert sorted(ids(lonely)) == ["first", *(f"k{number}" for number in range(6))]


@pytest.mark.parametrize("absent", [False, True])
def test_two_first_rings_at_once(lonely: Cli, tmp_path: Path, absent: bool) -> None:
    if not absent:
        (tmp_path / DATA).mkdir(mode=0o700)
    running = [start(tmp_path, "add", "--id", f"k{number}") for number in range(3)]
    done = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], done
    assert sorted(ids(lonely)) == ["k0", "k1", "k2"]


# Changes the ring again and again, and says after each change which master keys there are.
CHANGER = """
import sys, pathlib
from counterseal.server.keys.ring_file import changing, write_ring
from counterseal.server.keys.ring_text import new_entry
path = pathlib.Path(sys.argv[1])
while True:
    with changing(path) as entries:
        write_ring(path, [*entries[-20:], new_entry(None)])
        print(*(entry.key_id for entry in entries[-20:]), flush=True)
"""


def test_kill_9_leaves_the_old_ring_or_the_new_one(lonely: Cli, tmp_path: Path) -> None:
    run(lonely, "add")
    path = ring_of(tmp_path)
    changes = 0
    for number in range(12):
        process = subprocess.Popen([sys.executable, "-c", CHANGER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        said = [process.stdout.readline().split() for _ in range(1 + number)]
        process.send_signal(signal.SIGKILL)
        said += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
        process.wait()
        process.stdout.close()
        changes += len(said)
        now = [key_id.encode() for key_id in ids(lonely)]
        # What the last change that was told of left, or what came after it.
        assert all(key_id in now for key_id in said[-1][2:])
        assert path.stat().st_mode & 0o777 == 0o600
    assert changes > 12
    run(lonely, "add")
    assert os.listdir(tmp_path / DATA) == ["master.keys"]  # the drafts of the killed ones are gone
