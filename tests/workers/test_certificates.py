"""TLS with several workers: each shows the renewed certificate to its next connection, and asks for the same clients'."""

import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from counterseal.v1 import callers_pb2, callers_pb2_grpc
from tests.replay.fleet import workers_reached
from tests.server.calls import Client, bearer, signed
from tests.server.certificates import Authority, Pair
from tests.support.process import RunningServer, running_server
from tests.workers.load import OWN_CONNECTION, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone")
WORKERS = 3
MESH = "spiffe://example.com/mesh"


@dataclass
class Fleet:
    server: RunningServer
    folder: Path
    authority: Authority

    def channel(self, client: Pair) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.authority.pem, client.key, client.cert)
        return grpc.secure_channel(self.server.address, credentials, OWN_CONNECTION)

    def shown(self) -> str:
        """Return the certificate that a new connection is shown, whichever worker it reaches."""
        host, port = self.server.address.split(":")
        return ssl.get_server_certificate((host, int(port)), timeout=30).strip()

    def who_reloaded(self) -> int:
        """How many workers have told that they took renewed certificates up."""
        lines = [line for line in self.server.log().splitlines() if '"event": "tls_reloaded"' in line]
        return len({number for number in range(1, WORKERS + 1) for line in lines if f'"worker": {number},' in line + ","})


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder, authority = tmp_path_factory.mktemp("certificates"), Authority("CA")
    authority.server().write(folder / "server.pem", folder / "server.key")
    (folder / "ca.pem").write_bytes(authority.pem)
    settings = {"TLS_CERT": "server.pem", "TLS_KEY": "server.key", "TLS_CLIENT_CA": "ca.pem"}
    settings = {name: str(folder / file) for name, file in settings.items()} | {"WORKERS": str(WORKERS)}
    with running_server(folder / "data", settings) as server:
        yield Fleet(server, folder, authority)


def test_each_worker_takes_renewed_certificates_up_and_old_connections_go_on(fleet: Fleet) -> None:
    mesh = fleet.authority.client(MESH)
    with fleet.channel(mesh) as old:
        admin = Client(old, bearer(fleet.server.admin_token))
        message = signed(admin.issue())
        before, renewed = fleet.shown(), fleet.authority.server()
        assert fleet.who_reloaded() == 0
        renewed.write(fleet.folder / "server.pem", fleet.folder / "server.key")
        # From the next connection on, to whichever worker; and no process was told to do anything.
        workers = fleet.server.workers()
        wait_for(lambda: {fleet.shown()} == {renewed.cert.decode().strip()} and fleet.who_reloaded() == WORKERS, "all have it")
        assert before != renewed.cert.decode().strip()
        assert fleet.server.workers() == workers
        assert admin.verify(message, admin.admin) == "verified"


def test_a_caller_by_certificate_is_one_at_every_worker(fleet: Fleet) -> None:
    mesh = fleet.authority.client(MESH)
    channels: list[grpc.Channel] = []
    try:
        while len(workers_reached(fleet.server)) < WORKERS:
            assert len(channels) < 100
            channels.append(fleet.channel(mesh))
            grpc.channel_ready_future(channels[-1]).result(60)
        admin = bearer(fleet.server.admin_token)
        caller = callers_pb2.Caller(name="mesh", role=callers_pb2.CALLER_ROLE_GATEWAY, san=MESH)
        callers = callers_pb2_grpc.CallerServiceStub(channels[0])
        callers.CreateCaller(callers_pb2.CreateCallerRequest(caller=caller), metadata=admin)
        message = signed(Client(channels[0], admin).issue())
        for one in channels:
            _until(one, message, "verified")
        callers.DeleteCaller(callers_pb2.DeleteCallerRequest(name="mesh"), metadata=admin)
        for one in channels:
            _until(one, message, "UNAUTHENTICATED")
    finally:
        for one in channels:
            one.close()


def _said(one: grpc.Channel, message: object) -> str:
    try:
        return Client(one).verify(message)  # type: ignore[arg-type]
    except grpc.RpcError as error:
        return str(error.code().name)


def _until(one: grpc.Channel, message: object, wanted: str) -> None:
    wait_for(lambda: _said(one, message) == wanted, f"{wanted} there as well")
