"""What an ID token says, once its signature is good: what is refused, and whom it names."""

from typing import Any

import pytest

from counterseal.server.store.engine import KeyStore
from tests.server.sessions.oidc_provider import NOW, Provider, token_of
from tests.server.sessions.oidc_world import ISSUER, OTHER, World

# What a claim must not be, and the beginning of what is said of it. None: it is missing.
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "issuer of nobody": ({"iss": "https://evil.example"}, "iss: no configured issuer"),
    "issuer with a slash": ({"iss": ISSUER + "/"}, "iss: no configured issuer"),
    "issuer in capitals": ({"iss": ISSUER.upper()}, "iss: no configured issuer"),
    "issuer of others": ({"iss": OTHER}, "the signature"),
    "issuer in a list": ({"iss": [ISSUER]}, "iss: no configured issuer"),
    "no issuer": ({"iss": None}, "iss: no configured issuer"),
    "another audience": ({"aud": "blog"}, "aud: another audience"),
    "part of our audience": ({"aud": "sho"}, "aud: another audience"),
    "audiences of others": ({"aud": ["blog", "news"], "azp": "shop"}, "aud: another audience"),
    "no audience": ({"aud": None}, "aud: must be"),
    "audiences none": ({"aud": []}, "aud: another audience"),
    "audience a number": ({"aud": 7}, "aud: must be"),
    "audience an object": ({"aud": {"shop": 1}}, "aud: must be"),
    "audiences of other types": ({"aud": ["shop", 7]}, "aud: must be"),
    "several audiences, azp of somebody else": ({"aud": ["shop", "blog"], "azp": "blog"}, "azp: "),
    "several audiences, no azp": ({"aud": ["shop", "blog"]}, "azp: "),
    "several audiences, azp a list": ({"aud": ["shop", "blog"], "azp": ["shop"]}, "azp: "),
    "one audience, azp of somebody else": ({"azp": "blog"}, "azp: "),
    "expired": ({"exp": NOW - 60}, "exp: expired"),
    "expired long ago": ({"exp": 0}, "exp: expired"),
    "no end": ({"exp": None}, "exp: must be there"),
    "end a text": ({"exp": str(int(NOW) + 300)}, "exp: must be there"),
    "end true": ({"exp": True}, "exp: must be there"),
    "end infinite": ({"exp": 1e308 * 10}, "header or claims are no JSON"),
    "end beyond all calendars": ({"exp": 10**300}, "exp: must be there"),
    "end before all": ({"exp": -1}, "exp: must be there"),
    "issued in the future": ({"iat": NOW + 61}, "iat: in the future"),
    "no time of issue": ({"iat": None}, "iat: must be there"),
    "time of issue a list": ({"iat": [NOW]}, "iat: must be there"),
    "not yet": ({"nbf": NOW + 61}, "nbf: not yet"),
    "not before a text": ({"nbf": "0"}, "nbf: must be there"),
    "no sub": ({"sub": None}, "sub: must be there"),
    "sub empty": ({"sub": ""}, "sub: must be there"),
    "sub a number": ({"sub": 7}, "sub: must be there"),
    "sub a list": ({"sub": ["alice"]}, "sub: must be there"),
    "sub with a newline": ({"sub": "alice\n"}, "the principal's claim"),
    "sub with NUL": ({"sub": "alice\x00"}, "the principal's claim"),
    "sub with control characters": ({"sub": "\x1b[2Jalice"}, "the principal's claim"),
    "sub with a space": ({"sub": "alice bob"}, "the principal's claim"),
    "sub that looks like another": ({"sub": "\u0430lice"}, "the principal's claim"),
    "sub with a lone surrogate": ({"sub": "alice\ud800"}, "the principal's claim"),
    "sub too long": ({"sub": "a" * 126}, "the principal: must be 1 to 128"),
    "sub far too long": ({"sub": "a" * 5000}, "the principal's claim"),
    "a logout token": ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "another kind of token"),
    "an access token of Keycloak": ({"typ": "Bearer"}, "another kind of token"),
    "a refresh token of Keycloak": ({"typ": "Refresh"}, "another kind of token"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_attacks_by_claims(id_world: World, name: str) -> None:
    changes, said = CLAIMS[name]
    assert id_world.verdict(token_of(id_world.claims(**changes))).startswith(f"ID token: {said}")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["shop"]},
        {"aud": "shop-app"},
        {"aud": ["shop", "blog"], "azp": "shop-app"},
        {"azp": "shop"},
        {"exp": NOW - 59},
        {"exp": NOW + 0.5},
        {"exp": 253_402_300_799},
        {"iat": NOW + 60},
        {"nbf": NOW + 60},
        {"typ": "ID"},
        {"email": "not@read", "groups": [{"a": 1}, {"a": 2}]},
    ],
)
def test_what_is_accepted(id_world: World, changes: dict[str, Any]) -> None:
    assert id_world.verdict(token_of(id_world.claims(**changes))) == "id:alice"


@pytest.mark.parametrize("header", [{"typ": "jwt"}, {"b64": True}, {"x5t": "AAAA"}, {"jku": "https://id.example/keys"}])
def test_headers_that_change_nothing(id_world: World, header: dict[str, Any]) -> None:
    assert id_world.verdict(token_of(id_world.claims(), **header)) == "id:alice"


@pytest.mark.parametrize(
    ("held", "given", "accepted"),
    [
        ("n-1", "n-1", True),
        (None, "", True),
        ("ñ", "ñ", True),
        ("n-1", "n-2", False),
        ("n-1", "n-1 ", False),
        ("n-1", "", False),
        (None, "n-1", False),
        ("", "n-1", False),
        ("", "", False),
        (["n-1"], "n-1", False),
        (7, "7", False),
        ("\ud800", "n-1", False),
    ],
)
def test_nonces(id_world: World, held: Any, given: str, accepted: bool) -> None:
    found = id_world.verdict(token_of(id_world.claims(nonce=held)), given)
    assert found == "id:alice" if accepted else found.startswith("ID token: nonce: ")


@pytest.mark.parametrize("sub", ["alice", "other:alice", "id:alice", "a" * 125, "=", "@x"])
def test_nobody_is_called_like_somebody_else(id_world: World, sub: str) -> None:
    # Whatever is written there, it stands behind the prefix of its issuer.
    assert id_world.verdict(token_of(id_world.claims(sub=sub))) == f"id:{sub}"


def test_without_a_prefix(oidc_store: KeyStore, idp: Provider, other_idp: Provider) -> None:
    world = World(oidc_store, idp, other_idp, principal_prefix="")
    assert world.verdict(token_of(world.claims())) == "alice"
    assert world.verdict(token_of(world.claims(sub="-alice"))).startswith("ID token: the principal: ")


def test_other_claims_name_principals(oidc_store: KeyStore, idp: Provider, other_idp: Provider) -> None:
    world = World(oidc_store, idp, other_idp, principal_claim="https://shop.example/login")
    assert world.verdict(token_of(world.claims(**{"https://shop.example/login": "al"}))) == "id:al"
    assert world.verdict(token_of(world.claims())).startswith("ID token: the principal's claim")
    assert world.verdict(token_of(world.claims(sub=None, **{"https://shop.example/login": "al"}))).startswith("ID token: sub:")


@pytest.mark.parametrize("verified", [None, False, "true", 1, [True]])
def test_email_that_is_not_proved(oidc_store: KeyStore, idp: Provider, other_idp: Provider, verified: Any) -> None:
    world = World(oidc_store, idp, other_idp, principal_claim="email")
    assert world.verdict(token_of(world.claims(email="a@shop.example", email_verified=True))) == "id:a@shop.example"
    token = token_of(world.claims(email="a@shop.example", email_verified=verified))
    assert world.verdict(token).startswith("ID token: email_verified")


def test_refusals_quote_nothing(id_world: World) -> None:
    marker = "zebra7"
    for changes in (
        {"sub": f"{marker} x"},
        {"aud": marker},
        {"iss": marker},
        {"nonce": marker},
        {"azp": marker},
        {"exp": marker},
    ):
        assert marker not in id_world.verdict(token_of(id_world.claims(**changes)))
    assert marker not in id_world.verdict(token_of(id_world.claims(), kid=marker))
    assert marker not in repr(id_world.verify(token_of(id_world.claims(sub=marker))).__class__)
