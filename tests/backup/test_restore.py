"""A backup is taken under load, things go on, the backup is restored: nobody takes the old state for the present one."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.backup.engines import ENGINES, Engine
from tests.server.calls import Client, Issued, bearer, signed
from tests.support.process import RunningServer, start_server

DEADLINE = 120
pytestmark = pytest.mark.timeout(900)


class Place:
    """A data folder, a database, and the servers and commands on them."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        self.data = folder / "data"
        self.server: RunningServer | None = None

    def start(self, **settings: str) -> Client:
        self.server = start_server(self.data, DATABASE_URL=self.engine.url, STORE_TIMEOUT="60", **settings)
        return Client(grpc.insecure_channel(self.server.address), bearer(self.server.admin_token))

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def run(self, *words: str, code: int = 0, data: Path | None = None) -> str:
        """Run a command as an administrator on the server's machine does."""
        env = {
            "COUNTERSEAL_DATA_DIR": str(data or self.data),
            "COUNTERSEAL_DATABASE_URL": self.engine.url,
            "COUNTERSEAL_LISTEN": "127.0.0.1:0",
            "COUNTERSEAL_METRICS_LISTEN": "",
            "PATH": "/usr/bin:/bin",
        }
        if self.server is not None:
            env["COUNTERSEAL_SERVER"] = self.server.address
        done = subprocess.run(
            [sys.executable, "-m", "counterseal.server.cli.main", *words], env=env, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def metric(self, name: str) -> float:
        assert self.server is not None
        text = urllib.request.urlopen(self.server.metrics_url, timeout=60).read().decode()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


@pytest.fixture(params=sorted(ENGINES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, ENGINES[request.param](tmp_path))
    yield made
    made.stop()


class Load:
    """Issues and revokes until it is told to stop."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.issued: list[Issued] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self.issued.append(self._client.issue())
            self._client.update(self.issued[-1].key_id, "principal", principal="p")

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + DEADLINE
        while len(self.issued) < count:
            assert time.monotonic() < end
            time.sleep(0.01)


def unavailable(client: Client, key: Issued) -> bool:
    try:
        client.verify(signed(key))
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def test_an_older_backup_brings_nothing_back_unnoticed(place: Place) -> None:
    client = place.start()
    leaked, kept = client.issue(), client.issue()
    backup, export = place.folder / "backup", place.folder / "audit.jsonl"
    with Load(client) as load:
        load.wait_for(3)
        place.engine.back_up(place.run, backup)
        load.wait_for(len(load.issued) + 3)
    client.revoke(leaked.key_id)
    later = client.issue()
    place.run("audit", "export", "--output", str(export))
    place.run("audit", "verify", str(export), "--with-store")
    assert [client.verify(signed(key)) for key in (leaked, kept, later)] == ["KEY_REVOKED", "verified", "verified"]

    restore(place, client, backup, kept)
    assert place.run("db", "check", code=1).count("gone back") == 1
    assert "accept-restore" in place.run("serve", code=78)

    said = place.run("db", "accept-restore", "--reapply-revocations", str(export), "--yes")
    assert f"{leaked.key_id} is revoked again" in said
    assert later.key_id in said
    if place.server is None:
        client = place.start()
    else:
        eventually(lambda: not unavailable(client, kept))
    assert [client.verify(signed(key)) for key in (leaked, kept, later)] == ["KEY_REVOKED", "verified", "UNKNOWN_KEY"]
    assert client.verify(signed(load.issued[0])) == "verified"
    assert client.verify(signed(client.issue())) == "verified"
    assert place.metric("counterseal_store_rolled_back") == 0
    place.run("audit", "verify")
    place.run("db", "check")
    assert "nothing to accept" in place.run("db", "accept-restore", "--yes")
    place.stop()
    place.start()  # and goes on doing so


def restore(place: Place, client: Client, backup: Path, kept: Issued) -> None:
    """Restore; a server that runs through it stops answering, and says why."""
    if not place.engine.restores_under_servers:
        place.stop()
        place.engine.restore(backup)
        return
    place.engine.restore(backup)
    eventually(lambda: place.metric("counterseal_store_rolled_back") == 1)
    assert unavailable(client, kept)
    with pytest.raises(grpc.RpcError) as caught:
        client.issue()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert place.server is not None
    assert "store_rolled_back" in place.server.log()


def eventually(holds: object) -> None:
    assert callable(holds)
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_where_nothing_is_remembered_an_exported_head_tells(place: Place) -> None:
    """A restore on new machines: an empty data folder, the old master keys, and the head that an export ended with."""
    client = place.start()
    leaked = client.issue()
    backup = place.folder / "backup"
    place.engine.back_up(place.run, backup)
    client.revoke(leaked.key_id)
    place.run("audit", "export", "--output", str(place.folder / "audit.jsonl"))
    last = json.loads((place.folder / "audit.jsonl").read_text().splitlines()[-1])
    place.stop()
    place.engine.restore(backup)

    moved = place.folder / "moved"
    moved.mkdir(mode=0o700)
    (moved / "master.keys").write_bytes((place.data / "master.keys").read_bytes())
    (moved / "master.keys").chmod(0o600)
    expected = ("--expect-sequence", str(last["sequence"]), "--expect-hash", last["hash"])
    assert "gone back" in place.run("db", "check", *expected, code=1, data=moved)
    place.run("db", "check", data=moved)  # in itself it is a store like any other: nothing here remembers
    place.data = moved
    client = place.start()
    assert client.verify(signed(leaked)) == "verified"  # so this is what is not promised there
