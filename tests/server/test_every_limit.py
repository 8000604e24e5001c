"""No limit of a caller without a test that crosses it, and no method that a limit does not hold for."""

import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from counterseal.server.callers import Role
from counterseal.v1 import callers_pb2, callers_pb2_grpc
from tests.server.calls import Metadata, bearer, failing, read_failure, signed
from tests.server.inprocess import InProcess, in_process
from tests.server.test_limits_of_callers import LIMITED
from tests.server.test_roles import METHODS

FIELDS = {field.name for field in callers_pb2.CallerLimits.DESCRIPTOR.fields}
PATIENCE = 60.0


def create(server: InProcess, name: str, role: Role = Role.GATEWAY, **limits: Any) -> Metadata:
    caller = callers_pb2.Caller(
        name=name, role=getattr(callers_pb2, f"CALLER_ROLE_{role.name}"), limits=callers_pb2.CallerLimits(**limits)
    )
    request = callers_pb2.CreateCallerRequest(caller=caller, bearer_token=True)
    callers = callers_pb2_grpc.CallerServiceStub(server.channel)
    return bearer(callers.CreateCaller(request, metadata=server.client.admin).bearer_token)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("limits") / "data", VERIFY_REQUIRES_CALLER="true") as running:
        yield running


def test_every_limit_of_the_contract_is_crossed() -> None:
    crossed = {field for limits in LIMITED.values() for field in limits}
    assert crossed == FIELDS


def test_of_several_in_a_limit_each_is_let_through_and_no_other(server: InProcess) -> None:
    who = create(server, "several", tenants=["a", "b"], regions=["r-1", "r-2"], services=["s3", "sqs"])
    keys = {tenant: server.client.issue(tenant=tenant) for tenant in ("a", "b", "c")}

    def said(tenant: str, region: str, service: str) -> str:
        return server.client.verify(signed(keys[tenant], region=region, service=service), who)

    allowed = {(t, r, s) for t in "ab" for r in ("r-1", "r-2") for s in ("s3", "sqs")}
    assert {said(*one) for one in allowed} == {"verified"}
    assert said("c", "r-1", "s3") == "UNKNOWN_KEY"
    assert said("a", "r-3", "s3") == said("a", "r-1", "dynamodb") == "OUT_OF_SCOPE"
    for near in ("R-1", "r-", "r-11", "r"):
        assert said("a", near, "s3") == "OUT_OF_SCOPE"


def test_a_lease_is_given_to_the_role_and_to_no_other(server: InProcess) -> None:
    message = signed(server.client.issue())
    message.lease_signing_key = True
    for role in (Role.GATEWAY, Role.SESSIONS):
        with failing() as seen:
            server.client.verify(message, create(server, f"no-lease-{role.value}", role))
        assert seen[0].reason == "CALLER_NOT_PERMITTED"
    leasing = create(server, "leases", Role.LEASE, services=["sqs"])
    assert server.client.verify(message, leasing) == "OUT_OF_SCOPE"  # its limits hold for leases also
    assert server.client.verify(message, create(server, "leases-any", Role.LEASE)) == "verified"


@pytest.mark.parametrize("method", METHODS)
def test_the_pace_holds_for_every_method(server: InProcess, method: str) -> None:
    """One call in a second: of a row of calls to any method one is refused, before its message is read."""
    # Whatever the role may do: who may not is refused for that first.
    role = Role.SESSIONS if method.startswith("SessionService/") else Role.ADMIN
    who = create(server, method.replace("/", "-").lower(), role, calls_per_second=1, burst=1)
    call: Any = server.channel.unary_unary(f"/counterseal.v1.{method}")
    end, seen = time.monotonic() + PATIENCE, ""
    while seen != "CALLER_LIMIT":
        assert time.monotonic() < end, f"never refused, last: {seen}"
        try:
            call(b"\xff\xff", metadata=who, timeout=30)
        except grpc.RpcError as error:
            failure = read_failure(error)
            seen = failure.reason
            assert failure.code in {"RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"}, failure
    assert server.service.metrics.registry.get_sample_value(
        "counterseal_refused_calls_total", {"reason": "CALLER_LIMIT", "role": role.value}
    )
