"""docs/callers.md is right: its commands make certificates that work, its table of roles is the one in force."""

import re
import shutil
import subprocess
from pathlib import Path

import grpc
import pytest

from counterseal.server.callers import Role
from counterseal.server.callers.permissions import PERMITTED
from counterseal.server.lockout import LOUD_FROM
from counterseal.v1 import callers_pb2 as pb
from counterseal.v1 import callers_pb2_grpc
from counterseal.v1.verification_pb2 import ListSchemesRequest
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from tests.server.calls import bearer
from tests.support.process import running_server
from tests.support.require import require_program

TEXT = (Path(__file__).parents[2] / "docs" / "callers.md").read_text(encoding="utf-8")


def test_the_commands_for_certificates(tmp_path: Path) -> None:
    openssl = require_program("openssl")
    (commands,) = re.findall(r"(?ms)^```sh\n(.*?)^```$", TEXT)
    shell = shutil.which("sh")
    assert shell is not None
    path = f"{Path(openssl).parent}:/usr/bin:/bin"
    done = subprocess.run(
        [shell, "-euc", commands], cwd=tmp_path, env={"PATH": path}, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    settings = {"TLS_CERT": "server.pem", "TLS_KEY": "server.key", "TLS_CLIENT_CA": "ca.pem"}
    files = {name: str(tmp_path / value) for name, value in settings.items()}
    credentials = grpc.ssl_channel_credentials(
        (tmp_path / "ca.pem").read_bytes(), (tmp_path / "edge.key").read_bytes(), (tmp_path / "edge.pem").read_bytes()
    )
    with running_server(tmp_path / "data", files) as server, grpc.secure_channel(server.address, credentials) as channel:
        stub = VerificationServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ListSchemes(ListSchemesRequest(), timeout=60)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        (san,) = set(re.findall(r"--san (\S+)$", TEXT, re.MULTILINE))
        caller = pb.Caller(name="edge-eu", role=pb.CALLER_ROLE_GATEWAY, san=san)
        callers = callers_pb2_grpc.CallerServiceStub(channel)
        callers.CreateCaller(pb.CreateCallerRequest(caller=caller), metadata=bearer(server.admin_token))
        assert stub.ListSchemes(ListSchemesRequest(), timeout=60).schemes


def _table() -> dict[str, dict[str, bool]]:
    """Return, by method and role, whether there is anything but an empty cell."""
    found: dict[str, dict[str, bool]] = {}
    rows = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("|")]
    start = next(index for index, row in enumerate(rows) if row[0].strip() == "method")
    roles = [cell.strip() for cell in rows[start][1:]]
    for row in rows[start + 2 :]:
        if row[0].strip() == "health":
            break
        for method in row[0].split(","):
            found[method.strip()] = dict(zip(roles, (bool(cell.strip()) for cell in row[1:]), strict=True))
    return found


def test_the_table_of_roles() -> None:
    table = _table()
    del table["... with `lease_signing_key`"]
    expected = {
        method.split("/")[1]: {role.value: role in roles for role in Role} | {"anonymous": Role.GATEWAY in roles}
        for method, roles in PERMITTED.items()
    }
    assert table == expected


def test_numbers() -> None:
    assert f"From {LOUD_FROM} of one key id" in TEXT


def test_no_line_runs_off() -> None:
    assert max(map(len, TEXT.splitlines())) <= 170
