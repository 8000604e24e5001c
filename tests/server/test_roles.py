"""Every method, called by every role and by nobody: who gets through is what the table says, and nothing beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory

from counterseal.server.callers import Caller, Role
from counterseal.server.callers.permissions import PERMITTED, permission
from counterseal.server.errors import CallerNotPermitted, CallerUnknown
from counterseal.server.rpc.services import SERVICES
from counterseal.v1 import (
    audit_pb2,
    callers_pb2,
    callers_pb2_grpc,
    keys_pb2,
    principals_pb2,
    sessions_pb2,
    verification_pb2,
)
from tests.server.calls import Metadata, bearer, read_failure
from tests.support.process import RunningServer, running_server

DESCRIPTORS = {
    service.full_name: service
    for file in (verification_pb2, keys_pb2, callers_pb2, principals_pb2, sessions_pb2, audit_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}
METHODS = sorted(f"{service.name}/{method.name}" for service in DESCRIPTORS.values() for method in service.methods)
VERIFY, READ, ADMINISTER, FRONT, LIST_SESSIONS = "verify", "read", "administer", "front", "list sessions"
# Written down a second time, by hand: a role that is given more has to be given it here as well.
KINDS = {
    "VerificationService/Verify": VERIFY,
    "VerificationService/VerifyChunks": VERIFY,
    "VerificationService/ListSchemes": "any",
    "KeyService/IssueKey": ADMINISTER,
    "KeyService/GetKey": READ,
    "KeyService/ListKeys": READ,
    "KeyService/UpdateKey": ADMINISTER,
    "KeyService/RotateKey": ADMINISTER,
    "KeyService/Revoke": ADMINISTER,
    "CallerService/CreateCaller": ADMINISTER,
    "CallerService/GetCaller": READ,
    "CallerService/ListCallers": READ,
    "CallerService/UpdateCaller": ADMINISTER,
    "CallerService/RotateCallerToken": ADMINISTER,
    "CallerService/DeleteCaller": ADMINISTER,
    "PrincipalService/CreatePrincipal": ADMINISTER,
    "PrincipalService/GetPrincipal": READ,
    "PrincipalService/ListPrincipals": READ,
    "PrincipalService/UpdatePrincipal": ADMINISTER,
    "PrincipalService/SetPassword": ADMINISTER,
    "PrincipalService/DeletePrincipal": ADMINISTER,
    "SessionService/SignIn": FRONT,
    "SessionService/Exchange": FRONT,
    "SessionService/Refresh": FRONT,
    "SessionService/SignOut": FRONT,
    "SessionService/ListSessions": LIST_SESSIONS,
    "SessionService/RegisterSessionKey": FRONT,
    "SessionService/IssueTemporaryCredentials": FRONT,
    "AuditService/ListAuditEntries": READ,
}
MAY = {
    "admin": {VERIFY, READ, ADMINISTER, FRONT, LIST_SESSIONS, "any"},
    "auditor": {READ, LIST_SESSIONS, "any"},
    "gateway": {VERIFY, "any"},
    "lease": {VERIFY, "any"},
    "sessions": {VERIFY, FRONT, LIST_SESSIONS, "any"},
    "anonymous": {VERIFY, "any"},
}


class Fleet:
    """A server and a bearer token for each role; `of_tenant` are callers that are limited to one."""

    def __init__(self, server: RunningServer, channel: grpc.Channel) -> None:
        self.channel = channel
        callers = callers_pb2_grpc.CallerServiceStub(channel)
        self.metadata: dict[str, Metadata] = {"anonymous": ()}
        for role in Role:
            for name, tenants in ((role.value, []), (f"{role.value} of a tenant", ["acme"])):
                caller = callers_pb2.Caller(
                    name=name.replace(" ", "-"),
                    role=getattr(callers_pb2, f"CALLER_ROLE_{role.name}"),
                    limits=callers_pb2.CallerLimits(tenants=tenants),
                )
                request = callers_pb2.CreateCallerRequest(caller=caller, bearer_token=True)
                self.metadata[name] = bearer(callers.CreateCaller(request, metadata=bearer(server.admin_token)).bearer_token)

    def call(self, method: str, who: str) -> str:
        """Call with an empty message, or almost; return `in` when the gate lets it in, else the reason of the refusal."""
        service, name = method.split("/")
        found = DESCRIPTORS[f"counterseal.v1.{service}"].methods_by_name[name]
        answer = message_factory.GetMessageClass(found.output_type)
        request = message_factory.GetMessageClass(found.input_type)()
        if name in {"IssueKey", "SignIn"}:
            request.tenant = "acme"  # type: ignore[attr-defined]  # the default one is not its
        if name == "CreatePrincipal":
            request.principal.tenant = "acme"  # type: ignore[attr-defined]
        stub: Callable[..., object] = self.channel.unary_unary(
            f"/counterseal.v1.{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            stub(request, metadata=self.metadata[who], timeout=90)
        except grpc.RpcError as error:
            failure = read_failure(error)
            return failure.reason if failure.code in {"PERMISSION_DENIED", "UNAUTHENTICATED"} else "in"
        return "in"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_server(tmp_path_factory.mktemp("roles") / "data") as server, server.channel() as channel:
        yield Fleet(server, channel)


def test_the_table_has_every_method_and_no_other() -> None:
    assert sorted(PERMITTED) == METHODS == sorted(KINDS)
    assert set(SERVICES) == set(DESCRIPTORS)


@pytest.mark.parametrize("who", sorted(MAY))
def test_every_method_by(fleet: Fleet, who: str) -> None:
    refusal = "CALLER_UNKNOWN" if who == "anonymous" else "CALLER_NOT_PERMITTED"
    expected = {method: "in" if KINDS[method] in MAY[who] else refusal for method in METHODS}
    assert {method: fleet.call(method, who) for method in METHODS} == expected


@pytest.mark.parametrize("role", sorted(role.value for role in Role))
def test_a_limit_to_tenants_takes_callers_away_and_nothing_else(fleet: Fleet, role: str) -> None:
    for method in METHODS:
        seen = fleet.call(method, f"{role} of a tenant")
        if method.startswith("CallerService/"):
            assert seen == "CALLER_NOT_PERMITTED"
        else:
            assert seen == fleet.call(method, role)


def test_a_method_that_nobody_decided_on_cannot_be_served() -> None:
    with pytest.raises(KeyError):
        permission("KeyService", "ExportSecrets")


def test_a_role_alone_says_nothing_where_a_caller_is_anonymous() -> None:
    """Should an anonymous administrator ever come into being, it still administers nothing."""
    nobody = Caller(name="anonymous", role=Role.ADMIN, anonymous=True)
    with pytest.raises(CallerUnknown):
        permission("KeyService", "IssueKey")(nobody)
    with pytest.raises(CallerNotPermitted):
        permission("KeyService", "IssueKey")(Caller(name="edge", role=Role.GATEWAY))


def test_nothing_is_administered_without_the_admin_role() -> None:
    """No method of a service of administration admits a role that only verifies."""
    for method, roles in PERMITTED.items():
        if KINDS[method] == ADMINISTER:
            assert roles == {Role.ADMIN}
        if KINDS[method] == READ:
            assert not roles & {Role.GATEWAY, Role.LEASE, Role.SESSIONS}
        if KINDS[method] in {FRONT, LIST_SESSIONS}:
            assert not roles & {Role.GATEWAY, Role.LEASE}


@pytest.mark.parametrize("limit", ["schemes", "regions", "services"])
def test_whoever_is_limited_makes_no_callers_without_limits(limit: str) -> None:
    limited: dict[str, Any] = {limit: frozenset({"one"})}
    for method in (method for method in METHODS if method.startswith("CallerService/")):
        check = permission(*method.split("/"))
        check(Caller(name="whole", role=Role.ADMIN))
        if KINDS[method] == ADMINISTER:
            with pytest.raises(CallerNotPermitted, match="limited"):
                check(Caller(name="limited", role=Role.ADMIN, **limited))
        else:
            check(Caller(name="limited", role=Role.AUDITOR, **limited))
