"""How the client reaches the service: connections, credentials, TLS, and never by way of a proxy."""

import asyncio
import datetime
import ipaddress
import socket
from datetime import UTC, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal_client import AsyncVerifier, Connection, Tls, Verified, Verifier, VerifierUnavailable
from tests.clients.python.asking import REQUEST, Ask
from tests.clients.python.stub import StubService, running_stub


def test_channels_are_connections(stub: StubService) -> None:
    """Without pools of their own, four channels to one address would share one connection."""
    with Verifier(Connection(address=stub.address, channels=4, timeout=60)) as verifier:
        for _ in range(8):
            verifier.verify(REQUEST)

    async def run() -> None:
        async with AsyncVerifier(Connection(address=stub.address, channels=4, timeout=60)) as other:
            for _ in range(8):
                await other.verify(REQUEST)

    assert len(set(stub.peers)) == 4
    asyncio.run(run())
    assert len(set(stub.peers)) == 8


def test_the_bearer_token_is_sent_and_never_shown(stub: StubService, ask: Ask) -> None:
    connection = Connection(address=stub.address, bearer_token="tell-nobody", timeout=60)
    ask(connection)
    assert stub.metadata[0]["authorization"] == "Bearer tell-nobody"
    assert "tell-nobody" not in repr(connection)


@pytest.mark.parametrize("address", ["10.0.0.1:50051", "counterseal.example:50051", "[2001:db8::1]:50051", "0.0.0.0:50051"])
def test_plaintext_stays_on_this_machine(address: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Connection(address=address)
    Connection(address=address, allow_plaintext=True)
    Connection(address=address, tls=Tls())


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/x", "dns:///localhost:1", "ipv4:127.0.0.1:1"]
)
def test_local_addresses(address: str) -> None:
    Connection(address=address)


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"channels": 0}, {"attempts": 0}, {"backoff": -1}])
def test_settings_that_make_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Connection(address="localhost:1", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "grpc_proxy"])
def test_no_proxy_of_the_environment_gets_a_call(
    stub: StubService, ask: Ask, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC would give the proxy a plaintext tunnel even to 127.0.0.1, with the bearer token in it."""
    for other in ("no_proxy", "NO_PROXY", "no_grpc_proxy", "http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.delenv(other, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert isinstance(ask(Connection(address=stub.address, bearer_token="tell-nobody", timeout=60)), Verified)
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def make_certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def test_mutual_tls(ask: Ask) -> None:
    key, chain = make_certificate()
    credentials = grpc.ssl_server_credentials([(key, chain)], root_certificates=chain, require_client_auth=True)
    with running_stub(credentials) as stub:
        mutual = Tls(root_certificates=chain, private_key=key, certificate_chain=chain)
        assert isinstance(ask(Connection(address=stub.address, tls=mutual, timeout=60)), Verified)
        for wrong in (Tls(root_certificates=chain), Tls(private_key=key, certificate_chain=chain)):
            with pytest.raises(VerifierUnavailable):
                ask(Connection(address=stub.address, tls=wrong, timeout=2))
        assert len(stub.requests) == 1


def test_half_a_certificate() -> None:
    with pytest.raises(ValueError, match="mutual"):
        Verifier(Connection(address="localhost:1", tls=Tls(private_key=b"x")))
