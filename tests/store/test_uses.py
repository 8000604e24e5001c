"""Uses of secrets: noted in memory, written now and then, and no change of any key."""

import datetime as dt
import io
import threading

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.uses import UseNotes
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import KeyDraft, KeyQuery, RotateOrder
from counterseal.server.store.uses import Uses
from counterseal.server.telemetry.log import open_log
from tests.store.rig import Rig

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def at(time: dt.datetime, *places: tuple[str, int]) -> dict[tuple[str, int], dt.datetime]:
    return dict.fromkeys(places, time)


def notes(write: object, **more: int) -> tuple[UseNotes, io.StringIO]:
    stream = io.StringIO()
    return UseNotes(write, interval=3600, log=open_log("info", stream), **more), stream  # type: ignore[arg-type]


def test_uses_move_forward_and_never_back(store: KeyStore) -> None:
    store.write_uses(at(NOON, ("a", 1), ("a", 2), ("b", 1), ("A", 1)))
    store.write_uses(at(NOON - HOUR, ("a", 1)))
    store.write_uses(at(NOON + HOUR, ("a", 2), ("c", 0)))
    assert store.read_uses(["a", "b", "c", "d"]) == {
        "a": {1: NOON, 2: NOON + HOUR},
        "b": {1: NOON},
        "c": {0: NOON + HOUR},
    }
    assert store.read_uses(["A"]) == {"A": {1: NOON}}
    assert store.read_uses([]) == {}


def test_many_uses_are_written_in_batches(store: KeyStore) -> None:
    ids = [f"key-{number:04}" for number in range(1234)]
    store.write_uses({(key_id, 1): NOON for key_id in reversed(ids)})
    assert store.read_uses(ids) == {key_id: {1: NOON} for key_id in ids}


def test_writers_of_the_same_rows_do_not_lock_one_another_out(store: KeyStore) -> None:
    ids = [f"key-{number:03}" for number in range(60)]
    failures: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            for turn in range(5):
                time = NOON + (worker * 5 + turn) * HOUR
                store.write_uses({(key_id, 1): time for key_id in (ids if worker % 2 else reversed(ids))})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert store.read_uses(ids) == {key_id: {1: NOON + 19 * HOUR} for key_id in ids}


def test_a_use_changes_no_key(rig: Rig) -> None:
    issued = rig.issuer.issue(KeyDraft(), actor="me")
    key_id, number = issued.record.key_id, rig.store.change_sequence()
    rig.issuer.rotate(RotateOrder(key_id=key_id, overlap=HOUR), actor="me")
    before, number = rig.issuer.get(key_id), rig.store.change_sequence()
    assert before.uses == {}
    rig.store.write_uses(at(NOON, (key_id, 1)) | at(NOON + HOUR, (key_id, 2)))
    after = rig.issuer.get(key_id)
    assert after.uses == {1: NOON, 2: NOON + HOUR}
    assert (after.etag, after.updated) == (before.etag, before.updated)
    assert rig.store.change_sequence() == number
    assert len(rig.store.read_audit(key_id)) == 2
    assert rig.issuer.list_keys(KeyQuery()).records == (after,)
    assert rig.ring.find(key_id) is not None


def test_notes_keep_the_last_use_of_each_secret() -> None:
    written: list[Uses] = []
    uses, _ = notes(written.append)
    for now in (1.0, 2.0, 3.5):
        uses.note("a", 1, now)
        uses.note("a", 2, now + 10)
    uses.flush()
    uses.flush()
    assert written == [{("a", 1): dt.datetime.fromtimestamp(3.5, dt.UTC), ("a", 2): dt.datetime.fromtimestamp(13.5, dt.UTC)}]


def test_notes_are_bounded() -> None:
    written: list[Uses] = []
    uses, _ = notes(written.append, most=10)
    for number in range(25):
        uses.note(f"key-{number}", 1, 1.0)
    uses.note("key-3", 1, 2.0)
    uses.flush()
    assert len(written[0]) == 10
    assert written[0]["key-3", 1] == dt.datetime.fromtimestamp(2.0, dt.UTC)


def test_a_store_that_is_down_costs_nothing_but_uses() -> None:
    written: list[Uses] = []
    down = True

    def write(uses: Uses) -> None:
        if down:
            raise StoreUnavailable("down")
        written.append(uses)

    uses, stream = notes(write, most=2)
    uses.note("a", 1, 1.0)
    uses.note("b", 1, 1.0)
    uses.flush()
    uses.flush()
    assert stream.getvalue().count("uses_not_written") == 1  # once for each outage
    uses.note("a", 1, 5.0)  # the newer one wins
    down = False
    uses.flush()
    moment = dt.datetime.fromtimestamp
    assert written == [{("a", 1): moment(5.0, dt.UTC), ("b", 1): moment(1.0, dt.UTC)}]


def test_what_the_store_does_not_take_is_kept_as_far_as_there_is_room() -> None:
    def write(_: Uses) -> None:
        uses.note("c", 1, 2.0)  # meanwhile
        raise StoreUnavailable("down")

    uses, _ = notes(write, most=2)
    uses.note("a", 1, 1.0)
    uses.note("b", 1, 1.0)
    uses.flush()
    assert set(uses._noted) == {("a", 1), ("c", 1)}


def test_a_graceful_stop_writes_what_is_noted() -> None:
    written: list[Uses] = []
    uses, _ = notes(written.append)
    uses.start()
    uses.note("a", 1, 1.0)
    uses.close(30)
    assert [set(one) for one in written] == [{("a", 1)}]
    assert not uses._thread.is_alive()


def test_notes_are_written_every_interval() -> None:
    written = threading.Semaphore(0)
    uses = UseNotes(lambda _: written.release(), interval=0.01, log=open_log("info", io.StringIO()))
    uses.start()
    for _ in range(2):
        uses.note("a", 1, 1.0)
        assert written.acquire(timeout=30)
    uses.close(30)


def test_a_bug_in_writing_does_not_end_the_thread() -> None:
    seen = threading.Semaphore(0)

    def write(_: Uses) -> None:
        seen.release()
        raise KeyError("a bug")

    stream = io.StringIO()
    uses = UseNotes(write, interval=0.01, log=open_log("info", stream))
    uses.start()
    for _ in range(2):
        uses.note("a", 1, 1.0)
        assert seen.acquire(timeout=30)
    uses.close(30)
    assert "uses_failed" in stream.getvalue()
    assert "a bug" not in stream.getvalue()


def test_notes_stand_many_threads() -> None:
    total: set[tuple[str, int]] = set()
    uses, _ = notes(total.update)
    done = threading.Event()

    def note(worker: int) -> None:
        for number in range(2_000):
            uses.note(f"{worker}-{number % 50}", 1, float(number))

    def flush() -> None:
        while not done.is_set():
            uses.flush()

    flusher = threading.Thread(target=flush)
    threads = [threading.Thread(target=note, args=(worker,)) for worker in range(4)]
    flusher.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    flusher.join(60)
    uses.flush()
    assert total == {(f"{worker}-{number}", 1) for worker in range(4) for number in range(50)}


def test_uses_of_a_store_that_does_not_answer_are_an_outage(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(store.transactions, "writing", refuse)
    with pytest.raises(StoreUnavailable):
        store.write_uses(at(NOON, ("a", 1)))
