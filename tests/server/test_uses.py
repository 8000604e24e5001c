"""Uses of secrets through the server: written now and then and at its stop, shown with the key, and never in the way."""

import threading
import time
import timeit
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.keystore import KeyStore
from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, signed
from tests.server.inprocess import in_process


def key_of(client: Client, issued: Issued) -> keys_pb2.Key:
    return client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=issued.key_id), metadata=client.admin).key


def until_used(client: Client, issued: Issued) -> keys_pb2.Key:
    end = time.monotonic() + 60
    while not (key := key_of(client, issued)).HasField("last_use_time"):
        assert time.monotonic() < end, "no use was ever written"
        time.sleep(0.01)
    return key


def test_uses_are_shown_for_each_secret(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", LAST_USE_INTERVAL="0.05") as running:
        client = running.client
        issued, idle = client.issue(), client.issue()
        assert not key_of(client, issued).HasField("last_use_time")
        assert client.verify(signed(issued)) == "verified"
        first = until_used(client, issued)
        assert first.secrets[0].last_use_time == first.last_use_time
        request = keys_pb2.RotateKeyRequest(key_id=issued.key_id, overlap=Duration(seconds=60))
        new = Issued(issued.key_id, client.keys.RotateKey(request, metadata=client.admin).secret.encode())
        newest, older = key_of(client, issued).secrets
        assert not newest.HasField("last_use_time")
        assert older.last_use_time == first.last_use_time
        assert client.verify(signed(new)) == "verified"
        while not (key := key_of(client, issued)).secrets[0].HasField("last_use_time"):
            threading.Event().wait(0.01)
        assert key.last_use_time == key.secrets[0].last_use_time
        assert key.etag == key_of(client, issued).etag
        # What was refused is no use.
        assert client.verify(signed(Issued(idle.key_id, issued.secret))) == "MISMATCH"
        since = Timestamp(seconds=first.last_use_time.seconds + 3600)
        listing = keys_pb2.ListKeysRequest(unused_since_time=since)
        listed = client.keys.ListKeys(listing, metadata=client.admin).keys
        assert {key.key_id for key in listed} == {issued.key_id, idle.key_id}
        assert {key.key_id: key.HasField("last_use_time") for key in listed} == {issued.key_id: True, idle.key_id: False}


def test_a_graceful_stop_writes_what_was_noted(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", LAST_USE_INTERVAL="3600") as running:
        issued = running.client.issue()
        assert running.client.verify(signed(issued)) == "verified"
        assert not key_of(running.client, issued).HasField("last_use_time")
    with in_process(tmp_path / "data") as running:
        assert key_of(running.client, issued).HasField("last_use_time")


def test_nothing_is_written_where_it_is_switched_off(tmp_path: Path) -> None:
    before = set(threading.enumerate())  # other tests' servers may be still ending
    with in_process(tmp_path / "data", LAST_USE_INTERVAL="0") as running:
        issued = running.client.issue()
        assert running.client.verify(signed(issued)) == "verified"
        assert "counterseal-uses" not in {thread.name for thread in set(threading.enumerate()) - before}
    with in_process(tmp_path / "data") as running:
        assert not key_of(running.client, issued).HasField("last_use_time")


def test_a_store_that_takes_no_uses_disturbs_nobody(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def refuse(*_: object) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(KeyStore, "write_uses", refuse)
    with in_process(tmp_path / "data", LAST_USE_INTERVAL="0.01") as running:
        issued = running.client.issue()
        for _ in range(50):
            assert running.client.verify(signed(issued)) == "verified"
        while "uses_not_written" not in running.log():
            threading.Event().wait(0.01)
    assert running.log().count("uses_not_written") == 1


def test_what_a_note_costs() -> None:
    """Printed, for whoever compares releases; bounded loosely, so that only a blunder fails."""
    import io

    from counterseal.server.keys.uses import UseNotes
    from counterseal.server.telemetry.log import open_log

    notes = UseNotes(lambda _: None, interval=3600, log=open_log("info", io.StringIO()))
    note, turns = notes.note, 200_000
    best = (
        min(timeit.repeat(lambda: note("CSAKABCDEFGHIJKLMNOP", 1, 1.0), number=turns, repeat=5, timer=time.thread_time)) / turns
    )
    print(f"a note of a use: {best * 1e9:.0f} ns")
