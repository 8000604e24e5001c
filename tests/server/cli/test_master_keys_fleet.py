"""The walks of docs/master-keys.md on a fleet: two servers with data folders of their own, one database, and AWS KMS (moto)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from counterseal.server.keys.ring_file import read_ring
from tests.server.calls import Client, Issued, bearer, signed
from tests.server.cli.shell import Cli
from tests.support.process import RunningServer, start_server


@dataclass
class Kms:
    """A KMS with two keys, and the environment in which it is found."""

    env: dict[str, str]
    first: str
    second: str


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x" * 40,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_KMS": f"http://{host}:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = boto3.client("kms")
    first, second = (client.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    try:
        yield Kms(env, first, second)
    finally:
        server.stop()


class Fleet:
    """Two servers. `settings` are those of both, for the next start."""

    def __init__(self, folder: Path, kms: Kms, wrapping: str) -> None:
        self.folder, self.kms = folder, kms
        self.settings = {"DATABASE_URL": f"sqlite:///{folder}/shared.db", "KEY_WRAPPING": wrapping}
        self.servers: list[RunningServer | None] = [None, None]
        self.keys: list[Issued] = []

    def data(self, number: int) -> Path:
        return self.folder / f"data-{number}"

    def start(self, number: int) -> None:
        self.servers[number] = start_server(self.data(number), **self.settings)

    def stop(self) -> None:
        for server in self.servers:
            if server is not None:
                server.kill()

    @contextmanager
    def client(self, number: int) -> Iterator[Client]:
        server = self.servers[number]
        assert server is not None
        with server.channel() as channel:
            yield Client(channel, bearer(server.admin_token))

    def restart_one_by_one(self) -> None:
        """As a rolling restart does: between the two, one server has the new ring and the other the old one."""
        for number in (0, 1):
            server = self.servers[number]
            assert server is not None
            assert server.stop() == 0
            self.start(number)
            self.check()

    def check(self) -> None:
        """Each issues a key, and the other verifies with every key that there is."""
        for issuing, verifying in ((0, 1), (1, 0)):
            with self.client(issuing) as client:
                self.keys.append(client.issue())
            with self.client(verifying) as client:
                for key in self.keys:
                    assert client.verify(signed(key)) == "verified"

    def admin(self, *args: str) -> str:
        """Run a command on the first machine."""
        env = {f"COUNTERSEAL_{name}": value for name, value in self.settings.items()}
        cli = Cli(self.folder, env | self.kms.env | {"COUNTERSEAL_DATA_DIR": str(self.data(0))})
        done = cli(*args)
        assert done.code == 0, done.err
        return done.out

    def give_ring_to_all(self) -> None:
        shutil.copy2(self.data(0) / "master.keys", self.data(1) / "master.keys")


@contextmanager
def fleet(folder: Path, kms: Kms, wrapping: str) -> Iterator[Fleet]:
    running = Fleet(folder, kms, wrapping)
    try:
        running.start(0)
        running.data(1).mkdir(mode=0o700)
        running.give_ring_to_all()
        running.start(1)
        yield running
    finally:
        running.stop()


@pytest.mark.timeout(600)
def test_a_master_key_is_replaced_under_calls(tmp_path: Path, kms: Kms) -> None:
    with fleet(tmp_path, kms, f"aws-kms:{kms.first}") as running:
        running.check()
        [old] = read_ring(running.data(0) / "master.keys")
        assert old.wrapped
        for command in (("add", "--id", "mk-2027"), ("activate", "mk-2027")):
            running.admin("master-keys", *command)
            running.give_ring_to_all()
            running.restart_one_by_one()
        running.admin("secrets", "reseal")
        running.admin("master-keys", "remove", old.key_id)
        running.give_ring_to_all()
        running.restart_one_by_one()
        assert [entry.key_id for entry in read_ring(running.data(1) / "master.keys")] == ["mk-2027"]


@pytest.mark.timeout(600)
def test_a_ring_moves_to_another_wrapping_key(tmp_path: Path, kms: Kms) -> None:
    with fleet(tmp_path, kms, f"aws-kms:{kms.first}") as running:
        running.check()
        running.settings["KEY_WRAPPING"] = f"aws-kms:{kms.second},aws-kms:{kms.first}"
        running.restart_one_by_one()
        running.admin("master-keys", "rewrap")
        running.give_ring_to_all()
        # moto opens under whatever key is named; that the first one is not needed any more is seen when it is gone.
        boto3.client("kms").disable_key(KeyId=kms.first.rsplit("/", 1)[1])
        running.settings["KEY_WRAPPING"] = f"aws-kms:{kms.second}"
        running.restart_one_by_one()


def test_a_server_that_kms_does_not_answer_may_be_started_again(tmp_path: Path, kms: Kms) -> None:
    running = Fleet(tmp_path, kms, f"aws-kms:{kms.first}")
    running.start(0)
    running.stop()
    env = {f"COUNTERSEAL_{name}": value for name, value in running.settings.items()} | kms.env
    env |= {"COUNTERSEAL_DATA_DIR": str(running.data(0)), "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    down = Cli(tmp_path, env | {"COUNTERSEAL_LISTEN": "127.0.0.1:0", "COUNTERSEAL_METRICS_LISTEN": ""})("serve")
    assert (down.code, "AWS KMS does not answer" in down.err) == (5, True), down.err
