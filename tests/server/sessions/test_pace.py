"""Rows are never removed: neither a stolen token nor a known password makes them as fast as calls go."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select

from counterseal.server.sessions import pace
from counterseal.server.sessions.pace import MOST_IN_WINDOW, WINDOW, one_more
from counterseal.server.sessions.refusing import Refuse
from counterseal.server.store import session_views
from counterseal.server.store.session_records import Tally
from counterseal.server.store.tables import AUDIT, KEYS, SESSIONS
from counterseal.v1 import sessions_pb2 as pb
from tests.server.sessions.people import PASSWORD, People, public, reason, serving_people
from tests.server.sessions.test_limits import Issuer
from tests.store.samples import open_store

LIMIT = 5
NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in ("pace", "throttle"):
        monkeypatch.setattr(f"counterseal.server.sessions.{where}.MOST_IN_WINDOW", LIMIT)


@pytest.fixture
def paced(tmp_path: Path, cheap: None, slowly: None) -> Iterator[People]:
    with serving_people(tmp_path / "data") as found:
        found.add()
        found.add("bob")
        yield found


def rows(tmp_path: Path) -> tuple[int, ...]:
    store = open_store(f"sqlite:///{tmp_path}/data/counterseal.db", timeout=10)
    try:
        with store.transactions.reading() as connection:
            return tuple(connection.scalar(select(func.count()).select_from(table)) or 0 for table in (KEYS, SESSIONS, AUDIT))
    finally:
        store.close()


def throttled(refused: pb.SessionRefused, most: int = 900) -> bool:
    assert reason(refused) == "THROTTLED"
    assert 1 <= refused.retry_after.seconds <= most
    return True


def test_credentials_by_a_stolen_token(paced: People, tmp_path: Path) -> None:
    given = paced.sign_in()
    for _ in range(LIMIT):
        answer = paced.credentials(access_token=given.access_token.token)
        assert answer.WhichOneof("outcome") == "credentials"
        paced.clock.ahead += 10
    before = rows(tmp_path)
    assert throttled(paced.credentials(access_token=given.access_token.token).refused, 900 - 10 * LIMIT)
    assert throttled(paced.credentials(session_id=given.session.session_id).refused, 900 - 10 * LIMIT)
    assert rows(tmp_path) == before
    # Another session of the same principal goes on, and what was issued goes on verifying.
    assert paced.credentials(session_id=paced.sign_in().session.session_id).WhichOneof("outcome") == "credentials"
    paced.clock.ahead += 900 - 10 * LIMIT + 1
    assert paced.credentials(session_id=given.session.session_id).WhichOneof("outcome") == "credentials"


def test_who_has_no_token_that_is_good_uses_nothing_up(paced: People) -> None:
    before = paced.sign_in()
    given = paced.refresh(before.refresh_token)
    for _ in range(2 * LIMIT):
        assert reason(paced.credentials(access_token=before.access_token.token).refused) == "UNKNOWN"
    assert paced.credentials(access_token=given.access_token.token).WhichOneof("outcome") == "credentials"


def test_credentials_that_are_over_make_the_next_no_slower(paced: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a session has given out in hours is not read again for each command."""
    monkeypatch.setattr("counterseal.server.sessions.throttle.MOST_IN_WINDOW", 1000)
    which, read = paced.sign_in().session.session_id, list[int]()
    sound = session_views._lock_keys

    def counted(*given: Any, **named: Any) -> Any:
        found = sound(*given, **named)
        read.append(sum(len(keys) for keys in found.values()))
        return found

    monkeypatch.setattr(session_views, "_lock_keys", counted)
    for number in range(80):
        assert paced.credentials(60 if number < 20 else 900, session_id=which).WhichOneof("outcome") == "credentials"
    assert max(read) <= 31  # thirty that live, and the key of the bearer token
    read.clear()
    assert paced.sign_out(session_id=which).WhichOneof("outcome") == "signed_out"
    assert max(read) <= 31


def test_credentials_at_once_are_no_more_than_in_turn(paced: People) -> None:
    which = paced.sign_in().session.session_id
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: paced.credentials(session_id=which).WhichOneof("outcome"), range(12)))
    assert answers.count("credentials") == LIMIT


def test_refreshes_by_a_stolen_token(paced: People, tmp_path: Path) -> None:
    given = paced.sign_in()
    for _ in range(LIMIT):
        given = paced.refresh(given.refresh_token, "one")
    before = rows(tmp_path)
    for _ in range(3):
        assert throttled(paced.try_refresh(given.refresh_token).refused)
    assert rows(tmp_path) == before
    # Nobody was signed out, and no token was used up.
    assert paced.verify_token(given.access_token.token) == "verified"
    paced.clock.ahead += 901
    again = paced.refresh(given.refresh_token)
    # One that was used before ends the session, whether there are too many or not.
    for _ in range(LIMIT - 1):
        again = paced.refresh(again.refresh_token)
    assert reason(paced.try_refresh(given.refresh_token).refused) == "REUSED"


def test_asking_again_for_an_answer_counts_as_well(paced: People) -> None:
    given = paced.sign_in()
    for _ in range(LIMIT):
        paced.refresh(given.refresh_token, "one")
    assert throttled(paced.try_refresh(given.refresh_token, "one").refused)


def test_sign_outs_are_never_too_many(paced: People) -> None:
    given = paced.sign_in()
    for _ in range(LIMIT):
        given = paced.refresh(given.refresh_token)
    assert throttled(paced.try_refresh(given.refresh_token).refused)
    assert paced.sign_out(refresh_token=given.refresh_token).WhichOneof("outcome") == "signed_out"


def test_who_knows_a_password_begins_only_so_many_sessions(paced: People, tmp_path: Path) -> None:
    for number in range(LIMIT):
        paced.sign_in(source=f"192.0.2.{number}")
    before = rows(tmp_path)
    assert throttled(paced.try_sign_in("alice", PASSWORD, "198.51.100.1").refused)
    assert rows(tmp_path) == before
    paced.sign_in("bob")
    # Guesses are answered as ever.
    assert reason(paced.try_sign_in("alice", "wrong", "198.51.100.1").refused) == "CREDENTIALS"
    paced.clock.ahead += 901
    paced.sign_in()


def test_whom_an_issuer_vouches_for_again_and_again(
    tmp_path: Path, cheap: None, slowly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that asks nobody anything gives out as many tokens as a page wishes for."""
    monkeypatch.setattr("counterseal.server.assembly.sessions.build_id_tokens", lambda *_: Issuer())
    with serving_people(tmp_path / "data") as people:
        request = pb.ExchangeRequest(id_token="x")
        for _ in range(LIMIT):
            answer = people.sessions.Exchange(request, metadata=people.admin)
            assert answer.WhichOneof("outcome") == "signed_in"
        before = rows(tmp_path)
        assert throttled(people.sessions.Exchange(request, metadata=people.admin).refused)
        assert rows(tmp_path) == before


def test_on_another_server_too(tmp_path: Path, cheap: None, slowly: None) -> None:
    url = f"sqlite:///{tmp_path}/data/counterseal.db"
    with serving_people(tmp_path / "data") as one, serving_people(tmp_path / "data", DATABASE_URL=url) as other:
        one.add()
        given = one.sign_in()
        for number in range(LIMIT - 1):
            given = (one, other)[number % 2].refresh(given.refresh_token)
            (one, other)[number % 2].sign_in()
        given = other.refresh(given.refresh_token)
        for people in (one, other):
            assert throttled(people.try_refresh(given.refresh_token).refused)
            assert throttled(people.try_sign_in().refused)


def test_a_key_that_is_registered_again_and_again_leaves_no_rows(tmp_path: Path, cheap: None) -> None:
    key = public(ec.generate_private_key(ec.SECP256R1()))
    with serving_people(tmp_path / "data", SESSION_KEY_SECONDS="600") as people:
        people.add()
        given = people.sign_in(public_key=key)
        which = given.session.session_id
        before = rows(tmp_path)
        for _ in range(10):
            people.clock.ahead += 5
            shown = people.register(key, session_id=which).key
            # It says what is so.
            assert shown.expire_time == given.key.expire_time
        assert rows(tmp_path) == before
        people.clock.ahead += 15
        assert people.register(key, session_id=which).key.expire_time.seconds >= given.key.expire_time.seconds + 60


def test_new_keys_are_as_many_as_live_at_once(paced: People, tmp_path: Path) -> None:
    which = paced.sign_in().session.session_id
    answers: list[Any] = [
        paced.register(public(ec.generate_private_key(ec.SECP256R1())), session_id=which).WhichOneof("outcome")
        for _ in range(20)
    ]
    assert answers.count("key") == 10


def test_the_limits_are_far_from_what_clients_do() -> None:
    """The AWS command line fetches credentials for each command, and a page that is reloaded refreshes."""
    assert MOST_IN_WINDOW == 300
    assert dt.timedelta(minutes=15) == WINDOW


@pytest.mark.parametrize("off", [dt.timedelta(hours=-5), dt.timedelta(hours=5)])
def test_a_clock_that_was_wrong_holds_nobody_back(off: dt.timedelta, slowly: None) -> None:
    full = Tally(since=NOON, count=LIMIT)
    assert one_more(dataclasses.replace(full, since=NOON + off), NOON) == Tally(since=NOON, count=1)
    for now in (NOON, NOON - dt.timedelta(minutes=2), NOON + WINDOW - dt.timedelta(seconds=1)):
        with pytest.raises(Refuse):
            one_more(full, now)
    assert one_more(full, NOON + WINDOW) == Tally(since=NOON + WINDOW, count=1)
    assert pace.one_more(None, NOON) == Tally(since=NOON, count=1)
