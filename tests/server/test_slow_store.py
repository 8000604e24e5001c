"""A store that hangs or is locked: what needs it waits or fails, and what does not goes on.

A generous revocation bound: on a machine with too much to do, the feed would be late, and cached keys need the store then.
"""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import StoredKey
from counterseal.v1 import keys_pb2
from tests.server.calls import Issued, failing, outcome, read_failure, signed
from tests.server.inprocess import InProcess, in_process, wait_for_feed


def test_a_slow_store_is_unavailable_and_not_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    slow: list[bool] = []
    sound = KeyStore.read_key

    def read_key(store: KeyStore, key_id: str) -> StoredKey | None:
        if slow:
            go_on.wait(60)
        return sound(store, key_id)

    monkeypatch.setattr(KeyStore, "read_key", read_key)
    with in_process(tmp_path / "data", STORE_TIMEOUT="1", REVOKE_BOUND="600") as server:
        cold, warm = server.client.issue(), server.client.issue()
        wait_for_feed(server, 2)
        assert _verified_in_the_end(server, warm)
        slow.append(True)
        with failing() as seen:
            server.client.verify(signed(cold))
        assert (seen[0].code, seen[0].reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
        assert server.client.verify(signed(warm)) == "verified"
        slow.clear()
        go_on.set()
        assert _verified_in_the_end(server, cold)


def _verified_in_the_end(server: InProcess, issued: Issued) -> bool:
    """Say whether a key verifies, once a busy machine has read it within the store's short timeout."""
    end = time.monotonic() + 60
    while True:
        found = _end(server.client.verification.Verify.future(signed(issued)))
        if found != "UNAVAILABLE STORE_UNAVAILABLE" or time.monotonic() > end:
            return found == "verified"


def test_keys_in_the_cache_do_without_a_store_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More calls for keys that are not cached than there are threads of any kind."""
    go_on, sound = threading.Event(), KeyStore.read_key

    def read_key(store: KeyStore, key_id: str) -> StoredKey | None:
        if key_id.startswith("SLOW"):
            assert go_on.wait(200)
        return sound(store, key_id)

    monkeypatch.setattr(KeyStore, "read_key", read_key)
    settings = {"STORE_TIMEOUT": "200", "THREADS": "2", "MAX_CONCURRENT_CALLS": "2000", "REVOKE_BOUND": "600"}
    with in_process(tmp_path / "data", **settings) as server:
        warm = signed(server.client.issue())
        wait_for_feed(server, 1)
        assert server.client.verify(warm) == "verified"
        calls = [
            server.client.verification.Verify.future(signed(Issued(f"SLOW{number}", b"x" * 32)), timeout=250)
            for number in range(300)
        ]
        for _ in range(5):
            assert outcome(server.client.verification.Verify(warm, timeout=60)) == "verified"
        go_on.set()
        ends = {_end(call) for call in calls}
        assert ends == {"UNKNOWN_KEY", "UNAVAILABLE STORE_UNAVAILABLE"}


def _end(call: Any) -> str:
    try:
        return outcome(call.result())
    except grpc.RpcError as error:
        return f"{error.code().name} {read_failure(error).reason}"


def test_a_locked_store_stops_no_verification(tmp_path: Path) -> None:
    """Somebody else holds SQLite's one lock for writing: issuing waits, and Verify does not wait with it."""
    with in_process(tmp_path / "data", STORE_TIMEOUT="200", THREADS="2", REVOKE_BOUND="600") as server:
        issued = server.client.issue()
        assert server.client.verify(signed(issued)) == "verified"
        other = sqlite3.connect(tmp_path / "data" / "counterseal.db", isolation_level=None, timeout=60)
        other.execute("BEGIN IMMEDIATE")
        issuing = [
            server.client.keys.IssueKey.future(keys_pb2.IssueKeyRequest(), metadata=server.client.admin, timeout=250)
            for _ in range(100)
        ]
        for _ in range(20):
            assert outcome(server.client.verification.Verify(signed(issued), timeout=60)) == "verified"
        other.execute("ROLLBACK")
        other.close()
        for call in issuing:
            assert call.exception() is None or read_failure(call.exception()).reason == "STORE_UNAVAILABLE"
        server.client.issue()


def test_a_call_waits_for_the_store_as_long_as_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that has given up keeps no thread: with its deadline passed, the wait ends long before the store's timeout."""
    go_on, waiting, sound = threading.Event(), threading.Semaphore(0), SingleFlightKeyRing.find
    monkeypatch.setattr(KeyStore, "read_key", lambda *_: go_on.wait(200) and None)

    def find(ring: SingleFlightKeyRing, key_id: str) -> OpenedKey | None:
        try:
            return sound(ring, key_id)
        finally:
            waiting.release()

    monkeypatch.setattr(SingleFlightKeyRing, "find", find)
    with in_process(tmp_path / "data", STORE_TIMEOUT="200") as server:
        # A machine may be so busy that a call ends before it is taken up; so it is given more and more time.
        for seconds in (0.5, 5, 50):
            with pytest.raises(grpc.RpcError) as caught:
                server.client.verification.Verify(signed(Issued("CSNOBODY", b"x" * 32)), timeout=seconds)
            assert caught.value.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
            if found := waiting.acquire(timeout=20):
                break
        assert found
        go_on.set()
