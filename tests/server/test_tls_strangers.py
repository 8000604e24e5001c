"""Who is not let in, by the programs that people try with: `openssl s_client`, `buf curl`, a client without a certificate."""

import contextlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from counterseal.v1 import callers_pb2 as pb
from counterseal.v1 import callers_pb2_grpc
from counterseal.v1.verification_pb2 import ListSchemesRequest
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from tests.server.calls import bearer
from tests.server.certificates import Authority, Pair
from tests.support import leaks
from tests.support.process import RunningServer, running_server
from tests.support.require import require, require_program

ROOT = Path(__file__).parents[2]
MESH = "spiffe://example.com/mesh"
LIST = "/counterseal.v1.VerificationService/ListSchemes"


@dataclass
class Guarded:
    """A server that asks for clients' certificates, and one that does not; both without anonymous callers."""

    folder: Path
    authority: Authority
    mtls: RunningServer
    tls: RunningServer

    def files(self, name: str, pair: Pair) -> list[str]:
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        pair.write(cert, key)
        return ["-cert", str(cert), "-key", str(key)]

    def channel(self, server: RunningServer, client: Pair | None = None) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(
            self.authority.pem, client.key if client else None, client.cert if client else None
        )
        return grpc.secure_channel(server.address, credentials)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder, authority = tmp_path_factory.mktemp("strangers"), Authority("CA")
    authority.server().write(folder / "server.pem", folder / "server.key")
    (folder / "ca.pem").write_bytes(authority.pem)
    tls = {"TLS_CERT": str(folder / "server.pem"), "TLS_KEY": str(folder / "server.key")}
    mtls = tls | {"TLS_CLIENT_CA": str(folder / "ca.pem")}
    with running_server(folder / "mtls", mtls) as asking, running_server(folder / "tls", tls) as plain:
        yield Guarded(folder, authority, asking, plain)


def _s_client(server: RunningServer, *options: str) -> tuple[bytes, str]:
    """Speak HTTP/2 through it; return the head of the server's first frame, empty when it hung up, and what it said."""
    openssl = require_program("openssl")
    process = subprocess.Popen(
        [openssl, "s_client", "-quiet", "-connect", server.address, "-alpn", "h2", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    timer = threading.Timer(120, process.kill)
    timer.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
            process.stdin.flush()
        head = process.stdout.read(9)
    finally:
        timer.cancel()
        process.kill()
        _, said = process.communicate()
    return head, said.decode("utf-8", "replace")


def _is_settings(head: bytes) -> bool:
    """Say whether this begins a SETTINGS frame, which every server sends first (RFC 9113 section 3.4)."""
    return len(head) == 9 and head[3] == 4


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_without_a_certificate_of_ours_is_refused(guarded: Guarded, version: str) -> None:
    foreign = guarded.files("foreign", Authority("another CA").client(MESH))
    ours = guarded.files("mesh", guarded.authority.client(MESH))
    for certificate in ([], foreign):
        head, said = _s_client(guarded.mtls, version, *certificate)
        assert head == b"", said[-500:]
    # The same program, the same address.
    head, said = _s_client(guarded.mtls, version, *ours)
    assert _is_settings(head), said[-500:]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_openssl_with_an_old_version_is_refused(guarded: Guarded, version: str) -> None:
    head, said = _s_client(guarded.tls, version, "-cipher", "DEFAULT:@SECLEVEL=0")
    assert head == b"", said[-500:]
    assert _is_settings(_s_client(guarded.tls)[0])


def test_a_grpc_client_without_a_certificate_is_refused(guarded: Guarded) -> None:
    for client in (None, Authority("another CA").client(MESH)):
        with guarded.channel(guarded.mtls, client) as channel, pytest.raises(grpc.RpcError) as caught:
            VerificationServiceStub(channel).ListSchemes(ListSchemesRequest(), metadata=bearer(guarded.mtls.admin_token))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_alone_makes_no_caller_and_a_stored_san_does(guarded: Guarded) -> None:
    """Within the same connection: a caller that is created comes in, one that is removed stays out."""
    with guarded.channel(guarded.mtls, guarded.authority.client(MESH)) as channel:
        stub, callers = VerificationServiceStub(channel), callers_pb2_grpc.CallerServiceStub(channel)
        admin = bearer(guarded.mtls.admin_token)

        def outcome() -> str:
            try:
                stub.ListSchemes(ListSchemesRequest(), timeout=90)
            except grpc.RpcError as error:
                return str(error.code().name)
            return "OK"

        assert outcome() == "UNAUTHENTICATED"
        caller = pb.Caller(name="mesh", role=pb.CALLER_ROLE_GATEWAY, san=MESH)
        callers.CreateCaller(pb.CreateCallerRequest(caller=caller), metadata=admin)
        assert outcome() == "OK"
        callers.DeleteCaller(pb.DeleteCallerRequest(name="mesh"), metadata=admin)
        assert outcome() == "UNAUTHENTICATED"


def _buf(guarded: Guarded, server: RunningServer, *options: str) -> tuple[int, str]:
    require(shutil.which("node"), "node is not installed")
    require((ROOT / "protos/node_modules/.bin/buf").exists(), "buf is not installed (protos/tools/buf.sh installs it)")
    done = subprocess.run(
        [
            *(str(ROOT / "protos/tools/buf.sh"), "curl", "--schema", str(ROOT / "protos"), "--protocol", "grpc"),
            *("--cacert", str(guarded.folder / "ca.pem"), "--data", "{}", *options),
            f"https://{server.address}{LIST}",
        ],
        capture_output=True,
        timeout=250,
        check=False,
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    leaks.let_out("buf", said)
    return done.returncode, said


def test_buf_curl_without_credentials_is_refused(guarded: Guarded) -> None:
    code, said = _buf(guarded, guarded.tls)
    assert code != 0
    assert json.loads(said[said.index("{") :])["code"] == "unauthenticated"
    code, said = _buf(guarded, guarded.tls, "--header", "Authorization: Bearer counterseal_nobody_has_this")
    assert code != 0
    assert json.loads(said[said.index("{") :])["code"] == "unauthenticated"


def test_buf_curl_without_a_certificate_is_refused(guarded: Guarded) -> None:
    code, said = _buf(guarded, guarded.mtls, "--header", f"Authorization: Bearer {guarded.mtls.admin_token}")
    assert code != 0
    assert "schemes" not in said


def test_buf_curl_with_a_bearer_token_is_served(guarded: Guarded) -> None:
    with guarded.channel(guarded.tls) as channel:
        caller = pb.Caller(name="by-hand", role=pb.CALLER_ROLE_AUDITOR)
        request = pb.CreateCallerRequest(caller=caller, bearer_token=True)
        created = callers_pb2_grpc.CallerServiceStub(channel).CreateCaller(request, metadata=bearer(guarded.tls.admin_token))
    code, said = _buf(guarded, guarded.tls, "--header", f"Authorization: Bearer {created.bearer_token}")
    assert code == 0, said[-500:]
    assert "aws-sigv4" in said
