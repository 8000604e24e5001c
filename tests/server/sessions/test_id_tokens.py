"""ID tokens: whom they are of, by every pinned algorithm."""

import datetime as dt
import hashlib
import json

import jwt
import pytest

from counterseal.server.sessions.id_tokens import IdClaims
from counterseal.server.settings.oidc import ALGORITHMS
from counterseal.server.store.engine import KeyStore
from tests.server.sessions.oidc_provider import (
    NOW,
    Provider,
    b64,
    key_for,
    token_of,
)
from tests.server.sessions.oidc_world import ISSUER, World


def test_whom_a_token_is_of(id_world: World) -> None:
    token = token_of(id_world.claims())
    assert id_world.verify(token) == IdClaims(
        tenant="acme",
        principal="id:alice",
        issuer=ISSUER,
        token_sha256=hashlib.sha256(token.rpartition(".")[0].encode()).digest(),
        expires=dt.datetime.fromtimestamp(NOW + 300, dt.UTC),
    )


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("maker", ["pyjwt", "by hand"])
def test_every_pinned_algorithm_by_two_makers(id_world: World, alg: str, maker: str) -> None:
    """Differential: tokens of PyJWT, and of nothing but cryptography; PyJWT reads ours, and both refuse a changed one."""
    claims, key = id_world.claims(), key_for(alg, 1)
    made = token_of(claims, alg, key, kid=alg) if maker == "by hand" else jwt.encode(claims, key, alg, headers={"kid": alg})
    read = jwt.decode(made, key.public_key(), [alg], audience="shop", options={"verify_exp": False, "verify_iat": False})
    assert read == claims
    head, payload, signature = made.split(".")
    changed = b64(json.dumps(claims | {"sub": "mallory"}).encode())
    assert id_world.verdict(f"{head}.{changed}.{signature}") == "ID token: the signature does not match"
    assert id_world.verdict(made) == "id:alice"
    assert payload != changed


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_an_algorithm_that_is_not_pinned(oidc_store: KeyStore, idp: Provider, other_idp: Provider, alg: str) -> None:
    world = World(oidc_store, idp, other_idp, algorithms=frozenset(ALGORITHMS) - {alg})
    token = token_of(world.claims(), alg, key_for(alg, 1), kid=alg)
    assert world.verdict(token) == "ID token: alg: not one of those pinned for this issuer"


@pytest.mark.parametrize("kid", ALGORITHMS)
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_an_algorithm_that_the_named_key_is_not_for(id_world: World, alg: str, kid: str) -> None:
    """Signed rightly by a key of the issuer, while another of its keys is named."""
    same = key_for(alg, 1) is key_for(kid, 1)
    verdict = id_world.verdict(token_of(id_world.claims(), alg, key_for(alg, 1), kid=kid))
    assert verdict == ("id:alice" if same else "ID token: alg: the key is not made for it, or several keys of that name are")
