"""Workers that share a guard: of all copies of a request, sent to different workers at once, exactly one is verified.

COUNTERSEAL_TEST_REPLAYS says how many requests, each of which is sent twice and more (default 300).
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterseal.v1 import verification_pb2 as pb
from tests.replay.fleet import answer_at_last, send_everywhere, stubs_by_worker
from tests.server.calls import Issued, signed
from tests.support.mariadb import shared_mariadb
from tests.support.postgres import shared_postgres
from tests.support.process import running_server
from tests.support.redis import shared_redis
from tests.workers.load import issue

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone"),
    pytest.mark.timeout(900),
]
COUNT = int(os.environ.get("COUNTERSEAL_TEST_REPLAYS", "300"))
WORKERS = 4

GUARDS: dict[str, Callable[[], dict[str, str]]] = {
    "mariadb": lambda: {"REPLAY": "sql", "DATABASE_URL": shared_mariadb().new_database()},
    "postgres": lambda: {"REPLAY": "sql", "DATABASE_URL": shared_postgres().new_database()},
    "redis": lambda: {"REPLAY": "redis", "REPLAY_URL": shared_redis().new_database()},
    "sqlite": lambda: {"REPLAY": "sql"},
}


def requests(issued: Issued, count: int) -> list[pb.VerifyRequest]:
    """Return different requests, signed over a few seconds of the past, as gateways would hand them over."""
    now = int(time.time())
    return [signed(issued, target=b"/bucket/%d?list-type=2" % number, at=now - number % 30) for number in range(count)]


@pytest.mark.parametrize("guard", sorted(GUARDS))
def test_of_all_copies_exactly_one_is_verified(tmp_path: Path, guard: str) -> None:
    settings = {"WORKERS": str(WORKERS), "REPLAY_COLD_START": "accept", "LOG_SUCCESS_SAMPLE": "0", "LOG_LEVEL": "error"}
    settings |= {"STORE_TIMEOUT": "60"} | GUARDS[guard]()
    with running_server(tmp_path / "data", settings) as server:
        issued = issue(server)
        with stubs_by_worker(server) as stubs:
            # Every use in a file is a flush of the disk, one after the other.
            count = min(COUNT, 500) if guard == "sqlite" else COUNT
            found = send_everywhere(list(stubs.values()), requests(issued, count), copies=2)
            print(f"\n{guard}, {WORKERS} workers, {count} requests in 2 copies each: {found.text()}")
            assert found.answers == {"verified": count, "REPLAYED": count}
            assert set(found.verified.values()) == {1}
            # Redis has one second for each answer; a machine that stands still for longer costs a few.
            assert found.asked_again <= (count // 5 if guard == "redis" else 0)

            more = send_everywhere(list(stubs.values()), requests(issued, count + 40)[-40:], copies=WORKERS)
            print(f"{guard}, in {WORKERS} copies each: {more.text()}")
            assert more.answers == {"verified": 40, "REPLAYED": 40 * (WORKERS - 1)}

            _retry_on_every_worker(list(stubs.values()), issued)


def _retry_on_every_worker(stubs: list[Any], issued: Issued) -> None:
    """The same request id is the same request, whichever worker is asked; no other id is."""
    message = signed(issued, target=b"/bucket/retried?list-type=2", request_id="retry-1")
    other = signed(issued, target=b"/bucket/retried?list-type=2", request_id="retry-2")
    other.http_request.CopyFrom(message.http_request)
    for stub in stubs:
        assert answer_at_last(stub, message) == "verified"
    for stub in stubs:
        assert answer_at_last(stub, other) == "REPLAYED"
    for stub in stubs:
        assert answer_at_last(stub, message) == "verified"
