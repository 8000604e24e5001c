"""The sample in `deploy/` is a configuration that a server starts with, and that its callers get in by."""

from pathlib import Path

import grpc

from tests.server.calls import Client, failing, signed
from tests.server.certificates import Authority
from tests.support.process import running_server

SAMPLE = Path(__file__).parents[2] / "deploy" / "counterseal.toml"


def test_the_sample_serves_the_callers_in_it(tmp_path: Path) -> None:
    authority, tls = Authority("CA"), tmp_path / "etc" / "tls"
    tls.mkdir(parents=True)
    authority.server().write(tls / "server.pem", tls / "server.key")
    (tls / "clients.pem").write_bytes(authority.pem)
    text = SAMPLE.read_text()
    for there, here in (
        ('"/etc/counterseal/', f'"{tmp_path}/etc/'),
        ('"/var/lib/counterseal"', f'"{tmp_path}/data"'),
        ('"0.0.0.0:50051"', '"127.0.0.1:0"'),
    ):
        assert there in text
        text = text.replace(there, here)
    (tmp_path / "etc" / "counterseal.toml").write_text(text)
    with running_server(tmp_path / "data", {"CONFIG": str(tmp_path / "etc" / "counterseal.toml")}) as server:

        def client(*sans: str) -> Client:
            pair = authority.client(*sans)
            credentials = grpc.ssl_channel_credentials(authority.pem, private_key=pair.key, certificate_chain=pair.cert)
            return Client(grpc.secure_channel(server.address, credentials))

        operations, edge = client("ops.example.com"), client("edge.eu.example.com")
        issued = operations.issue()
        assert edge.verify(signed(issued, region="eu-central-1")) == "verified"
        assert edge.verify(signed(issued, region="us-east-1")) == "OUT_OF_SCOPE"
        with failing() as seen:
            edge.issue()
        assert seen[0].code == "PERMISSION_DENIED"


def test_what_the_sample_leaves_out_can_be_put_in(tmp_path: Path) -> None:
    from counterseal.server.config import load_config

    (line,) = [line for line in SAMPLE.read_text().splitlines() if line.startswith("# token_sha256")]
    path = tmp_path / "c.toml"
    path.write_text(SAMPLE.read_text() + line.removeprefix("# ").replace("<64 hexadecimal digits>", "0" * 64) + "\n")
    operations, edge = load_config({}, path).callers
    assert (operations.san, operations.tenants) == ("ops.example.com", None)
    assert (edge.token_sha256, edge.tenants) == (bytes(32), frozenset({"default"}))
