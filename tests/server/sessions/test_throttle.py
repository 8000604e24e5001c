"""Guesses: few for a principal from a source, more for each alone, counted before they are checked and by all together."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import grpc
import pytest

from counterseal.server.errors import SignInUnavailable
from counterseal.server.sessions.passwords import Passwords
from counterseal.server.sessions.throttle import Attempt, Throttle
from tests.server.calls import failing, read_failure
from tests.server.sessions.people import PASSWORD, People, reason, serving_people

HERE, THERE = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def guessed(tmp_path: Path, cheap: None) -> Iterator[People]:
    with serving_people(tmp_path / "data", SIGN_IN_FAILURES="3", SIGN_IN_SECONDS="60") as found:
        found.add()
        found.add("bob")
        found.clock.stop()  # a window of a minute is over sooner than 30 sign-ins where everything takes long
        yield found


def tried(people: People, name: str, source: str, password: str = "wrong") -> str:
    answer = people.try_sign_in(name, password, source)
    return "signed_in" if answer.WhichOneof("outcome") == "signed_in" else reason(answer.refused)


@pytest.mark.parametrize("name", ["alice", "nobody", "what nobody can be called\n"])
def test_after_so_many_failures_nothing_is_compared(guessed: People, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        assert tried(guessed, name, HERE) == "CREDENTIALS"
    monkeypatch.setattr(Passwords, "matches", None)
    answer = guessed.try_sign_in(name, PASSWORD, HERE)
    assert reason(answer.refused) == "THROTTLED"
    assert 1 <= answer.refused.retry_after.seconds <= 60


def test_another_source_and_another_principal_go_on(guessed: People) -> None:
    for _ in range(4):
        tried(guessed, "alice", HERE)
    assert tried(guessed, "alice", HERE, PASSWORD) == "THROTTLED"
    assert tried(guessed, "alice", THERE, PASSWORD) == "signed_in"
    assert tried(guessed, "bob", HERE, PASSWORD) == "signed_in"


def test_it_ends_with_its_window(guessed: People) -> None:
    for _ in range(4):
        tried(guessed, "alice", HERE)
    guessed.clock.ahead += 61
    assert tried(guessed, "alice", HERE, PASSWORD) == "signed_in"


def test_what_is_refused_makes_it_no_longer(guessed: People) -> None:
    for _ in range(3):
        tried(guessed, "alice", HERE)
    for _ in range(5):
        guessed.clock.ahead += 11
        assert tried(guessed, "alice", HERE) == "THROTTLED"
    guessed.clock.ahead += 10
    assert tried(guessed, "alice", HERE, PASSWORD) == "signed_in"


def test_a_success_clears_the_pair(guessed: People) -> None:
    for _ in range(4):
        for _ in range(2):
            assert tried(guessed, "alice", HERE) == "CREDENTIALS"
        assert tried(guessed, "alice", HERE, PASSWORD) == "signed_in"


def test_many_sources_for_one_principal(guessed: People) -> None:
    for number in range(30):
        assert tried(guessed, "alice", f"203.0.113.{number}") == "CREDENTIALS"
    assert tried(guessed, "alice", THERE, PASSWORD) == "THROTTLED"
    assert tried(guessed, "bob", THERE, PASSWORD) == "signed_in"


def test_many_principals_from_one_source(guessed: People) -> None:
    for number in range(30):
        assert tried(guessed, f"user-{number}", HERE) == "CREDENTIALS"
    assert tried(guessed, "bob", HERE, PASSWORD) == "THROTTLED"
    assert tried(guessed, "bob", THERE, PASSWORD) == "signed_in"


def test_successes_do_not_fill_the_wider_counts(guessed: People) -> None:
    for _ in range(40):
        assert tried(guessed, "alice", HERE, PASSWORD) == "signed_in"


def test_ipv6_counts_by_what_one_customer_is_given(guessed: People) -> None:
    for number in range(3):
        tried(guessed, "alice", f"2001:db8::{number}")
    assert tried(guessed, "alice", "2001:db8::ffff", PASSWORD) == "THROTTLED"
    assert tried(guessed, "alice", "2001:db8:0:1::1", PASSWORD) == "signed_in"


def test_a_zone_makes_no_other_source(guessed: People) -> None:
    for number in range(3):
        answer = guessed.try_sign_in("alice", "wrong", f"fe80::1%eth{number}")
        assert reason(answer.refused) == "CREDENTIALS"
    assert tried(guessed, "alice", "fe80::1", PASSWORD) == "THROTTLED"
    # It is free text of any length, and names an interface of the front's machine: nothing of it is kept.
    session = guessed.sign_in("bob", PASSWORD, "fe80::1%" + "x\n" * 5000).session
    assert session.client.source_address == "fe80::1"


def test_no_source_is_one_source(guessed: People) -> None:
    for _ in range(3):
        tried(guessed, "alice", "")
    assert tried(guessed, "alice", "", PASSWORD) == "THROTTLED"


def test_guesses_at_once_are_not_more_than_guesses_in_turn(guessed: People, monkeypatch: pytest.MonkeyPatch) -> None:
    compared, lock, matches = [0], threading.Lock(), Passwords.matches

    def counted(self: Passwords, stored: str | None, password: str) -> bool:
        with lock:
            compared[0] += 1
        return matches(self, stored, password)

    monkeypatch.setattr(Passwords, "matches", counted)
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda _: tried(guessed, "alice", HERE), range(20)))
    assert compared[0] == 3
    assert sorted(outcomes) == ["CREDENTIALS"] * 3 + ["THROTTLED"] * 17


def test_what_was_not_compared_is_taken_back(guessed: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: Passwords, stored: str | None, password: str) -> bool:
        raise SignInUnavailable("busy")

    with monkeypatch.context() as patch:
        patch.setattr(Passwords, "matches", busy)
        for _ in range(5):
            with failing() as failures:
                guessed.try_sign_in("alice", PASSWORD, HERE)
            assert failures[0].reason == "SIGN_IN_UNAVAILABLE"
    assert tried(guessed, "alice", HERE, PASSWORD) == "signed_in"


def test_who_signs_in_again_and_again_leaves_places_for_others(
    tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Successes are counted nowhere, so no limit of failures holds back who knows one password.
    go_on, compare = threading.Event(), Passwords._compare
    defaults = Passwords.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "wait_seconds", 100.0)

    def held(self: Passwords, stored: str, password: str) -> bool:
        assert go_on.wait(100)
        return compare(self, stored, password)

    def outcome_of(people: People, name: str) -> str:
        try:
            return tried(people, name, HERE, PASSWORD)
        except grpc.RpcError as error:
            return read_failure(error).reason

    with serving_people(tmp_path / "data", SIGN_IN_FAILURES="100") as people, ThreadPoolExecutor(13) as pool:
        people.add()
        people.add("bob")
        monkeypatch.setattr(Passwords, "_compare", held)
        greedy = [pool.submit(outcome_of, people, "alice") for _ in range(12)]
        try:
            # Sooner than a turn is waited for.
            away = [one.result() for one in islice(as_completed(greedy, timeout=60), 4)]
            honest = pool.submit(outcome_of, people, "bob")
        finally:
            go_on.set()
        assert away == ["SIGN_IN_UNAVAILABLE"] * 4
        assert honest.result(100) == "signed_in"
        assert [one.result(100) for one in greedy].count("signed_in") == 8
        # Places are given back.
        assert outcome_of(people, "alice") == "signed_in"


class _Counts:
    """Remembers under which digests was counted."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def count(self, subjects: list[tuple[bytes, int]], *_: object) -> tuple[int, ...]:
        self.seen += [digest for digest, _ in subjects]
        return (1,) * len(subjects)


def test_what_is_counted_says_nothing_without_the_key() -> None:
    found = []
    for key in (b"k" * 32, b"l" * 32):
        counts = _Counts()
        throttle = Throttle(counts, failures=1, seconds=1, key=key, network=str, clock=lambda: 0.0)  # type: ignore[arg-type]
        assert isinstance(throttle.admit("t", "p", "s"), Attempt)
        # Parts run together to the same text, and are not the same.
        throttle.admit("tp", "", "s")
        found += counts.seen
    assert len(set(found)) == len(found) - 2  # the source "s" twice for each key
    assert {len(digest) for digest in found} == {32}
