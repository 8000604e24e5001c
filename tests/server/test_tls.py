"""TLS and mTLS by file, reloaded under a running server; and who is who on such a listener."""

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Metadata, bearer, failing, signed
from tests.server.certificates import Authority, Pair, unknown_curve
from tests.support.process import RunningServer, running_server

EDGE = "the-bearer-of-the-edge-gateway"
OPS = "the-bearer-of-the-operators"
SPIFFE = "spiffe://example.com/mesh"


@dataclass
class Secured:
    server: RunningServer
    folder: Path
    authority: Authority

    def channel(self, client: Pair | None = None, root: bytes | None = None) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=root or self.authority.pem,
            private_key=client.key if client else None,
            certificate_chain=client.cert if client else None,
        )
        return grpc.secure_channel(self.server.address, credentials)

    def presented(self) -> bytes:
        """Return the certificate that a new connection is shown."""
        host, port = self.server.address.split(":")
        return ssl.get_server_certificate((host, int(port)), timeout=90).encode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _settings(folder: Path, *, client_ca: bool, toml: str, listen: str = "127.0.0.1:0") -> dict[str, str]:
    (folder / "c.toml").write_text(toml)
    settings = {
        "LISTEN": listen,
        "TLS_CERT": str(folder / "server.pem"),
        "TLS_KEY": str(folder / "server.key"),
        "CONFIG": str(folder / "c.toml"),
    }
    return settings | ({"TLS_CLIENT_CA": str(folder / "ca.pem")} if client_ca else {})


BEARERS = f"""
[[callers]]
name = "edge"
role = "gateway"
token_sha256 = "{_hash(EDGE)}"
tenants = ["acme"]
[[callers]]
name = "ops"
role = "admin"
token_sha256 = "{_hash(OPS)}"
"""
SANS = f"""
[[callers]]
name = "mesh"
role = "gateway"
san = "{SPIFFE}"
[[callers]]
name = "ops"
role = "admin"
san = "ops.example.com"
"""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder, authority = tmp_path_factory.mktemp("tls"), Authority("CA")
    authority.server().write(folder / "server.pem", folder / "server.key")
    with running_server(folder / "data", _settings(folder, client_ca=False, toml=BEARERS)) as server:
        yield Secured(server, folder, authority)


@pytest.fixture(scope="module")
def mtls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder, authority = tmp_path_factory.mktemp("mtls"), Authority("CA")
    authority.server().write(folder / "server.pem", folder / "server.key")
    (folder / "ca.pem").write_bytes(authority.pem)
    with running_server(folder / "data", _settings(folder, client_ca=True, toml=SANS)) as server:
        yield Secured(server, folder, authority)


def test_nobody_is_anonymous_over_tls(tls: Secured) -> None:
    with tls.channel() as channel:
        issued = Client(channel, bearer(OPS)).issue(tenant="acme")
        with failing() as seen:
            Client(channel).verify(signed(issued))
        assert (seen[0].code, seen[0].reason) == ("UNAUTHENTICATED", "CALLER_UNKNOWN")
        assert Client(channel).verify(signed(issued), bearer(EDGE)) == "verified"


def test_the_generated_bearer_administers_on_loopback(tls: Secured) -> None:
    with tls.channel() as channel:
        Client(channel, bearer(tls.server.admin_token)).issue()


def test_a_gateway_may_only_verify(tls: Secured) -> None:
    with tls.channel() as channel:
        edge = Client(channel, bearer(EDGE))
        for call in (
            lambda: edge.issue(tenant="acme"),
            lambda: edge.revoke("CSAAAA"),
            lambda: edge.update("CSAAAA", "state"),
            lambda: edge.keys.GetKey(keys_pb2.GetKeyRequest(key_id="CSAAAA"), metadata=edge.admin),
            lambda: edge.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=edge.admin),
        ):
            with failing() as seen:
                call()
            assert (seen[0].code, seen[0].reason) == ("PERMISSION_DENIED", "CALLER_NOT_PERMITTED")


def test_a_foreign_tenants_key_reads_as_unknown(tls: Secured) -> None:
    with tls.channel() as channel:
        ops = Client(channel, bearer(OPS))
        ours, theirs = ops.issue(tenant="acme"), ops.issue(tenant="other")
        assert ops.verify(signed(ours), bearer(EDGE)) == "verified"
        assert ops.verify(signed(theirs), bearer(EDGE)) == "UNKNOWN_KEY"
        assert ops.verify(signed(theirs), bearer(OPS)) == "verified"
        demanding = signed(theirs)
        demanding.demand.tenants.append("other")
        assert ops.verify(demanding, bearer(EDGE)) == "UNKNOWN_KEY"


@pytest.mark.parametrize(
    "metadata",
    [
        bearer(EDGE + "x"),
        bearer(""),
        (("authorization", "Basic " + EDGE),),
        bearer(EDGE) + bearer(EDGE),
        bearer(EDGE) + bearer(OPS),
        (("authorization-bin", EDGE.encode()),),
    ],
)
def test_wrong_credentials(tls: Secured, metadata: Metadata) -> None:
    with tls.channel() as channel:
        issued = Client(channel, bearer(OPS)).issue(tenant="acme")
        with failing() as seen:
            Client(channel).verify(signed(issued), metadata)
        assert seen[0].code == "UNAUTHENTICATED"


def test_plaintext_gets_nowhere(tls: Secured) -> None:
    with grpc.insecure_channel(tls.server.address) as channel, pytest.raises(grpc.RpcError) as caught:
        Client(channel, bearer(OPS)).issue()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_beyond_loopback_with_tls_and_callers(tmp_path: Path) -> None:
    authority = Authority("CA")
    authority.server().write(tmp_path / "server.pem", tmp_path / "server.key")
    settings = _settings(tmp_path, client_ca=False, toml=BEARERS, listen="0.0.0.0:0")
    with running_server(tmp_path / "data", settings) as server:
        assert not (tmp_path / "data" / "admin.token").exists()
        server.address = server.address.replace("0.0.0.0", "127.0.0.1")
        with Secured(server, tmp_path, authority).channel() as channel:
            issued = Client(channel, bearer(OPS)).issue(tenant="acme")
            assert Client(channel).verify(signed(issued), bearer(EDGE)) == "verified"
            with failing() as seen:
                Client(channel).verify(signed(issued))
            assert seen[0].code == "UNAUTHENTICATED"


def test_certificates_are_taken_up_without_a_restart(tls: Secured) -> None:
    files = tls.folder / "server.pem", tls.folder / "server.key"
    before = files[0].read_bytes()
    assert tls.presented().strip() == before.strip()
    with tls.channel() as old:
        issued = Client(old, bearer(OPS)).issue(tenant="acme")
        renewed = tls.authority.server()
        renewed.write(*files)
        assert tls.presented().strip() == renewed.cert.strip()
        # The old connection goes on, and a new one works.
        assert Client(old).verify(signed(issued), bearer(EDGE)) == "verified"
        with tls.channel() as new:
            assert Client(new).verify(signed(issued), bearer(EDGE)) == "verified"


def test_files_that_do_not_fit_are_left(tls: Secured) -> None:
    files = tls.folder / "server.pem", tls.folder / "server.key"
    good = Pair(files[0].read_bytes(), files[1].read_bytes())
    other, strange = tls.authority.server(), tls.authority.server(curve=ec.SECP256K1())
    cut = good.cert + good.cert[:300]
    reloads = tls.server.log().count('"tls_reloaded"')
    try:
        for bad in (
            Pair(other.cert, good.key),
            Pair(b"no PEM", good.key),
            Pair(good.cert, b""),
            Pair(b"", b""),
            strange,
            unknown_curve(tls.folder),
            Pair(cut, good.key),
        ):
            bad.write(*files)
            assert tls.presented().strip() == good.cert.strip()
        assert tls.server.log().count('"tls_reloaded"') == reloads
        files[0].unlink()
        assert tls.presented().strip() == good.cert.strip()
        assert "tls_reload_failed" in tls.server.log()
    finally:
        other.write(*files)
    assert tls.presented().strip() == other.cert.strip()


def test_a_client_certificate_says_who_calls(mtls: Secured) -> None:
    mesh, ops = mtls.authority.client(SPIFFE), mtls.authority.client("ops.example.com")
    with mtls.channel(ops) as channel:
        issued = Client(channel).issue()
    with mtls.channel(mesh) as channel:
        assert Client(channel).verify(signed(issued)) == "verified"
        with failing() as seen:
            Client(channel).issue()
        assert seen[0].code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "sans", [[], ["nobody.example.com"], ["OPS.example.com"], [SPIFFE, "ops.example.com"], [SPIFFE + "/x"]]
)
def test_certificates_that_name_nobody_or_two(mtls: Secured, sans: list[str]) -> None:
    with mtls.channel(mtls.authority.client(*sans)) as channel:
        with failing() as seen:
            Client(channel).issue()
        assert (seen[0].code, seen[0].reason) == ("UNAUTHENTICATED", "CALLER_UNKNOWN")


def test_a_common_name_is_no_identity(mtls: Secured) -> None:
    with mtls.channel(mtls.authority.client(common="ops.example.com")) as channel, failing() as seen:
        Client(channel).issue()
    assert seen[0].code == "UNAUTHENTICATED"


def test_without_or_with_a_foreign_certificate_there_is_no_connection(mtls: Secured) -> None:
    for client in (None, Authority("another CA").client("ops.example.com")):
        with mtls.channel(client) as channel, pytest.raises(grpc.RpcError) as caught:
            Client(channel).issue()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_the_client_ca_is_reloaded(mtls: Secured) -> None:
    former = (mtls.folder / "ca.pem").read_bytes()
    another = Authority("another CA")
    client = another.client("ops.example.com")
    draft = mtls.folder / "ca.new"
    try:
        draft.write_bytes(another.pem)
        draft.rename(mtls.folder / "ca.pem")
        with mtls.channel(client) as channel:
            Client(channel).issue()
    finally:
        draft.write_bytes(former)
        draft.rename(mtls.folder / "ca.pem")
    with mtls.channel(client) as channel, pytest.raises(grpc.RpcError):
        Client(channel).issue()
