"""Whatever JSON stands in an ID token, the answer is yes or no: nothing of it is a bug, and nothing names somebody else."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterseal.server.sessions.id_tokens import IdClaims, IdRefused
from tests.server.sessions.oidc_provider import token_of
from tests.server.sessions.oidc_world import World

NUMBERS = st.one_of(st.integers(), st.floats(), st.integers(min_value=10**300, max_value=10**320))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20), st.sampled_from(["shop", "alice", "n-1", "k1", "JWT"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
CLAIMS = ("iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "sub", "typ", "events", "email_verified", "jti")
HEADERS = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "zip", "enc", "x5c")
OFTEN = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@OFTEN
@given(changes=st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=3), nonce=st.sampled_from(["", "n-1"]))
def test_claims(id_world: World, changes: dict[str, Any], nonce: str) -> None:
    found = id_world.verify(token_of(id_world.claims() | changes), nonce)
    assert isinstance(found, IdClaims | IdRefused)
    if isinstance(found, IdClaims):
        assert found.issuer == "https://id.example"
        assert re.fullmatch(r"id:[A-Za-z0-9._~@+:|/=-]{1,125}", found.principal)


@OFTEN
@given(changes=st.dictionaries(st.sampled_from(HEADERS), JSON, min_size=1, max_size=3))
def test_headers(id_world: World, changes: dict[str, Any]) -> None:
    key = {name: changes.pop(name) for name in ("kid",) if name in changes}
    found = id_world.verify(token_of(id_world.claims(), "RS256", **key, **_unlike_arguments(changes)), "")
    assert isinstance(found, IdClaims | IdRefused)


def _unlike_arguments(changes: dict[str, Any]) -> dict[str, Any]:
    """`alg` goes into the header alone: the token is signed with RS256 all the same."""
    return {("header_alg" if name == "alg" else name): value for name, value in changes.items()}
