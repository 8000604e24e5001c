"""Callers on loopback without TLS: anybody verifies, the generated bearer token administers."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, Issued, Metadata, bearer, failing, signed
from tests.support.process import RunningServer, running_server

EDGE = "the-bearer-of-a-gateway-on-loopback"


def _toml(**limits: str) -> str:
    digest = hashlib.sha256(EDGE.encode()).hexdigest()
    lines = "".join(f"{name} = {value}\n" for name, value in limits.items())
    return f'[[callers]]\nname = "edge"\nrole = "gateway"\ntoken_sha256 = "{digest}"\n{lines}'


def _string_to_sign(issued: Issued) -> pb.VerifyRequest:
    import time

    from counterseal.core.model import Scope
    from counterseal.core.schemes import aws_sigv4

    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = Scope(date=stamp[:8], region="us-east-1", service="s3")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope.text()}\n{'ab' * 32}".encode()
    signature = aws_sigv4.signature(aws_sigv4.signing_key(issued.secret, scope), text)
    return pb.VerifyRequest(
        string_to_sign=pb.StringToSign(
            scheme="aws-sigv4",
            credential=f"{issued.key_id}/{scope.text()}",
            string_to_sign=text,
            signature=signature.decode(),
        )
    )


def _administering(client: Client) -> list[Callable[[], object]]:
    return [
        client.issue,
        lambda: client.revoke("CSAAAA"),
        lambda: client.update("CSAAAA", "state"),
        lambda: client.keys.GetKey(keys_pb2.GetKeyRequest(key_id="CSAAAA"), metadata=client.admin),
        lambda: client.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=client.admin),
    ]


def test_key_service_needs_the_admin_bearer(server: RunningServer, client: Client) -> None:
    with server.channel() as channel:
        for metadata, code in (
            ((), "UNAUTHENTICATED"),
            (bearer(server.admin_token[:-1]), "UNAUTHENTICATED"),
            (bearer(server.admin_token + "A"), "UNAUTHENTICATED"),
            (bearer("x" * 40), "UNAUTHENTICATED"),
        ):
            stranger = Client(channel, metadata)
            for call in _administering(stranger):
                with failing() as seen:
                    call()
                assert (seen[0].code, seen[0].reason) == (code, "CALLER_UNKNOWN")


def test_credentials_come_before_the_message(server: RunningServer) -> None:
    """Strangers learn nothing about fields, and their bytes are not even read."""
    with server.channel() as channel:
        call = channel.unary_unary("/counterseal.v1.KeyService/IssueKey", lambda raw: raw, lambda raw: raw)
        with failing() as seen:
            call(b"\xff\xff")
        assert seen[0].code == "UNAUTHENTICATED"


def test_verify_needs_nobody_but_a_wrong_credential_is_refused(server: RunningServer, client: Client) -> None:
    issued = client.issue()
    assert client.verify(signed(issued)) == "verified"
    assert client.verify(signed(issued), client.admin) == "verified"
    for metadata in (bearer("x" * 40), (("authorization", "x"),), client.admin + client.admin):
        with failing() as seen:
            client.verify(signed(issued), metadata)
        assert (seen[0].code, seen[0].reason) == ("UNAUTHENTICATED", "CALLER_UNKNOWN")


def test_a_string_to_sign_needs_permission(server: RunningServer, client: Client, tmp_path: Path) -> None:
    issued = client.issue()
    with failing() as seen:
        client.verify(_string_to_sign(issued))
    assert (seen[0].code, seen[0].reason) == ("PERMISSION_DENIED", "CALLER_NOT_PERMITTED")
    assert client.verify(_string_to_sign(issued), client.admin) == "verified"
    with failing() as seen:
        client.verify(pb.VerifyRequest(string_to_sign=pb.StringToSign()))
    assert seen[0].code == "PERMISSION_DENIED"
    with running_server(tmp_path / "data", {"ALLOW_STRING_TO_SIGN": "true"}) as other, other.channel() as channel:
        allowed = Client(channel, bearer(other.admin_token))
        assert allowed.verify(_string_to_sign(allowed.issue())) == "verified"


def test_verify_can_be_made_to_need_a_caller(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(_toml(string_to_sign="true"))
    settings = {"VERIFY_REQUIRES_CALLER": "true", "CONFIG": str(tmp_path / "c.toml")}
    with running_server(tmp_path / "data", settings) as server, server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        issued = client.issue()
        with failing() as seen:
            client.verify(signed(issued))
        assert seen[0].code == "UNAUTHENTICATED"
        assert client.verify(signed(issued), bearer(EDGE)) == "verified"
        assert client.verify(_string_to_sign(issued), bearer(EDGE)) == "verified"
        assert client.verify(signed(issued), client.admin) == "verified"


LIMITS: list[tuple[dict[str, str], str, str, Metadata]] = [
    ({"regions": '["us-east-1"]'}, "us-east-1", "s3", ()),
    ({"services": '["s3"]', "regions": '["us-east-1", "eu-west-1"]'}, "us-east-1", "s3", ()),
    ({"schemes": '["aws-sigv4"]', "tenants": '["default"]'}, "us-east-1", "s3", ()),
]


@pytest.mark.parametrize("limits", [row[0] for row in LIMITS])
def test_within_a_callers_limits(tmp_path: Path, limits: dict[str, str]) -> None:
    assert _verify_within(tmp_path, limits) == "verified"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"regions": '["eu-west-1"]'}, "OUT_OF_SCOPE"),
        ({"services": '["ec2"]'}, "OUT_OF_SCOPE"),
        ({"schemes": '["another"]'}, "UNSUPPORTED_SCHEME"),
        ({"tenants": '["other"]'}, "UNKNOWN_KEY"),
    ],
)
def test_beyond_a_callers_limits(tmp_path: Path, limits: dict[str, str], reason: str) -> None:
    assert _verify_within(tmp_path, limits) == reason


@pytest.mark.parametrize(
    ("limits", "demand", "reason"),
    [
        ({"regions": '["us-east-1"]'}, pb.Demand(regions=["eu-west-1"]), "OUT_OF_SCOPE"),
        ({"regions": '["eu-west-1"]'}, pb.Demand(regions=["us-east-1"]), "OUT_OF_SCOPE"),
        ({"services": '["ec2"]'}, pb.Demand(services=["s3"]), "OUT_OF_SCOPE"),
        ({"schemes": '["another"]'}, pb.Demand(allowed_schemes=["aws-sigv4"]), "UNSUPPORTED_SCHEME"),
        ({"tenants": '["other"]'}, pb.Demand(tenants=["default"]), "UNKNOWN_KEY"),
        ({"tenants": '["default"]'}, pb.Demand(tenants=["other"]), "UNKNOWN_KEY"),
    ],
)
def test_a_demand_does_not_widen_them(tmp_path: Path, limits: dict[str, str], demand: pb.Demand, reason: str) -> None:
    assert _verify_within(tmp_path, limits, demand) == reason


def _verify_within(tmp_path: Path, limits: dict[str, str], demand: pb.Demand | None = None) -> str:
    from tests.server.inprocess import in_process

    (tmp_path / "c.toml").write_text(_toml(**limits))
    with in_process(tmp_path / "data", CONFIG=str(tmp_path / "c.toml")) as server:
        message = signed(server.client.issue())
        if demand is not None:
            message.demand.CopyFrom(demand)
        return server.client.verify(message, bearer(EDGE))


def test_an_admin_with_tenants_sees_no_others(tmp_path: Path) -> None:
    from tests.server.inprocess import in_process

    text = _toml(tenants='["acme"]').replace("gateway", "admin").replace("edge", "acme-admin")
    (tmp_path / "c.toml").write_text(text)
    with in_process(tmp_path / "data", CONFIG=str(tmp_path / "c.toml")) as server:
        root, limited = server.client, Client(server.channel, bearer(EDGE))
        theirs, ours = root.issue(tenant="other"), limited.issue(tenant="acme")
        listed = limited.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=limited.admin)
        assert [key.key_id for key in listed.keys] == [ours.key_id]
        assert not limited.keys.ListKeys(keys_pb2.ListKeysRequest(tenant="other"), metadata=limited.admin).keys
        for call, code in (
            (lambda: limited.keys.GetKey(keys_pb2.GetKeyRequest(key_id=theirs.key_id), metadata=limited.admin), "NOT_FOUND"),
            (lambda: limited.revoke(theirs.key_id), "NOT_FOUND"),
            (lambda: limited.update(theirs.key_id, "principal", principal="x"), "NOT_FOUND"),
            (lambda: limited.issue(tenant="other"), "PERMISSION_DENIED"),
            (limited.issue, "PERMISSION_DENIED"),
        ):
            with failing() as seen:
                call()
            assert seen[0].code == code
        assert root.verify(signed(theirs)) == "verified"
