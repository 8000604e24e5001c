"""Ids that are known: never one too few. And how little a flood of made-up ids asks of the store."""

import threading
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterseal.core.model import Key, KeyState
from counterseal.server.keys import known as known_module
from counterseal.server.keys.knowing import KnowingKeyRing
from counterseal.server.keys.known import Allowance, KnownIds
from counterseal.server.keys.ring import OpenedKey

IDS = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.one_of(st.tuples(st.just("add"), IDS), st.tuples(st.just("load"), st.lists(IDS, max_size=8))), max_size=12))
def test_what_was_added_or_loaded_last_is_known(steps: list[tuple[str, object]]) -> None:
    ids, expected = KnownIds(), set[str]()
    for step, given_ids in steps:
        if step == "add":
            assert isinstance(given_ids, str)
            ids.add(given_ids)
            expected.add(given_ids)
        else:
            assert isinstance(given_ids, list)
            # A loader reads the store, which holds whatever was issued before.
            ids.load([given_ids, list(expected)])
            expected.update(given_ids)
    assert all(key_id in ids for key_id in expected)
    assert "never-there-0123456789" not in ids


def test_ids_that_come_later_are_sorted_in(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(known_module, "_UNSORTED", 10)
    ids = KnownIds()
    ids.load([[f"early-{number}" for number in range(100)]])
    for number in range(95):
        ids.add(f"later-{number}")
        ids.add(f"later-{number}")
        assert f"later-{number}" in ids
        assert "early-50" in ids
    assert len(ids) == 195


def test_nothing_known_goes_missing_while_others_add_and_load() -> None:
    ids = KnownIds()
    all_ids = [f"key-{number}" for number in range(2000)]
    ids.load([all_ids])
    stop, missing = threading.Event(), list[str]()

    def look() -> None:
        while not stop.is_set():
            missing.extend(key_id for key_id in all_ids[::97] if key_id not in ids)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        ids.load([all_ids, [f"more-{number}"]])
        for extra in range(50):
            ids.add(f"extra-{number}-{extra}")
    stop.set()
    for thread in threads:
        thread.join()
    assert not missing


def test_ids_that_are_sorted_in_while_all_are_loaded_stay_known(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Many keys are issued, elsewhere, while a server that has just started reads which there are."""
    monkeypatch.setattr(known_module, "_UNSORTED", 10)
    ids = KnownIds()

    def pages() -> Iterator[list[str]]:
        yield [f"m-{number}" for number in range(100)]
        for number in range(50):  # in front of the page that was read
            ids.add(f"a-{number}")
        yield [f"n-{number}" for number in range(100)]

    ids.load(pages())
    assert [number for number in range(50) if f"a-{number}" not in ids] == []
    assert len(ids) == 250
    ids.load([["m-1"]])
    assert len(ids) == 250


def test_of_a_flood_one_in_so_many_may_ask() -> None:
    now = [0.0]
    allowance = Allowance(most=200, every=400, seconds=1, clock=lambda: now[0])
    asked = 0
    for _ in range(1_000_000):
        now[0] += 0.001  # a thousand a second
        asked += allowance.take()
    assert 2_500 <= asked <= 10_000


def test_whoever_asks_now_and_then_may_always() -> None:
    now = [0.0]
    allowance = Allowance(most=5, every=400, seconds=1, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 1
        assert allowance.take()


class Ring:
    """Holds one key, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.spares = 0

    def find(self, key_id: str) -> OpenedKey | None:
        self.asked.append(key_id)
        if not key_id.startswith("there"):
            return None
        key = Key(key_id=key_id, tenant="t", secret=b"s" * 32, allowed_schemes=frozenset(), state=KeyState.ACTIVE)
        return OpenedKey(key=key, derive=lambda *_: b"")

    def evict(self, key_id: str) -> None:
        self.asked.append(f"evict {key_id}")

    def evict_all(self) -> None:
        self.asked.append("evict all")

    def holds(self, opened: OpenedKey) -> bool:
        return True

    def spared(self) -> None:
        self.spares += 1


class Loader:
    """Is sure or not."""

    def __init__(self, sure: bool) -> None:
        self.sure = sure

    def is_sure(self) -> bool:
        return self.sure

    def forget(self) -> None:
        self.sure = False


def knowing(ring: Ring, *, sure: bool, most: int = 0) -> KnowingKeyRing:
    ids = KnownIds()
    ids.load([["there"]])
    allowance = Allowance(most=most, every=10**9, seconds=10**9, clock=lambda: 0.0)
    return KnowingKeyRing(ring, known=ids, allowance=allowance, loader=Loader(sure), metrics=ring)


def test_an_id_that_nobody_has_costs_no_question() -> None:
    ring = Ring()
    assert knowing(ring, sure=True).find("not there") is None
    assert not ring.asked
    assert ring.spares == 1


def test_a_known_id_is_always_asked_about() -> None:
    ring = Ring()
    assert knowing(ring, sure=True).find("there") is not None


def test_without_being_sure_the_store_is_asked() -> None:
    ring = Ring()
    assert knowing(ring, sure=False).find("not there") is None
    assert ring.asked == ["not there"]


def test_in_quiet_times_the_store_is_asked() -> None:
    ring = Ring()
    watching = knowing(ring, sure=True, most=2)
    for _ in range(3):
        assert watching.find("not there") is None
    assert len(ring.asked) == 2


def test_keys_that_were_issued_elsewhere_a_moment_ago_use_no_allowance_up() -> None:
    ring = Ring()
    ids = KnownIds()
    allowance = Allowance(most=1, every=10**9, seconds=10**9, clock=lambda: 0.0)
    watching = KnowingKeyRing(ring, known=ids, allowance=allowance, loader=Loader(True), metrics=ring)
    for number in range(5):
        assert watching.find(f"there-{number}") is not None
        assert f"there-{number}" in ids
    assert watching.find("not there") is None
    assert watching.find("there-6") is None  # a flood has begun, and the feed has not told yet
    assert ring.spares == 1


def test_whatever_changes_is_known_from_then_on() -> None:
    ring = Ring()
    watching = knowing(ring, sure=True)
    watching.evict("issued elsewhere")
    watching.find("issued elsewhere")
    assert ring.asked == ["evict issued elsewhere", "issued elsewhere"]


def test_when_anything_may_have_changed_nothing_is_sure() -> None:
    ring = Ring()
    watching = knowing(ring, sure=True)
    watching.evict_all()
    watching.find("issued elsewhere")
    assert ring.asked == ["evict all", "issued elsewhere"]
