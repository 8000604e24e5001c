"""Every limit of a caller, crossed: by a stored caller and by a configured one, through a real server."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from counterseal.server.callers import Caller, Pace, Role
from counterseal.server.callers.bearer import bearer_sha256
from counterseal.server.callers.turnstile import Turnstiles
from counterseal.server.errors import CallerLimitReached
from counterseal.server.verifier import Verifier
from counterseal.v1 import callers_pb2, callers_pb2_grpc, keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, Metadata, bearer, failing, signed
from tests.server.inprocess import InProcess, in_process

# name -> limits; each caller exists twice, in the configuration and in the store.
LIMITED: dict[str, dict[str, Any]] = {
    "free": {},
    "tenant": {"tenants": ["acme"]},
    "scheme": {"schemes": ["rfc9421"]},
    "aws": {"schemes": ["aws-sigv4"]},
    "region": {"regions": ["eu-west-1"]},
    "service": {"services": ["sqs"]},
    "text": {"string_to_sign": True},
    "paced": {"calls_per_second": 1, "burst": 5},
    "one": {"concurrent_calls": 1},
}
CONFIGURED = {name: f"the-configured-bearer-of-{name}" for name in LIMITED}


@dataclass
class Rig:
    server: InProcess
    stored: dict[str, str]
    home: str = ""

    def who(self, name: str) -> Metadata:
        return bearer(self.stored[name] if self.home == "stored" else CONFIGURED[name])


def _toml(name: str, limits: dict[str, Any]) -> str:
    digest = bearer_sha256(CONFIGURED[name]).hex()
    lines = [f"{key} = {str(value).lower() if isinstance(value, bool) else value}" for key, value in limits.items()]
    return "\n".join(["[[callers]]", f'name = "conf-{name}"', 'role = "gateway"', f'token_sha256 = "{digest}"', *lines, ""])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("limits")
    (folder / "c.toml").write_text("".join(_toml(name, limits) for name, limits in LIMITED.items()))
    with in_process(folder / "data", CONFIG=str(folder / "c.toml"), VERIFY_REQUIRES_CALLER="true") as server:
        callers = callers_pb2_grpc.CallerServiceStub(server.channel)
        stored = {}
        for name, limits in LIMITED.items():
            caller = callers_pb2.Caller(
                name=name, role=callers_pb2.CALLER_ROLE_GATEWAY, limits=callers_pb2.CallerLimits(**limits)
            )
            request = callers_pb2.CreateCallerRequest(caller=caller, bearer_token=True)
            stored[name] = callers.CreateCaller(request, metadata=server.client.admin).bearer_token
        yield Rig(server, stored)


@pytest.fixture(params=["stored", "configured"])
def rig(both: Rig, request: pytest.FixtureRequest) -> Rig:
    return Rig(both.server, both.stored, request.param)


def test_tenants(rig: Rig) -> None:
    client = rig.server.client
    ours, theirs = client.issue(tenant="acme"), client.issue(tenant="other")
    assert client.verify(signed(ours), rig.who("tenant")) == "verified"
    assert client.verify(signed(theirs), rig.who("tenant")) == "UNKNOWN_KEY"
    assert client.verify(signed(theirs), rig.who("free")) == "verified"
    message = signed(theirs)
    message.demand.tenants.append("other")
    assert client.verify(message, rig.who("tenant")) == "UNKNOWN_KEY"


def test_schemes(rig: Rig) -> None:
    client = rig.server.client
    message = signed(client.issue())
    assert client.verify(message, rig.who("scheme")) == "UNSUPPORTED_SCHEME"
    assert client.verify(message, rig.who("aws")) == "verified"
    message.demand.allowed_schemes.append("aws-sigv4")
    assert client.verify(message, rig.who("scheme")) == "UNSUPPORTED_SCHEME"


def test_regions(rig: Rig) -> None:
    client, issued = rig.server.client, rig.server.client.issue()
    assert client.verify(signed(issued, region="eu-west-1"), rig.who("region")) == "verified"
    message = signed(issued, region="us-east-1")
    assert client.verify(message, rig.who("region")) == "OUT_OF_SCOPE"
    message.demand.regions.append("us-east-1")
    assert client.verify(message, rig.who("region")) == "OUT_OF_SCOPE"
    assert client.verify(message, rig.who("free")) == "verified"


def test_services(rig: Rig) -> None:
    client, issued = rig.server.client, rig.server.client.issue()
    assert client.verify(signed(issued, service="sqs"), rig.who("service")) == "verified"
    message = signed(issued, service="s3")
    assert client.verify(message, rig.who("service")) == "OUT_OF_SCOPE"
    message.demand.services.append("s3")
    assert client.verify(message, rig.who("service")) == "OUT_OF_SCOPE"


def test_strings_to_sign_and_leases(rig: Rig) -> None:
    client = rig.server.client
    text = pb.VerifyRequest(string_to_sign=pb.StringToSign(scheme="aws-sigv4"))
    with failing() as seen:
        client.verify(text, rig.who("free"))
    assert seen[0].reason == "CALLER_NOT_PERMITTED"
    with failing() as seen:  # it may, but this is no string to sign
        client.verify(text, rig.who("text"))
    assert seen[0].reason != "CALLER_NOT_PERMITTED"
    lease = signed(client.issue())
    lease.lease_signing_key = True
    with failing() as seen:
        client.verify(lease, rig.who("free"))
    assert seen[0].reason == "CALLER_NOT_PERMITTED"


def test_calls_in_a_second(rig: Rig) -> None:
    """The bucket holds 5 and gets one in a second: of two hundred calls, some are refused, and none of another caller."""
    client, message = rig.server.client, signed(rig.server.client.issue())
    served = 0
    with failing() as seen:
        while served < 200:
            assert client.verify(message, rig.who("paced")) == "verified"
            served += 1
            assert client.verify(message, rig.who("free")) == "verified"
    assert served >= 5
    assert (seen[0].code, seen[0].reason) == ("RESOURCE_EXHAUSTED", "CALLER_LIMIT")


def test_calls_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    client, message = rig.server.client, signed(rig.server.client.issue())
    begun, go_on, sound = threading.Event(), threading.Event(), Verifier.walk

    def walk(verifier: Verifier, *given: object) -> object:
        begun.set()
        assert go_on.wait(60)
        return sound(verifier, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Verifier, "walk", walk)
        first = client.verification.Verify.future(message, metadata=rig.who("one"))
        assert begun.wait(60)
        with failing() as seen:
            client.verify(message, rig.who("one"))
        assert (seen[0].code, seen[0].reason) == ("RESOURCE_EXHAUSTED", "CALLER_LIMIT")
        go_on.set()
        assert first.result(60).WhichOneof("outcome") == "verified"
    for _ in range(3):  # left, each time: also by calls that fail
        assert client.verify(message, rig.who("one")) == "verified"
        with failing() as seen:
            client.verify(pb.VerifyRequest(), rig.who("one"))
        assert seen[0].reason == "INVALID_FIELD"


def test_a_caller_beyond_its_limit_is_not_waited_for(rig: Rig) -> None:
    """Refused before its message: one that never comes."""
    client, message = rig.server.client, signed(rig.server.client.issue())
    never = threading.Event()

    def nothing() -> Iterator[bytes]:
        never.wait(120)
        yield b""

    call: Callable[..., object] = rig.server.channel.stream_unary("/counterseal.v1.VerificationService/Verify")
    for _ in range(20):
        with failing():
            for _ in range(200):
                client.verify(message, rig.who("paced"))
        try:
            with pytest.raises(grpc.RpcError) as caught:
                call(nothing(), metadata=rig.who("paced"), timeout=120)
        finally:
            never.set()
        if caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            break
        never.clear()  # the bucket had got another call meanwhile
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_refusals_are_counted_and_logged(rig: Rig) -> None:
    def refused(reason: str, role: str) -> float:
        labels = {"reason": reason, "role": role}
        return rig.server.service.metrics.registry.get_sample_value("counterseal_refused_calls_total", labels) or 0.0

    client = rig.server.client
    before = refused("CALLER_NOT_PERMITTED", "gateway"), refused("CALLER_UNKNOWN", "unknown")
    with failing():
        client.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=rig.who("region"))
    with failing():
        Client(rig.server.channel).verify(pb.VerifyRequest(), bearer("nobody-has-this-bearer"))
    assert (refused("CALLER_NOT_PERMITTED", "gateway"), refused("CALLER_UNKNOWN", "unknown")) == (before[0] + 1, before[1] + 1)
    name = "region" if rig.home == "stored" else "conf-region"
    lines = [line for line in rig.server.log().splitlines() if '"CALLER_NOT_PERMITTED"' in line and f'"{name}"' in line]
    assert lines
    assert '"ListKeys"' in lines[-1]
    assert '"peer": "ipv' in lines[-1]
    assert "nobody-has-this-bearer" not in rig.server.log()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _caller(**pace: int) -> tuple[Caller, Pace]:
    limits = Pace(**pace)
    return Caller(name="edge", role=Role.GATEWAY, pace=limits), limits


def _admitted(turnstiles: Turnstiles, who: tuple[Caller, Pace], times: int) -> int:
    admitted = 0
    for _ in range(times):
        try:
            turnstiles.enter(*who).leave()
        except CallerLimitReached:
            continue
        admitted += 1
    return admitted


def test_the_bucket_fills_with_time() -> None:
    clock = Clock()
    turnstiles, who = Turnstiles(clock), _caller(calls_per_second=10, burst=20)
    assert _admitted(turnstiles, who, 100) == 20
    clock.now = 0.5
    assert _admitted(turnstiles, who, 100) == 5
    clock.now = 1000.0
    assert _admitted(turnstiles, who, 100) == 20
    clock.now = 999.0  # a clock that goes back gives nothing and takes nothing
    assert _admitted(turnstiles, who, 100) == 0
    clock.now = 1000.0
    assert _admitted(turnstiles, who, 100) == 10


def test_without_a_burst_it_is_as_many_as_in_a_second() -> None:
    turnstiles = Turnstiles(Clock())
    assert _admitted(turnstiles, _caller(calls_per_second=7), 100) == 7


def test_calls_that_are_refused_take_nothing() -> None:
    turnstiles, who = Turnstiles(Clock()), _caller(calls_per_second=5, concurrent_calls=1)
    first = turnstiles.enter(*who)
    assert _admitted(turnstiles, who, 100) == 0
    first.leave()
    assert _admitted(turnstiles, who, 100) == 4


def test_limits_that_change_count_at_once() -> None:
    clock = Clock()
    turnstiles = Turnstiles(clock)
    open_calls = [turnstiles.enter(*_caller(concurrent_calls=3)) for _ in range(3)]
    with pytest.raises(CallerLimitReached):
        turnstiles.enter(*_caller(concurrent_calls=2))
    assert _admitted(turnstiles, _caller(concurrent_calls=4), 5) == 5
    for turnstile in open_calls:
        turnstile.leave()
    assert _admitted(turnstiles, _caller(calls_per_second=4), 10) == 4  # begins full
    assert _admitted(turnstiles, _caller(calls_per_second=100), 10) == 0  # and is not filled by a change
    clock.now = 0.1
    assert _admitted(turnstiles, _caller(calls_per_second=100), 100) == 10


def test_threads_at_once_never_exceed_a_limit() -> None:
    turnstiles, who = Turnstiles(Clock()), _caller(calls_per_second=50, concurrent_calls=8)
    lock, seen, most, admitted = threading.Lock(), 0, 0, 0

    def work() -> None:
        nonlocal seen, most, admitted
        for _ in range(200):
            try:
                turnstile = turnstiles.enter(*who)
            except CallerLimitReached:
                continue
            with lock:
                seen, admitted = seen + 1, admitted + 1
                most = max(most, seen)
            with lock:
                seen -= 1
            turnstile.leave()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted == 50
    assert 1 <= most <= 8
