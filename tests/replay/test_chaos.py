"""A guard that goes away under traffic: nobody is verified twice, nobody is refused for it, and it comes back by itself."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1 import verification_pb2_grpc as pb_grpc
from tests.replay.fleet import answer_of
from tests.server.calls import Issued, failing, signed
from tests.support.postgres import running_postgres
from tests.support.process import RunningServer, running_server
from tests.support.redis import Redis, running_redis
from tests.workers.load import channel, issue, wait_for

pytestmark = pytest.mark.timeout(900)
# Redis is waited for one second at most, whatever is said of the store.
_QUIET = {"LOG_SUCCESS_SAMPLE": "0", "STORE_TIMEOUT": "60"}
# Seconds after which a memory that has just begun believes what is signed; one more, because signatures have whole seconds.
_COLD = 3.2


@dataclass
class Traffic:
    """Requests that are signed anew all the time, each sent twice at once and once more after a while."""

    stubs: list[pb_grpc.VerificationServiceStub]
    issued: Issued
    verified: Counter[str] = field(default_factory=Counter)
    answers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    over: threading.Event = field(default_factory=threading.Event)
    _sent: int = 0

    def run(self) -> None:
        again: list[tuple[float, str, pb.VerifyRequest]] = []
        while not self.over.is_set():
            self._sent += 1
            name = f"r{self._sent}"
            message = signed(self.issued, target=b"/bucket/%s" % name.encode())
            self._send(name, message)
            again.append((time.monotonic() + 2.5, name, message))
            while again and again[0][0] < time.monotonic():
                self._send(*again.pop(0)[1:])
            time.sleep(0.005)
        for _, name, message in again:
            self._send(name, message)

    def _send(self, name: str, message: pb.VerifyRequest) -> None:
        calls = [stub.Verify.future(message, timeout=120) for stub in self.stubs]
        for call in calls:
            said = answer_of(call)
            self.answers[said] += 1
            self.verified[name] += said == "verified"

    def more(self, what: str, count: int = 20) -> None:
        until = self.answers[what] + count
        wait_for(lambda: self.answers[what] >= until, f"{count} more {what}, after {dict(self.answers)}")


@contextmanager
def traffic(server: RunningServer, others: tuple[RunningServer, ...] = ()) -> Iterator[Traffic]:
    issued = issue(server)
    channels = [channel(one) for one in (server, *others) for _ in range(2 // (1 + len(others)))]
    found = Traffic([pb_grpc.VerificationServiceStub(one) for one in channels], issued)
    runner = threading.Thread(target=found.run)
    time.sleep(_COLD)
    runner.start()
    try:
        yield found
    finally:
        found.over.set()
        runner.join()
        for one in channels:
            one.close()
    assert max(found.verified.values()) == 1, "verified twice"
    assert set(found.answers) <= {"verified", "REPLAYED", "UNAVAILABLE"}, dict(found.answers)


def _flush(server: Redis) -> None:
    with server.client() as client:
        client.flushall()


def test_redis_goes_away_and_comes_back_empty(tmp_path: Path) -> None:
    with (
        running_redis() as redis,
        running_server(tmp_path / "a", {"REPLAY": "redis", "REPLAY_URL": redis.url, **_QUIET}) as server,
    ):
        with traffic(server) as found:
            found.more("verified")
            for breaking, mending in _ways(redis):
                breaking()
                found.more("UNAVAILABLE")
                mending()
                found.more("verified")
            found.more("REPLAYED")
        print(f"\nRedis killed, paused, emptied, restarted under traffic: {dict(found.answers)}")
        assert "replay_guard_down" in server.log()
        assert "replay_guard_up" in server.log()


def _ways(redis: Redis) -> list[tuple[Callable[[], None], Callable[[], None]]]:
    return [
        (redis.kill, redis.start),
        (redis.pause, redis.resume),
        (lambda: _flush(redis), lambda: None),
        (redis.stop, redis.start),
    ]


def test_a_database_goes_away_and_comes_back(tmp_path: Path) -> None:
    with running_postgres() as database:
        url = database.new_database()
        settings = {"REPLAY": "sql", "DATABASE_URL": url, "OUTAGE_GRACE": "3600", **_QUIET, "STORE_TIMEOUT": "2"}
        with (
            running_server(tmp_path / "a", settings) as one,
            running_server(tmp_path / "a", settings) as other,
            traffic(one, (other,)) as found,
        ):
            found.more("verified")
            for breaking, mending in ((database.kill, database.start), (database.pause, database.resume)):
                breaking()
                found.more("UNAVAILABLE")
                mending()
                found.more("verified")
            found.more("REPLAYED")
        print(f"\nPostgreSQL killed and paused under traffic of two servers: {dict(found.answers)}")


def test_what_the_gateway_is_told_of_a_guard_that_is_down(tmp_path: Path) -> None:
    """UNAVAILABLE, which gateways retry; requests that the guard is not asked about go on."""
    with (
        running_redis() as redis,
        running_server(tmp_path / "a", {"REPLAY": "redis", "REPLAY_URL": redis.url, **_QUIET}) as server,
    ):
        issued = issue(server)
        time.sleep(_COLD)
        redis.kill()
        with channel(server) as one:
            stub = pb_grpc.VerificationServiceStub(one)
            with failing() as seen:
                stub.Verify(signed(issued))
            assert (seen[0].code, seen[0].reason) == ("UNAVAILABLE", "REPLAY_GUARD_UNAVAILABLE")
            assert issued.key_id not in seen[0].text


def test_the_memory_of_a_process_ends_with_it(tmp_path: Path) -> None:
    """Killed and started again: what was used before is not known any more, and is not verified."""
    folder = tmp_path / "a"
    with running_server(folder, {"REPLAY": "memory", **_QUIET}) as server:
        issued = issue(server)
        time.sleep(_COLD)
        with channel(server) as one:
            used = signed(issued, target=b"/bucket/used")
            stub = pb_grpc.VerificationServiceStub(one)
            assert answer_of(stub.Verify.future(used)) == "verified"
            assert answer_of(stub.Verify.future(used)) == "REPLAYED"
        server.kill()
    with running_server(folder, {"REPLAY": "memory", **_QUIET}) as server, channel(server) as one:
        stub = pb_grpc.VerificationServiceStub(one)
        assert answer_of(stub.Verify.future(used)) == "UNAVAILABLE"
        time.sleep(_COLD)
        assert answer_of(stub.Verify.future(signed(issued))) == "verified"


def test_hanging_guards_hold_up_nobody_else(tmp_path: Path) -> None:
    """With the guard paused and a crowd waiting for it, requests that it is not asked about are verified all the while."""
    with (
        running_redis() as redis,
        running_server(tmp_path / "a", {"REPLAY": "redis", "REPLAY_URL": redis.url, **_QUIET}) as server,
    ):
        issued = issue(server)
        time.sleep(_COLD)
        with channel(server) as crowd, channel(server) as calm:
            puts = [signed(issued, target=b"/bucket/%d" % number) for number in range(200)]
            stub, other = pb_grpc.VerificationServiceStub(crowd), pb_grpc.VerificationServiceStub(calm)
            assert answer_of(stub.Verify.future(signed(issued, target=b"/bucket/first"))) == "verified"
            redis.pause()
            try:
                waiting = [stub.Verify.future(message, timeout=120) for message in puts]
                wrong = signed(Issued(issued.key_id, b"not the secret of this key, but as long"))
                said = Counter(answer_of(other.Verify.future(wrong, timeout=120)) for _ in range(50))
                assert said == {"MISMATCH": 50}
                assert Counter(answer_of(call) for call in waiting) == {"UNAVAILABLE": 200}
            finally:
                redis.resume()


@pytest.mark.parametrize("settings", [{"REPLAY": "off"}, {"REPLAY": "memory", "REPLAY_COLD_START": "accept"}])
def test_off_and_on(tmp_path: Path, settings: dict[str, str]) -> None:
    with running_server(tmp_path / "a", settings) as server, channel(server) as one:
        message = signed(issue(server))
        stub = pb_grpc.VerificationServiceStub(one)
        said = [answer_of(stub.Verify.future(message)) for _ in range(2)]
        assert said == ["verified", "verified" if settings["REPLAY"] == "off" else "REPLAYED"]
