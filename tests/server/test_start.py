"""Starting, and refusing to start."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server.calls import Client, bearer
from tests.server.certificates import Authority, unknown_curve
from tests.support.process import RunningServer, running_server

CONFIG_EXIT = 78


def _refused(tmp_path: Path, toml: str = "", **settings: str) -> str:
    """Start a server that must not start; return what it says."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    given = {"DATA_DIR": str(tmp_path / "data"), "LISTEN": "127.0.0.1:0", "METRICS_LISTEN": ""} | settings
    if toml:
        (tmp_path / "c.toml").write_text(toml)
        given["CONFIG"] = str(tmp_path / "c.toml")
    done = subprocess.run(
        [sys.executable, "-m", "counterseal.server.cli.main", "serve"],
        env=environ | {f"COUNTERSEAL_{name}": value for name, value in given.items()},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == CONFIG_EXIT, done.stderr
    assert "listening" not in done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_second_server_on_the_port_fails_with_a_clear_error(server: RunningServer, tmp_path: Path) -> None:
    assert f"COUNTERSEAL_LISTEN: cannot listen on {server.address}: in use" in _refused(tmp_path, LISTEN=server.address)


def test_a_metrics_port_in_use(server: RunningServer, tmp_path: Path) -> None:
    address = server.metrics_url.removeprefix("http://").removesuffix("/metrics")
    assert f"COUNTERSEAL_METRICS_LISTEN: cannot listen on {address}" in _refused(tmp_path, METRICS_LISTEN=address)


def test_plaintext_beyond_loopback_is_refused(tmp_path: Path) -> None:
    assert "is not loopback" in _refused(tmp_path, LISTEN="0.0.0.0:0")
    assert not (tmp_path / "data").exists()


def test_tls_files_that_cannot_be_read(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.pem")
    assert "TLS" in _refused(tmp_path, TLS_CERT=absent, TLS_KEY=absent)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no PEM")
    assert "COUNTERSEAL_TLS_CERT: holds no PEM certificate" in _refused(tmp_path, TLS_CERT=str(garbage), TLS_KEY=str(garbage))


@pytest.mark.parametrize("name", ["secp256k1", "secp521r1", "secp112r1"])
def test_curves_that_are_not_served_with(tmp_path: Path, name: str) -> None:
    """gRPC would fail to listen, for no reason that it gives, or fail every handshake."""
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    curves = {"secp256k1": ec.SECP256K1(), "secp521r1": ec.SECP521R1()}
    pair = unknown_curve(tmp_path) if name not in curves else Authority("CA").server(curve=curves[name])
    pair.write(cert, key)
    words = "the key must be RSA, or lie on the curve P-256 or P-384"
    assert f"COUNTERSEAL_TLS_CERT: {words}" in _refused(tmp_path, TLS_CERT=str(cert), TLS_KEY=str(key))


def test_a_curve_that_is_served_with(tmp_path: Path) -> None:
    cert, key, authority = tmp_path / "server.pem", tmp_path / "server.key", Authority("CA")
    authority.server(curve=ec.SECP384R1()).write(cert, key)
    with (
        running_server(tmp_path / "data", {"TLS_CERT": str(cert), "TLS_KEY": str(key)}) as server,
        grpc.secure_channel(server.address, grpc.ssl_channel_credentials(authority.pem)) as channel,
    ):
        Client(channel, bearer(server.admin_token)).issue()


def test_wrong_settings(tmp_path: Path) -> None:
    assert "COUNTERSEAL_SKEWS: there is no such setting" in _refused(tmp_path, SKEWS="1")
    assert "COUNTERSEAL_THREADS: must be" in _refused(tmp_path, THREADS="0")
    assert "callers[0]: role must be" in _refused(tmp_path, '[[callers]]\nname = "a"\nrole = "x"\nsan = "y"\n')
    assert "COUNTERSEAL_DATABASE_URL" in _refused(tmp_path, DATABASE_URL="nonsense")
    assert "COUNTERSEAL_MASTER_KEYS" in _refused(tmp_path, MASTER_KEYS="mk:short")


def test_a_missing_master_key_is_found_at_start(tmp_path: Path) -> None:
    with running_server(tmp_path / "data"):
        pass
    (tmp_path / "data" / "master.keys").unlink()
    said = _refused(tmp_path)
    assert "COUNTERSEAL_MASTER_KEYS" in said
    assert "master.keys is missing, and the key store holds what was sealed with it" in said
    assert not (tmp_path / "data" / "master.keys").exists(), "a new one would hide what is missing"


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o720, 0o770])
def test_a_data_folder_that_others_get_into(tmp_path: Path, mode: int) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(mode)
    assert f"is open to others (mode {mode:04o}); set its mode to 0700" in _refused(tmp_path)
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_database_that_others_may_open(tmp_path: Path, mode: int) -> None:
    with running_server(tmp_path / "data"):
        pass
    (tmp_path / "data" / "counterseal.db").chmod(mode)
    assert f"counterseal.db is open to others (mode {mode:04o}); set its mode to 0600" in _refused(tmp_path)


def test_an_admin_file_that_others_may_read(tmp_path: Path) -> None:
    with running_server(tmp_path / "data"):
        pass
    (tmp_path / "data" / "admin.token").chmod(0o644)
    assert "can be read by others" in _refused(tmp_path)


def test_what_it_says_at_start(server: RunningServer) -> None:
    with server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        client.issue()
    # It tells people first.
    end = time.monotonic() + 60
    while '"event": "started"' not in server.log():
        assert time.monotonic() < end
        time.sleep(0.01)
    lines = [json.loads(line) for line in server.log().splitlines()]
    (started,) = [line for line in lines if line["event"] == "started"]
    assert (started["address"], started["tls"]) == (server.address, False)


def test_what_it_tells_people_at_start(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    given = {"DATA_DIR": str(tmp_path / "data"), "LISTEN": "127.0.0.1:0", "METRICS_LISTEN": "127.0.0.1:0"}
    with subprocess.Popen(
        [sys.executable, "-m", "counterseal.server.cli.main", "serve"],
        env=environ | {f"COUNTERSEAL_{name}": value for name, value in given.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(5)]
        process.terminate()
    assert re.fullmatch(r"counterseal \S+ listening on 127\.0\.0\.1:[1-9]\d* \(plaintext, this machine only\)", said[0])
    assert re.fullmatch(r"metrics on http://127\.0\.0\.1:[1-9]\d*/metrics", said[1])
    assert said[2:] == [
        f"data in {tmp_path / 'data'}",
        f"administrator's bearer token in {tmp_path / 'data' / 'admin.token'}",
        "try next: counterseal keys issue --principal alice",
    ]


def test_the_data_folder_is_for_its_owner_alone(server: RunningServer) -> None:
    assert server.data_dir.stat().st_mode & 0o077 == 0
    for name in ("admin.token", "master.keys", "counterseal.db"):
        assert (server.data_dir / name).stat().st_mode & 0o077 == 0, name


def test_keys_and_bearer_survive_a_restart(tmp_path: Path) -> None:
    from tests.server.calls import signed

    with running_server(tmp_path / "data") as first, first.channel() as channel:
        admin = first.admin_token
        issued = Client(channel, bearer(admin)).issue()
    with running_server(tmp_path / "data") as second, second.channel() as channel:
        assert second.admin_token == admin
        assert Client(channel).verify(signed(issued)) == "verified"


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0"])
def test_loopback_of_both_kinds(tmp_path: Path, address: str) -> None:
    import socket

    if address.startswith("["):
        from tests.support.require import require

        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            require(False, "no IPv6 on this machine")
    with running_server(tmp_path / "data", {"LISTEN": address}) as server, server.channel() as channel:
        Client(channel, bearer(server.admin_token)).issue()
