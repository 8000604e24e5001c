"""Counts of sign-ins, on every engine: exact, however many count at once."""

import datetime as dt
import threading
from collections import Counter

import pytest
from sqlalchemy import func, select

from counterseal.server.store.engine import KeyStore
from counterseal.server.store.sign_ins import SignInCounts
from counterseal.server.store.tables import SIGN_INS
from tests.store.samples import NOON

PAIR, PRINCIPAL, SOURCE = b"\0" * 32, b" " * 32, b"\xff" * 31 + b"\0"
LATER = NOON + dt.timedelta(minutes=15)


@pytest.fixture
def counts(store: KeyStore) -> SignInCounts:
    return SignInCounts(store.transactions)


def test_one_more_each_time_until_one_is_at_its_limit(counts: SignInCounts) -> None:
    subjects = [(SOURCE, 9), (PAIR, 2), (PRINCIPAL, 5)]
    assert counts.count(subjects, NOON, LATER) == (1, 1, 1)
    assert counts.count([(SOURCE, 9), (PAIR, 2)], NOON, LATER) == (2, 2)
    for _ in range(3):
        assert counts.count(subjects, NOON, LATER) == LATER
    assert counts.count([(SOURCE, 9), (PRINCIPAL, 5)], NOON, LATER) == (3, 2)  # nothing was added beside the full one


def test_the_first_attempt_says_when_it_is_forgotten(counts: SignInCounts) -> None:
    assert counts.count([(PAIR, 2)], NOON, LATER) == (1,)
    moment = dt.timedelta(microseconds=1)
    assert counts.count([(PAIR, 2)], LATER - moment, LATER + dt.timedelta(hours=1)) == (2,)
    assert counts.count([(PAIR, 2)], LATER - moment, LATER + dt.timedelta(hours=1)) == LATER
    assert counts.count([(PAIR, 2)], LATER, LATER + dt.timedelta(hours=1)) == (1,)


def test_of_several_that_are_full_the_latest_says_when(counts: SignInCounts) -> None:
    counts.count([(PAIR, 1)], NOON, LATER)
    counts.count([(SOURCE, 1)], NOON, LATER + dt.timedelta(minutes=1))
    assert counts.count([(PAIR, 1), (SOURCE, 1)], NOON, LATER) == LATER + dt.timedelta(minutes=1)


def test_a_limit_of_nothing_lets_nobody_in(counts: SignInCounts) -> None:
    assert counts.count([(PAIR, 0)], NOON, LATER) == LATER
    assert counts.count([(PAIR, 1)], NOON, LATER) == (1,)  # what was refused is not counted


def test_success_takes_its_own_back(counts: SignInCounts) -> None:
    for _ in range(3):
        counts.count([(PAIR, 9), (PRINCIPAL, 9), (SOURCE, 9)], NOON, LATER)
    counts.take_back([PAIR], [PRINCIPAL, SOURCE])
    assert counts.count([(PAIR, 9), (PRINCIPAL, 9), (SOURCE, 9)], NOON, LATER) == (1, 3, 3)
    counts.take_back([PAIR, b"unknown".ljust(32)], [b"nobody".ljust(32)])
    for _ in range(5):
        counts.take_back([], [SOURCE])
    assert counts.count([(SOURCE, 9)], NOON, LATER) == (1,)  # never below nothing


def test_what_is_over_is_purged_a_few_at_a_time(counts: SignInCounts, store: KeyStore) -> None:
    for number in range(5):
        counts.count([(bytes([number]) * 32, 9)], NOON, LATER + dt.timedelta(seconds=number))
    assert counts.purge(NOON) == 0
    assert counts.purge(LATER + dt.timedelta(seconds=3), limit=3) == 3
    assert counts.purge(LATER + dt.timedelta(seconds=3), limit=3) == 1
    with store.transactions.reading() as connection:
        assert connection.execute(select(func.count()).select_from(SIGN_INS)).scalar_one() == 1


def test_parallel_guesses_are_no_more_than_the_limit(counts: SignInCounts) -> None:
    """In different orders, and of which some are over: nobody waits for somebody who waits for them."""
    told: list[tuple[int, ...] | dt.datetime] = []
    barrier = threading.Barrier(20)

    def work(number: int) -> None:
        subjects = [(PAIR, 13), (PRINCIPAL, 50), (SOURCE, 50)]
        barrier.wait()
        told.append(counts.count(subjects[:: -1 if number % 2 else 1], NOON, LATER))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Counter(type(answer) for answer in told)
    assert found == {tuple: 13, dt.datetime: 7}
    assert sorted(answer[0] for answer in told if isinstance(answer, tuple)) == list(range(1, 14))
    assert counts.count([(PRINCIPAL, 50), (SOURCE, 50)], NOON, LATER) == (14, 14)
