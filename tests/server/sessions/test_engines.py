"""On a database server, where calls about one session meet: its limits hold, and so do those of guesses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server.sessions.people import People, public, reason, serving_people
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
