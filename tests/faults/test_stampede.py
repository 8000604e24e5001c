"""A thousand calls at once for one key that is not in the cache make one query; who leaves early takes nobody along."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import Engine, event

from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import StoredKey
from tests.server.calls import Client, outcome, signed
from tests.server.inprocess import InProcess, in_process

CALLS = 1000
CHANNELS = 8
# Less than the times after which a load is joined by nobody, or given up.
PATIENCE = 240.0
HELD_BACK = {"REVOKE_BOUND": "300", "STORE_TIMEOUT": "300"}


class Reads:
    """Every statement that reads a key by its id, and a gate that holds them back."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun, self.gate = 0, threading.Event()
        self.first = threading.Event()
        sound = KeyStore.read_key

        def read_key(store: KeyStore, key_id: str) -> StoredKey | None:
            self.begun += 1
            self.first.set()
            assert self.gate.wait(PATIENCE)
            return sound(store, key_id)

        patch.setattr(KeyStore, "read_key", read_key)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements on the table of keys that any engine of this process runs meanwhile."""
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and "keys.sealed_secret" in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def clients(server: InProcess) -> Iterator[list[Client]]:
    """Clients on channels of their own: one connection may not take all calls."""
    with ExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        yield [
            Client(stack.enter_context(grpc.insecure_channel(str(server.service.address), options=options)))
            for _ in range(CHANNELS)
        ]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def sample(server: InProcess, name: str, **labels: str) -> float | None:
    return server.service.metrics.registry.get_sample_value(name, labels)


@pytest.mark.timeout(900)
def test_a_thousand_at_once_make_one_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All thousand miss the cache and wait for the same load: it is held back until the last of them is there."""
    # A bound of a second would have a crowded machine read the key again before it may say verified.
    settings = {"MAX_CONCURRENT_CALLS": "2400", **HELD_BACK}
    reads = Reads(monkeypatch)
    with in_process(tmp_path / "data", **settings) as server, clients(server) as several:
        message = signed(server.client.issue())
        # The feed tells of the key's issue also; a load that it overtakes is made anew.
        until(lambda: (sample(server, "counterseal_feed_changes_total") or 0) >= 1)
        reads.begun = 0
        with statements() as seen:
            calls = [several[number % CHANNELS].verification.Verify.future(message) for number in range(CALLS)]
            until(lambda: sample(server, "counterseal_key_cache_events_total", event="miss") == CALLS)
            reads.gate.set()
            counts = Counter(outcome(call.result(timeout=PATIENCE)) for call in calls)
    assert counts == {"verified": CALLS}
    assert reads.begun == 1
    assert len(seen) == 1, seen


@pytest.mark.timeout(900)
def test_few_keys_are_waited_for_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 64 keys that the store is slow to find, more are refused at once; no call of the others suffers."""
    reads = Reads(monkeypatch)
    with in_process(tmp_path / "data", **HELD_BACK) as server, clients(server) as several:
        messages = [signed(server.client.issue()) for _ in range(70)]
        calls = [several[number % CHANNELS].verification.Verify.future(message) for number, message in enumerate(messages)]
        until(lambda: sum(call.done() for call in calls) == 6)
        reads.gate.set()
        found = Counter(_result(call) for call in calls)
    assert found == {"verified": 64, "UNAVAILABLE": 6}


def _result(call: Any) -> str:
    try:
        return outcome(call.result(timeout=PATIENCE))
    except grpc.RpcError as error:
        return str(error.code().name)


@pytest.mark.timeout(900)
def test_who_is_cancelled_first_takes_nobody_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    # A load that is older than the bound is joined by nobody: whoever comes later needs to know of later changes.
    with in_process(tmp_path / "data", **HELD_BACK) as server, clients(server) as several:
        message = signed(server.client.issue())
        until(lambda: (sample(server, "counterseal_feed_changes_total") or 0) >= 1)
        reads.begun = 0
        leader = several[0].verification.Verify.future(message)
        assert reads.first.wait(PATIENCE)
        others = [several[1 + number % (CHANNELS - 1)].verification.Verify.future(message) for number in range(30)]
        until(lambda: sample(server, "counterseal_key_cache_events_total", event="miss") == 31)
        leader.cancel()
        reads.gate.set()
        assert [outcome(call.result(timeout=PATIENCE)) for call in others] == ["verified"] * 30
        assert reads.begun == 1
    with pytest.raises(grpc.FutureCancelledError):
        leader.result()
