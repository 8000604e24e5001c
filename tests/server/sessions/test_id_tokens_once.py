"""An ID token is good once, on whichever replica, and outages are no refusals."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from counterseal.server.errors import SignInUnavailable, StoreUnavailable
from counterseal.server.sessions.id_tokens import IdClaims, IdRefused
from counterseal.server.sessions.used_id_tokens import UsedIdTokens
from counterseal.server.store.engine import KeyStore, open_store
from counterseal.server.store.replays import ReplayTable
from tests.server.sessions.oidc_provider import (
    NOW,
    Clock,
    Provider,
    b64,
    claims_of,
    private,
    provider,
    setting_of,
    token_of,
)
from tests.server.sessions.oidc_world import ISSUER, World, anybodys, tokens_for
from tests.store.engines import ENGINES

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_a_token_is_good_once(id_world: World) -> None:
    token = token_of(id_world.claims())
    assert id_world.verdict(token) == "id:alice"
    for _ in range(2):
        assert id_world.verdict(token) == "ID token: used before"
    # Right up to its last moment.
    id_world.clock.now = NOW + 300 + 59.9
    try:
        assert id_world.verdict(token) == "ID token: used before"
    finally:
        id_world.clock.now = NOW


def test_a_second_signature_over_the_same_is_no_second_token(id_world: World) -> None:
    """ECDSA: (r, n - s) is as good as (r, s), and needs no private key."""
    token = token_of(id_world.claims(), "ES256", private("p256", 1), kid="ES256")
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    twin = raw[:32] + (_P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert id_world.verdict(f"{signed}.{b64(twin)}") == "id:alice"
    assert id_world.verdict(token) == "ID token: used before"


def test_a_token_used_by_many_at_once(id_world: World) -> None:
    for _ in range(5):
        token, barrier = token_of(id_world.claims()), Barrier(8)

        def use(_: int, token: str = token, barrier: Barrier = barrier) -> str:
            barrier.wait(60)
            return id_world.verdict(token)

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(use, range(8))) == ["ID token: used before"] * 7 + ["id:alice"]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_token_used_on_another_replica(engine: str, tmp_path: Path, idp: Provider) -> None:
    url = ENGINES[engine](tmp_path)
    replicas = [open_store(url, timeout=60) for _ in range(2)]
    replicas[0].upgrade()
    try:
        one, other = (tokens_for(store, Clock(), setting_of(idp.url)) for store in replicas)
        token = token_of(claims_of(ISSUER))
        assert isinstance(one.verify(token, "", sees=anybodys), IdClaims)
        assert other.verify(token, "", sees=anybodys) == IdRefused(detail="ID token: used before")
        barrier, contested = Barrier(8), token_of(claims_of(ISSUER, jti="2"))

        def use(number: int) -> bool:
            barrier.wait(60)
            return isinstance((one, other)[number % 2].verify(contested, "", sees=anybodys), IdClaims)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(use, range(8))) == 1
    finally:
        for store in replicas:
            store.close()


def test_used_tokens_are_forgotten_after_their_end(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/k.db", timeout=5)
    try:
        store.upgrade()
        table = ReplayTable(store.database)
        used = UsedIdTokens(table)
        assert used.use(b"\1" * 32, until=NOW + 10, now=NOW)
        assert not used.use(b"\1" * 32, until=NOW + 10, now=NOW + 10)
        # An hour later, beside another: the first row is gone, and not because somebody asked for it.
        assert used.use(b"\2" * 32, until=NOW + 7200, now=NOW + 3600)
        assert table.purge(int((NOW + 3600) * 1e6), 10) == 0
    finally:
        store.close()


def test_a_store_that_is_away_is_no_refusal_and_no_pass(tmp_path: Path, idp: Provider) -> None:
    store = open_store(f"sqlite:///{tmp_path}/k.db", timeout=0.2)
    store.upgrade()
    tokens = tokens_for(store, Clock(), setting_of(idp.url))
    store.close()
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / "k.db").mkdir()
    with pytest.raises(StoreUnavailable):
        tokens.verify(token_of(claims_of(ISSUER)), "", sees=anybodys)


def test_a_provider_that_is_away_is_no_refusal(oidc_store: KeyStore) -> None:
    with provider() as gone:
        url = gone.url
    tokens = tokens_for(oidc_store, Clock(), setting_of(url))
    with pytest.raises(SignInUnavailable):
        tokens.verify(token_of(claims_of(ISSUER)), "", sees=anybodys)
    # What needs no key to be refused is refused all the same.
    unsigned = ".".join([b64(b'{"alg":"none"}'), *token_of(claims_of(ISSUER)).split(".")[1:]])
    detail = "ID token: alg: not one of those pinned for this issuer"
    assert tokens.verify(unsigned, "", sees=anybodys) == IdRefused(detail=detail)
