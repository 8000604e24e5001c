"""The whole data folder is put back, database, keys and all, as from a snapshot: only what lay elsewhere remembers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from tests.server.calls import Client, Issued, bearer, signed
from tests.support.process import start_server

pytestmark = pytest.mark.timeout(900)


def begin(folder: Path, **settings: str) -> Issued:
    """Issue a key, take a copy of the data folder while no server runs, and revoke the key afterwards."""
    server = start_server(folder / "data", **settings)
    key = Client(grpc.insecure_channel(server.address), bearer(server.admin_token)).issue()
    server.stop()
    shutil.copytree(folder / "data", folder / "snapshot")
    server = start_server(folder / "data", **settings)
    Client(grpc.insecure_channel(server.address), bearer(server.admin_token)).revoke(key.key_id)
    server.stop()
    shutil.rmtree(folder / "data")
    shutil.copytree(folder / "snapshot", folder / "data")
    return key


def run(data: Path, *words: str, code: int, **settings: str) -> str:
    env = {"COUNTERSEAL_DATA_DIR": str(data), "COUNTERSEAL_LISTEN": "127.0.0.1:0", "COUNTERSEAL_METRICS_LISTEN": ""}
    env |= {f"COUNTERSEAL_{name}": value for name, value in settings.items()} | {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "counterseal.server.cli.main", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_mark_that_lies_elsewhere_remembers(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    setting = {"HIGH_WATER_FILE": str(elsewhere / "mark")}
    begin(tmp_path, **setting)
    assert os.listdir(elsewhere) == ["mark"]
    assert not (tmp_path / "data" / "high-water").exists()
    assert str(elsewhere / "mark") in run(tmp_path / "data", "audit", "verify", code=1, **setting)
    assert "gone back" in run(tmp_path / "data", "db", "check", code=1, **setting)
    assert "accept-restore" in run(tmp_path / "data", "serve", code=78, **setting)
    assert "Accepted" in run(tmp_path / "data", "db", "accept-restore", "--yes", code=0, **setting)
    start_server(tmp_path / "data", **setting).stop()


def test_a_mark_that_was_put_back_with_the_folder_does_not(tmp_path: Path) -> None:
    """What docs/backup.md says, and why the setting is there."""
    key = begin(tmp_path)
    server = start_server(tmp_path / "data")
    client = Client(grpc.insecure_channel(server.address), bearer(server.admin_token))
    assert client.verify(signed(key)) == "verified"
    server.stop()


def test_a_folder_that_is_not_there_stops_the_start_and_names_the_setting(tmp_path: Path) -> None:
    said = run(tmp_path / "data", "serve", code=78, HIGH_WATER_FILE=str(tmp_path / "nowhere" / "mark"))
    assert "COUNTERSEAL_HIGH_WATER_FILE" in said
    assert "nowhere" in said
