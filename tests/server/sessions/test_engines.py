"""On a database server, where calls about one session meet: its limits hold, and so do those of guesses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Update, update

from counterseal.server.store.tables import KEYS, SESSIONS
from counterseal.v1 import principals_pb2 as ppb
from tests.server.calls import failing
from tests.server.sessions.people import People, public, reason, serving_people
from tests.store.samples import open_store
from tests.support.mariadb import shared_mariadb
from tests.support.postgres import shared_postgres

ENGINES: dict[str, Callable[[], str]] = {
    "postgres": lambda: shared_postgres().new_database(),
    "mariadb": lambda: shared_mariadb().new_database(),
}


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_calls_at_once(engine: str, tmp_path: Path, cheap: None) -> None:
    with serving_people(tmp_path / "data", DATABASE_URL=ENGINES[engine]()) as people, ThreadPoolExecutor(8) as pool:
        people.add()
        given = people.sign_in()
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(12)]
        registered = list(pool.map(lambda key: people.register(public(key), session_id=given.session.session_id), keys))
        assert sorted(str(answer.WhichOneof("outcome")) for answer in registered) == ["key"] * 10 + ["refused"] * 2
        guesses = list(pool.map(lambda _: reason(people.try_sign_in("alice", "wrong").refused), range(10)))
        assert sorted(guesses) == ["CREDENTIALS"] * 5 + ["THROTTLED"] * 5
        newest = refreshed_once(people, given.refresh_token, pool)
        assert people.verify_token(newest) == "KEY_REVOKED"


def refreshed_once(people: People, token: str, pool: ThreadPoolExecutor) -> str:
    """Of several with one token, one is answered, and all together end the session. Returns the bearer token of the answer."""
    answers = list(pool.map(people.try_refresh, [token] * 4))
    (answered,) = (answer.signed_in for answer in answers if answer.WhichOneof("outcome") == "signed_in")
    assert "REUSED" in {reason(answer.refused) for answer in answers if answer.WhichOneof("outcome") == "refused"}
    assert people.listed() == []
    return answered.access_token.token


# Text that is no JSON, and a time that no clock shows: what these engines let anybody write.
BROKEN: tuple[dict[str, object], ...] = (
    {"client": "["},
    {"idle_until": 9_000_000_000_000_000_000},
    {"state": "ended"},
    {"expires": 1},
)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_broken_rows_keep_nobody_from_disabling(engine: str, tmp_path: Path, cheap: None) -> None:
    url = ENGINES[engine]()
    with serving_people(tmp_path / "data", DATABASE_URL=url, REVOKE_BOUND="60") as people:
        people.add()
        held = [people.sign_in() for _ in range(len(BROKEN) + 2)]
        tokens = [given.access_token.token for given in held]
        assert {people.verify_token(token) for token in tokens} == {"verified"}
        store = open_store(url, timeout=30)
        try:
            for broken, given in zip(BROKEN, held, strict=False):
                of_session = SESSIONS.c.session_id == given.session.session_id
                store.transactions.writing(partial(_execute, update(SESSIONS).where(of_session).values(broken)))
            of_key = KEYS.c.key_id == held[-1].access_token.key_id
            store.transactions.writing(partial(_execute, update(KEYS).where(of_key).values(labels="[")))
        finally:
            store.close()
        request = ppb.UpdatePrincipalRequest(
            principal=ppb.Principal(tenant="default", name="alice", state=ppb.PRINCIPAL_STATE_DISABLED)
        )
        request.update_mask.paths.append("state")
        people.principals.UpdatePrincipal(request, metadata=people.admin)
        assert [people.verify_token(token) for token in tokens[:-1]] == ["KEY_REVOKED"] * (len(tokens) - 1)
        with failing() as seen:
            people.verify_token(tokens[-1])
        assert seen[0].code == "INTERNAL"
        assert people.log().count("session_seal_broken") == len(BROKEN) + 1


def _execute(statement: Update, connection: Connection) -> None:
    assert connection.execute(statement).rowcount == 1


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_what_leaves_rows_is_counted_by_all_together(
    engine: str, tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where in ("pace", "throttle"):
        monkeypatch.setattr(f"counterseal.server.sessions.{where}.MOST_IN_WINDOW", 6)
    with serving_people(tmp_path / "data", DATABASE_URL=ENGINES[engine]()) as people, ThreadPoolExecutor(8) as pool:
        people.add()
        which = people.sign_in().session.session_id
        issued = list(pool.map(lambda _: people.credentials(session_id=which).WhichOneof("outcome"), range(10)))
        begun = list(pool.map(lambda _: people.try_sign_in().WhichOneof("outcome"), range(8)))
        assert (issued.count("credentials"), begun.count("signed_in")) == (6, 5)
