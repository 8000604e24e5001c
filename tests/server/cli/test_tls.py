"""Calling a server that speaks TLS, by bearer token and by certificate."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.certificates import Authority
from tests.server.cli.shell import Cli
from tests.support.process import RunningServer, running_server

BEARER = "the-bearer-of-the-command-line"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("the right one")
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "wrong.pem").write_bytes(Authority("another one").pem)
    (folder / "none.pem").write_text("no certificate")
    authority.server().write(folder / "server.pem", folder / "server.key")
    authority.client("ops.example").write(folder / "client.pem", folder / "client.key")
    return folder


def _serving(folder: Path, name: str, *more: str) -> contextlib.AbstractContextManager[RunningServer]:
    files = {"TLS_CERT": "server.pem", "TLS_KEY": "server.key", "CONFIG": f"{name}.toml"} | dict.fromkeys(more, "ca.pem")
    return running_server(folder / name, {setting: str(folder / file) for setting, file in files.items()})


@pytest.fixture(scope="module")
def cli(folder: Path) -> Iterator[Cli]:
    digest = hashlib.sha256(BEARER.encode()).hexdigest()
    (folder / "bearers.toml").write_text(f'[[callers]]\nname = "ops"\nrole = "admin"\ntoken_sha256 = "{digest}"\n')
    with _serving(folder, "bearers") as server:
        yield Cli(folder, {"COUNTERSEAL_SERVER": server.address, "COUNTERSEAL_TOKEN": BEARER})


def test_a_bearer_token_over_tls(cli: Cli) -> None:
    listed = cli("keys", "list", "--ca", "ca.pem")
    assert listed.code == 0, listed.err
    assert cli("keys", "list", "--ca", "ca.pem", env={"COUNTERSEAL_TOKEN": "wrong"}).code == 4


def test_a_certificate_over_tls(folder: Path) -> None:
    (folder / "certificates.toml").write_text('[[callers]]\nname = "machine"\nrole = "admin"\nsan = "ops.example"\n')
    with _serving(folder, "certificates", "TLS_CLIENT_CA") as server:
        cli = Cli(folder, {"COUNTERSEAL_SERVER": server.address})
        listed = cli("keys", "list", "--ca", "ca.pem", "--client-cert", "client.pem", "--client-key", "client.key")
        assert listed.code == 0, listed.err
        assert cli("keys", "list", "--ca", "ca.pem", env={"COUNTERSEAL_TOKEN": BEARER}).code == 5


@pytest.mark.parametrize("args", [(), ("--tls",), ("--ca", "wrong.pem"), ("--ca", "none.pem")])
def test_a_server_that_is_not_trusted_gets_nothing(cli: Cli, args: tuple[str, ...]) -> None:
    refused = cli("keys", "list", *args)
    assert refused.code == 5, refused.err
    assert "--ca FILE" in refused.err
    assert BEARER not in refused.out + refused.err


def test_a_certificate_without_its_key(cli: Cli) -> None:
    assert cli("keys", "list", "--client-cert", "client.pem").code == 2
    assert cli("keys", "list", "--ca", "absent.pem").code == 2
