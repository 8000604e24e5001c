"""Strangers who open calls and then say nothing: they must not keep anybody else from being answered."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from counterseal.server.rpc.patience import Patience
from counterseal.server.rpc.server import ServerLimits
from tests.server.calls import Client, bearer, failing, outcome, signed
from tests.server.certificates import Authority
from tests.support.process import RunningServer, running_server

VERIFY = "/counterseal.v1.VerificationService/Verify"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
# One more than all threads that there could be for a method's calls.
MANY = ServerLimits(message_bytes=0, threads=8, concurrent_calls=0).pool + 1
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
SECONDS = 90.0


class Silent:
    """Calls with headers and no message, over many connections."""

    def __init__(
        self, stack: ExitStack, address: str, credentials: grpc.ChannelCredentials | None = None, connections: int = 8
    ) -> None:
        self.over = threading.Event()
        # Kept: a call that nobody holds any more is cancelled by its client.
        self._calls: list[Any] = []
        stack.callback(self.over.set)
        self._channels = [
            stack.enter_context(
                grpc.insecure_channel(address, OWN_CONNECTION)
                if credentials is None
                else grpc.secure_channel(address, credentials, OWN_CONNECTION)
            )
            for _ in range(connections)
        ]

    def _nothing(self) -> Iterator[bytes]:
        self.over.wait(120)
        yield from ()

    def call(self, method: str, number: int) -> list[Any]:
        """Open calls, and return when the server has seen them: what comes later on a connection has an answer."""
        calls = self.begin(method, number)
        for channel in self._channels:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
        return calls

    def begin(self, method: str, number: int) -> list[Any]:
        calls = []
        for index in range(number):
            channel = self._channels[index % len(self._channels)]
            streams: Any = channel.stream_stream(method)
            calls.append(streams(self._nothing(), timeout=120))
        self._calls += calls
        return calls


@contextmanager
def _silent(server: RunningServer) -> Iterator[Silent]:
    with ExitStack() as stack:
        yield Silent(stack, server.address)


def _check(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def _watch(channel: grpc.Channel) -> None:
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


@pytest.mark.parametrize("method", [VERIFY, CHECK, WATCH, REFLECTION])
def test_calls_without_a_message_stop_nobody(server: RunningServer, client: Client, method: str) -> None:
    message = signed(client.issue())
    with _silent(server) as strangers, server.channel() as channel:
        strangers.call(method, MANY)
        for _ in range(5):
            assert outcome(client.verification.Verify(message, timeout=SECONDS)) == "verified"
            _check(channel)
        _watch(channel)
        client.issue()


@pytest.mark.parametrize("method", [VERIFY, CHECK, WATCH])
def test_a_call_without_a_message_is_cancelled(server: RunningServer, method: str) -> None:
    with _silent(server) as strangers:
        (call,) = strangers.call(method, 1)
        with pytest.raises(grpc.RpcError):
            next(call)
        assert call.code() is grpc.StatusCode.CANCELLED


def test_whoever_a_stopped_process_has_not_read_yet_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine lets the server wait for an hour, and then it finds both: the hour is over, and the message is there."""
    over, clock, context = [0.0], time.monotonic, mock.Mock()
    monkeypatch.setattr(time, "monotonic", lambda: clock() + over[0])

    def message() -> Iterator[bytes]:
        over[0] = 3600.0
        time.sleep(0.5)
        yield b"a message"

    patience = Patience(seconds=60, hurry=60, crowd=60)
    assert patience.message(message(), context) == b"a message"
    patience.close()
    context.cancel.assert_not_called()


def test_strangers_behind_tls_are_refused_before_they_say_anything(tmp_path: Path) -> None:
    authority = Authority("CA")
    authority.server().write(tmp_path / "server.pem", tmp_path / "server.key")
    digest = hashlib.sha256(b"the-bearer-of-the-operators").hexdigest()
    (tmp_path / "c.toml").write_text(f'[[callers]]\nname = "ops"\nrole = "admin"\ntoken_sha256 = "{digest}"\n')
    settings = {"TLS_CERT": "server.pem", "TLS_KEY": "server.key", "CONFIG": "c.toml"}
    settings = {name: str(tmp_path / file) for name, file in settings.items()} | {"LISTEN": "0.0.0.0:0"}
    credentials = grpc.ssl_channel_credentials(authority.pem)
    with ExitStack() as stack:
        server = stack.enter_context(running_server(tmp_path / "data", settings))
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        channel = stack.enter_context(grpc.secure_channel(address, credentials))
        strangers = Silent(stack, address, credentials)
        for call in strangers.call(VERIFY, 20) + strangers.call(REFLECTION, 20):
            with pytest.raises(grpc.RpcError):
                next(call)
            assert call.code() is grpc.StatusCode.UNAUTHENTICATED
        ops = Client(channel, bearer("the-bearer-of-the-operators"))
        assert ops.verify(signed(ops.issue()), ops.admin) == "verified"
        listed = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=ops.admin
        )
        assert next(listed).HasField("list_services_response")


def test_a_call_that_ends_without_a_message(server: RunningServer) -> None:
    with server.channel() as channel:
        call: Any = channel.stream_unary(VERIFY)
        with failing() as seen:
            call(iter(()), timeout=SECONDS)
        assert (seen[0].code, seen[0].reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
        for method in (CHECK, WATCH):
            ended: Any = channel.stream_stream(method)
            with pytest.raises(grpc.RpcError) as caught:
                next(ended(iter(()), timeout=SECONDS))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def _is_refused(stream: Any) -> bool:
    """Say whether a stream that says nothing was one too many."""
    try:
        next(stream)
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return False


def test_idle_reflection_streams_leave_the_calls_of_the_server_alone(tmp_path: Path) -> None:
    """More streams than calls that the server takes at once."""
    with running_server(tmp_path / "data", {"MAX_CONCURRENT_CALLS": "40"}) as server, server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        message = signed(client.issue())
        with _silent(server) as strangers:
            # Those that were opened so slowly that the first were cancelled before the last had come are no crowd.
            assert any(_is_refused(stream) for _ in range(10) for stream in strangers.begin(REFLECTION, 80)[:40])
            for _ in range(20):
                assert outcome(client.verification.Verify(message, timeout=SECONDS)) == "verified"


def test_one_connection_cannot_take_all_calls(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"MAX_CONCURRENT_CALLS": "40"}) as server, server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        message = signed(client.issue())
        with ExitStack() as stack:
            alone = Silent(stack, server.address, connections=1)
            alone.call(VERIFY, 1)
            alone.begin(VERIFY, 200)
            # As long as it takes for the two hundred to arrive, and some are cancelled: no call may be refused.
            for _ in range(500):
                assert outcome(client.verification.Verify(message, timeout=SECONDS)) == "verified"


def test_one_busy_channel_gets_all_its_answers(server: RunningServer, client: Client) -> None:
    message = signed(client.issue())
    slots = threading.Semaphore(100)
    calls = []
    for _ in range(1500):
        assert slots.acquire(timeout=120)
        call = client.verification.Verify.future(message, timeout=120)
        call.add_done_callback(lambda _: slots.release())
        calls.append(call)
    assert {outcome(call.result()) for call in calls} == {"verified"}
