"""Health, reflection, metrics: what operators and load balancers see."""

import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from counterseal.server.errors import StoreUnavailable
from counterseal.server.rpc.health import StoreHealth
from counterseal.server.rpc.patience import Patience
from counterseal.server.rpc.services import SERVICES
from counterseal.server.telemetry.log import open_log
from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, failing, signed
from tests.server.inprocess import in_process
from tests.support.process import RunningServer, running_server

POOL = ThreadPoolExecutor(1)
PATIENCE = Patience(seconds=60, hurry=60, crowd=60)
NAMES = ("", *SERVICES)
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def _check(channel: grpc.Channel, name: str = "") -> int:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


def test_serving_by_every_name(server: RunningServer) -> None:
    with server.channel() as channel:
        assert [_check(channel, name) for name in NAMES] == [SERVING] * len(NAMES)


def test_not_serving_before_the_store_has_answered() -> None:
    log = open_log("error")
    health = StoreHealth(ping=lambda: None, services=SERVICES, up=lambda _: None, log=log, pool=POOL, patience=PATIENCE)
    assert health.answers.answer().status == NOT_SERVING


def test_health_follows_the_store(tmp_path: Path) -> None:
    """The store's file goes away and comes back; a watcher sees every change."""
    data = tmp_path / "data"
    with running_server(data) as server, server.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]), timeout=200)
        assert next(watch).status == SERVING
        (data / "counterseal.db").rename(data / "away.db")
        assert next(watch).status == NOT_SERVING
        assert [_check(channel, name) for name in NAMES] == [NOT_SERVING] * len(NAMES)
        assert b"counterseal_store_up 0.0" in _scrape(server)
        (data / "away.db").rename(data / "counterseal.db")
        assert next(watch).status == SERVING
        assert b"counterseal_store_up 1.0" in _scrape(server)
        watch.cancel()


def test_a_ping_with_a_bug_is_not_serving() -> None:
    outcomes: list[bool] = []
    faults: list[Exception | None] = [None, StoreUnavailable("x"), None, ValueError("x")]

    def ping() -> None:
        fault = faults[len(outcomes)]
        if fault is not None:
            raise fault

    health = StoreHealth(ping=ping, services=SERVICES, up=outcomes.append, log=open_log("error"), pool=POOL, patience=PATIENCE)
    for _ in faults:
        health.check()
    assert outcomes == [True, False, True, False]


def test_unknown_services(server: RunningServer) -> None:
    with server.channel() as channel:
        with pytest.raises(grpc.RpcError) as caught:
            _check(channel, "no.such.Service")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="no.such.Service"))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watch.cancel()


def test_streams_that_hang_keep_nobody_from_verifying(tmp_path: Path) -> None:
    """More open reflection streams and watches than there are threads of any kind."""
    with running_server(tmp_path / "data", {"THREADS": "2", "STOP_GRACE": "0.5"}) as server, server.channel() as channel:
        client = Client(channel, (("authorization", f"Bearer {server.admin_token}"),))
        issued, over = client.issue(), threading.Event()

        def silent() -> Iterator[reflection_pb2.ServerReflectionRequest]:
            over.wait(120)
            yield from ()

        streams = [reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(silent()) for _ in range(20)]
        watches = [health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()) for _ in range(20)]
        for _ in range(20):
            assert client.verification.Verify(signed(issued), timeout=90).HasField("verified")
            assert _check(channel) == SERVING
        over.set()
        for call in (*streams, *watches):
            call.cancel()


def test_health_needs_no_caller_and_hides_nothing(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", VERIFY_REQUIRES_CALLER="true") as server:
        assert _check(server.channel) == SERVING


def test_reflection_lists_and_describes_the_services(server: RunningServer) -> None:
    with server.channel() as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            *[reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in SERVICES],
        ]
        listed, *described = list(stub.ServerReflectionInfo(iter(requests)))
        names = {service.name for service in listed.list_services_response.service}
        assert {*SERVICES, "grpc.health.v1.Health"} <= names
        for answer, name in zip(described, SERVICES, strict=True):
            files = [FileDescriptorProto.FromString(raw) for raw in answer.file_descriptor_response.file_descriptor_proto]
            assert name in {f"{file.package}.{service.name}" for file in files for service in file.service}


def _scrape(server: RunningServer) -> bytes:
    with urllib.request.urlopen(server.metrics_url, timeout=90) as response:
        return bytes(response.read())


def _until(server: RunningServer, line: bytes) -> None:
    deadline = time.monotonic() + 60
    while line not in _scrape(server).splitlines():
        assert time.monotonic() < deadline, line
        time.sleep(0.05)


def test_metrics(tmp_path: Path) -> None:
    # A bound that a busy machine keeps: beyond it, every look-up would be a miss.
    with running_server(tmp_path / "data", {"REVOKE_BOUND": "600"}) as server, server.channel() as channel:
        client = Client(channel, (("authorization", f"Bearer {server.admin_token}"),))
        issued = client.issue()
        # The feed tells of it, and what was cached of it before is dropped then.
        _until(server, b"counterseal_feed_changes_total 1.0")
        for _ in range(3):
            assert client.verify(signed(issued)) == "verified"
        assert client.verify(signed(Issued(issued.key_id, b"another secret, long enough"))) == "MISMATCH"
        for _ in range(2):
            assert client.verify(signed(Issued("CSNOSUCHKEY", b"x" * 32))) == "UNKNOWN_KEY"
        unsigned = signed(issued)
        del unsigned.http_request.headers[1:]
        assert client.verify(unsigned) == "UNSIGNED"
        with failing():
            client.keys.GetKey(_get("CSNOSUCHKEY"), metadata=client.admin)
        text = _scrape(server).decode()
    for line in (
        'counterseal_verify_total{outcome="verified",reason="",scheme="aws-sigv4"} 3.0',
        'counterseal_verify_total{outcome="rejected",reason="MISMATCH",scheme="aws-sigv4"} 1.0',
        'counterseal_verify_total{outcome="rejected",reason="UNKNOWN_KEY",scheme="aws-sigv4"} 2.0',
        'counterseal_verify_total{outcome="rejected",reason="UNSIGNED",scheme=""} 1.0',
        'counterseal_rpc_total{code="OK",method="Verify"} 7.0',
        'counterseal_rpc_total{code="OK",method="IssueKey"} 1.0',
        'counterseal_rpc_total{code="NOT_FOUND",method="GetKey"} 1.0',
        'counterseal_key_cache_events_total{event="hit"} 3.0',
        'counterseal_key_cache_events_total{event="miss"} 2.0',
        'counterseal_key_cache_events_total{event="negative"} 1.0',
        'counterseal_key_cache_entries{kind="key"} 1.0',
        'counterseal_key_cache_entries{kind="absent"} 1.0',
        "counterseal_key_load_seconds_count 2.0",
        "counterseal_verify_seconds_count 7.0",
        "counterseal_seal_broken_total 0.0",
        "counterseal_store_up 1.0",
    ):
        assert line in text.splitlines(), line
    assert "counterseal_build_info{version=" in text
    # Labels hold nothing out of a request.
    assert issued.key_id not in text
    assert "CSNOSUCHKEY" not in text


def _get(key_id: str) -> keys_pb2.GetKeyRequest:
    return keys_pb2.GetKeyRequest(key_id=key_id)


def test_a_replaced_database_is_noticed(tmp_path: Path) -> None:
    """Restoring a backup over a running server's file: not serving, until it is restarted or has let go of the old file."""
    data = tmp_path / "data"
    with running_server(data) as server, server.channel() as channel:
        # A watch: who asks now and then may miss the moment.
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert next(watch).status == SERVING
        shutil.copy(data / "counterseal.db", data / "copy.db")
        (data / "copy.db").rename(data / "counterseal.db")
        assert next(watch).status == NOT_SERVING
        watch.cancel()
