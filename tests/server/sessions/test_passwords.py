"""Passwords: what matches, and what it costs."""

import contextlib
import statistics
import time
from collections.abc import Callable
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import HashingError, VerificationError
from argon2.low_level import Type

from counterseal.server.errors import SignInUnavailable
from counterseal.server.sessions.passwords import Passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def passwords(hasher: PasswordHasher | None = CHEAP) -> Passwords:
    return Passwords(at_once=1, aside=contextlib.nullcontext, hasher=hasher)


@pytest.mark.parametrize("password", ["correct horse", "x", "ä" * 512, " leading and trailing ", "with\0nul", "é", "e\u0301"])
def test_only_the_password_itself_matches(password: str) -> None:
    ours = passwords()
    stored = ours.hash(password)
    assert ours.matches(stored, password)
    for other in (password + "x", password + "\0", password[:-1] or "y", password.upper() + ".", "", "dummy"):
        assert not ours.matches(stored, other), other
    assert password == "é" or not ours.matches(stored, "é")


def test_the_same_password_twice_is_two_hashes() -> None:
    ours = passwords()
    assert ours.hash("correct horse") != ours.hash("correct horse")
    assert "correct horse" not in ours.hash("correct horse")


def test_the_parameters_are_those_of_rfc_9106_for_little_memory() -> None:
    found = extract_parameters(passwords(hasher=None).hash("correct horse"))
    assert (found.type, found.version, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 19, 65_536, 3, 4)
    assert (found.salt_len, found.hash_len) == (16, 32)


def test_nothing_matches_where_there_is_no_password() -> None:
    ours = passwords()
    for given in ("", "correct horse", "None"):
        assert not ours.matches(None, given)
        assert not ours.matches("", given)


class Counting(PasswordHasher):
    """Counts what is computed, and with which hash."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  (argon2-cffi's name)
        self.verified.append(str(hash))
        return super().verify(hash, password)


GOOD = CHEAP.hash("correct horse")
POISONED = {
    "4 GiB": GOOD.replace("m=8", "m=4194304"),
    "just over the bound": GOOD.replace("m=8", "m=262145"),
    "a million passes": GOOD.replace("t=1", "t=1000000"),
    "a thousand lanes": GOOD.replace("p=1", "p=1000"),
    "less than 8 KiB a lane": GOOD.replace("p=1", "p=2"),
    "argon2i": GOOD.replace("argon2id", "argon2i"),
    "another version": GOOD.replace("v=19", "v=16"),
    "no version": GOOD.replace("$v=19", ""),
    "a sign": GOOD.replace("m=8", "m=+8"),
    "other digits": GOOD.replace("m=8", "m=\u0668"),
    "spaces": GOOD.replace("m=8", "m= 8"),
    "a tail": GOOD + "$x",
    "a line end": GOOD + "\n",
    "a NUL": GOOD + "\0",
    "bcrypt": "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "plain text": "correct horse",
    "nothing": "",
}


@pytest.mark.parametrize("name", POISONED)
def test_a_hash_that_nobody_wrote_here_is_not_computed(name: str) -> None:
    """A row that asks for gigabytes would take the server down for the price of one sign-in."""
    hasher, matched = Counting(), list[bool]()
    ours = passwords(hasher=hasher)
    assert _cpu_seconds(lambda: matched.append(ours.matches(POISONED[name], "correct horse"))) < 1
    assert matched == [False]
    (computed,) = hasher.verified
    assert computed != POISONED[name]  # the dummy, at the price of any other
    assert computed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert ours.needs_rehash(POISONED[name])
    assert ours.matches(GOOD, "correct horse")  # the check above can fail


def test_what_does_not_decode_is_no_match() -> None:
    head, tail = GOOD[:-4], GOOD[-4:]
    garbled = head + ("AAAA" if tail != "AAAA" else "BBBB")
    assert not passwords().matches(garbled, "correct horse")
    with pytest.raises(SignInUnavailable):  # base64 that is none: nobody knows, and nobody signs in
        passwords().matches(GOOD[:-2], "correct horse")


def test_rehash_when_the_parameters_changed() -> None:
    dearer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    before, after = passwords(), passwords(hasher=dearer)
    stored = before.hash("correct horse")
    assert not before.needs_rehash(stored)
    assert after.needs_rehash(stored)
    assert after.matches(stored, "correct horse")  # it goes on to be good
    assert not after.matches(stored, "another")
    assert not after.needs_rehash(after.hash("correct horse"))


def test_no_password_costs_what_one_costs() -> None:
    """With the parameters in use: the times of a wrong password and of none cannot be told apart."""
    ours = passwords(hasher=PasswordHasher(time_cost=2, memory_cost=16_384, parallelism=1))
    stored = ours.hash("correct horse")
    wrong, absent = [], []
    for _ in range(15):
        wrong.append(_cpu_seconds(lambda: ours.matches(stored, "another")))
        absent.append(_cpu_seconds(lambda: ours.matches(None, "another")))
    # Pair by pair: what makes the machine slower for a while does so for both.
    assert 0.5 < statistics.median(one / other for one, other in zip(absent, wrong, strict=True)) < 2
    assert statistics.median(absent) > 0.005  # it was computed at all


def _cpu_seconds(work: Callable[[], object]) -> float:
    # Of this process, with the threads that argon2 starts: waiting for others on a busy machine is not counted.
    started = time.process_time()
    work()
    return time.process_time() - started


class Exhausted(PasswordHasher):
    """A hasher without memory, once it has made its first hash."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.left = 1

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.left -= 1
        if self.left < 0:
            raise HashingError("Memory allocation error")
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  (argon2-cffi's name)
        raise VerificationError("Memory allocation error")


def test_a_lack_of_memory_is_an_outage_and_no_refusal() -> None:
    ours = passwords(hasher=Exhausted())
    for work in (lambda: ours.hash("correct horse"), lambda: ours.matches(GOOD, "correct horse")):
        with pytest.raises(SignInUnavailable) as refused:
            work()
        assert "correct horse" not in str(refused.value)
