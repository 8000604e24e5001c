"""What looks like an ID token and is none: the text, the header, the key and the signature."""

import base64
import hashlib
import hmac
import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from counterseal.server.sessions.id_tokens import IdRefused
from tests.server.sessions.oidc_provider import (
    assemble,
    b64,
    jwk_of,
    pem_of,
    private,
    provider,
    sign,
    token_of,
)
from tests.server.sessions.oidc_world import ISSUER, World


def _unsigned(claims: dict[str, Any], alg: Any, signature: str = "") -> str:
    return f"{b64(json.dumps({'alg': alg, 'kid': 'k1'}).encode())}.{b64(json.dumps(claims).encode())}.{signature}"


def _hs(claims: dict[str, Any], alg: str, secret: bytes) -> str:
    digest = getattr(hashlib, f"sha{alg[2:]}")
    head = json.dumps({"alg": alg, "typ": "JWT", "kid": "k1"}).encode()
    return assemble(head, json.dumps(claims).encode(), lambda message: hmac.digest(secret, message, digest))


def _deep(depth: int) -> bytes:
    return b'{"iss":"' + ISSUER.encode() + b'","x":' + b"[" * depth + b"]" * depth + b"}"


def _flip(token: str, part: int, at: int) -> str:
    parts = token.split(".")
    letter = parts[part][at]
    parts[part] = parts[part][:at] + ("A" if letter != "A" else "B") + (parts[part][at + 1 :] if at != -1 else "")
    return ".".join(parts)


def _raw(claims: dict[str, Any], head: str) -> str:
    """Sign what stands there, under a header written as text."""
    return assemble(head.encode(), json.dumps(claims).encode(), lambda message: sign(private("rsa"), "RS256", message))


MALLORY = private("rsa", 9)
# What everybody may have: the public key in its spellings, and what a careless verifier takes for it.
PUBLIC = {
    "pem": pem_of(private("rsa")),
    "pem without its last newline": pem_of(private("rsa")).rstrip(),
    "jwk": json.dumps(jwk_of(private("rsa"))).encode(),
    "nothing": b"",
}
Making = Callable[[dict[str, Any]], str]
# Name, how the token is made of good claims, and the beginning of what is said of it.
ATTACKS: dict[str, tuple[Making, str]] = {
    # Which key, and how.
    **{
        f"alg {alg!r} with {'a' if signature else 'no'} signature": (
            lambda claims, alg=alg, signature=signature: _unsigned(claims, alg, signature),  # type: ignore[misc]
            "alg: not one" if signature and isinstance(alg, str) else "no alg" if signature else "not three parts",
        )
        for alg in (
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            "",
            "rs256",
            "RS256 ",
            "RS256\n",
            "RS256\u0000",
            None,
            0,
            [],
            ["RS256"],
        )
        for signature in ("", "AAAA")
    },
    **{
        f"{alg} with {name} for the secret": (
            lambda claims, alg=alg, secret=secret: _hs(claims, alg, secret),  # type: ignore[misc]
            "alg: not one of those pinned",
        )
        for alg in ("HS256", "HS384", "HS512")
        for name, secret in PUBLIC.items()
    },
    "ES256 with a P-384 key": (
        lambda claims: token_of(claims, "ES256", private("p384", 1), kid="ES384"),
        "alg: the key is not made",
    ),
    "key of another issuer with the same kid": (lambda claims: token_of(claims, key=private("rsa", 2)), "the signature"),
    "key of a stranger": (lambda claims: token_of(claims, key=MALLORY), "the signature"),
    "kid of nobody": (lambda claims: token_of(claims, kid="nobody"), "kid: the issuer has no such key"),
    "no kid, several keys": (lambda claims: token_of(claims, kid=None), "kid: the issuer has no such key, or several"),
    "kid empty": (lambda claims: token_of(claims, kid=""), "kid must be"),
    "kid a path": (lambda claims: token_of(claims, kid="../../../dev/null"), "kid: the issuer has no such key"),
    "kid an injection": (lambda claims: token_of(claims, kid="k1' OR '1'='1"), "kid: the issuer has no such key"),
    "kid a list": (lambda claims: token_of(claims, kid=["k1"]), "kid must be"),
    "kid very long": (lambda claims: token_of(claims, kid="k" * 256), "kid must be"),
    "its own key in jwk": (lambda claims: token_of(claims, key=MALLORY, jwk=jwk_of(MALLORY, kid="k1")), "the signature"),
    "its own key in jwk, and no kid": (
        lambda claims: token_of(claims, key=MALLORY, kid=None, jwk=jwk_of(MALLORY)),
        "kid: the issuer has no such key",
    ),
    "its own certificate in x5c": (
        lambda claims: token_of(claims, key=MALLORY, x5c=[base64.b64encode(b"cert").decode()]),
        "the signature",
    ),
    # The header.
    "crit": (lambda claims: token_of(claims, crit=["exp"], exp=1), "a header that must be understood"),
    "crit empty": (lambda claims: token_of(claims, crit=[]), "a header that must be understood"),
    "b64 false": (lambda claims: token_of(claims, b64=False), "a header that must be understood"),
    "b64 false and critical": (lambda claims: token_of(claims, b64=False, crit=["b64"]), "a header that must be understood"),
    "b64 something": (lambda claims: token_of(claims, b64="true"), "a header that must be understood"),
    "an access token": (lambda claims: token_of(claims, typ="at+jwt"), "another type than JWT"),
    "a logout token by its type": (lambda claims: token_of(claims, typ="logout+jwt"), "another type than JWT"),
    "typ null": (lambda claims: token_of(claims, typ=None), "another type than JWT"),
    "typ a list": (lambda claims: token_of(claims, typ=["JWT"]), "another type than JWT"),
    "alg twice, none last": (
        lambda claims: _raw(claims, '{"alg":"RS256","kid":"k1","alg":"none"}'),
        "header or claims are no JSON object",
    ),
    "alg twice, none first": (
        lambda claims: _raw(claims, '{"alg":"none","kid":"k1","alg":"RS256"}'),
        "header or claims are no JSON object",
    ),
    "header a list": (lambda claims: _raw(claims, '["RS256"]'), "header or claims are no JSON object"),
    "header very deep": (lambda claims: _raw(claims, "[" * 5000 + "]" * 200), "header or claims are no JSON object"),
    # The signature.
    "signature stripped": (lambda claims: token_of(claims).rpartition(".")[0] + ".", "not three parts"),
    "signature and its dot stripped": (lambda claims: token_of(claims).rpartition(".")[0], "not three parts"),
    "signature changed at its start": (lambda claims: _flip(token_of(claims), 2, 0), "the signature"),
    "signature of zeros": (lambda claims: token_of(claims).rpartition(".")[0] + "." + b64(bytes(256)), "the signature"),
    "ECDSA signature of zeros": (
        lambda claims: token_of(claims, "ES256", private("p256", 1), kid="ES256").rpartition(".")[0] + "." + b64(bytes(64)),
        "the signature",
    ),
    "ECDSA signature too short": (
        lambda claims: token_of(claims, "ES256", private("p256", 1), kid="ES256").rpartition(".")[0] + "." + b64(b"\x01" * 63),
        "the signature",
    ),
    "signature of another token": (
        lambda claims: token_of(claims).rpartition(".")[0] + "." + token_of(claims | {"sub": "bob"}).rpartition(".")[2],
        "the signature",
    ),
    # The text.
    "five parts, as an encrypted token": (lambda claims: token_of(claims) + ".AA.AA", "not three parts"),
    "padded": (lambda claims: token_of(claims) + "=", "not three parts"),
    "a newline after it": (lambda claims: token_of(claims) + "\n", "not three parts"),
    "a space before it": (lambda claims: " " + token_of(claims), "not three parts"),
    "other digits": (lambda claims: token_of(claims) + "\u0661", "not three parts"),
    "bits left over": (lambda claims: token_of(claims)[:-1] + "-_"[token_of(claims)[-1] == "-"], "a part is no base64url"),
    "JSON serialization": (lambda claims: json.dumps({"payload": token_of(claims)}), "not three parts"),
    "17 KiB": (lambda claims: token_of(claims | {"x": "x" * 12_500}), "not three parts"),
    "nothing": (lambda claims: "", "not three parts"),
    "dots": (lambda claims: "..", "not three parts"),
    # The claims' JSON.
    "claims twice": (
        lambda claims: token_of(json.dumps(claims).encode()[:-1] + b',"sub":"bob"}'),
        "header or claims are no JSON object",
    ),
    "claims twice within": (
        lambda claims: token_of(json.dumps(claims).encode()[:-1] + b',"x":{"a":1,"a":2}}'),
        "header or claims are no JSON object",
    ),
    "claims very deep": (lambda claims: token_of(_deep(5500)), "header or claims are no JSON object"),
    "claims a text": (lambda claims: token_of(b'"alice"'), "header or claims are no JSON object"),
    "claims not UTF-8": (lambda claims: token_of(b'{"iss":"\xff"}'), "header or claims are no JSON object"),
    "claims with NaN": (
        lambda claims: token_of(json.dumps(claims | {"exp": math.nan}).encode()),
        "header or claims are no JSON object",
    ),
    "a number of five thousand digits": (
        lambda claims: token_of(json.dumps(claims).encode()[:-1] + b',"x":' + b"9" * 5000 + b"}"),
        "header or claims are no JSON object",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(id_world: World, name: str) -> None:
    make, said = ATTACKS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = id_world.verdict(make(id_world.claims()))
    assert found.startswith(f"ID token: {said}")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_any_character_changed(id_world: World, part: int) -> None:
    token = token_of(id_world.claims())
    length = len(token.split(".")[part])
    for at in range(0, length, max(1, length // 40)):
        assert isinstance(id_world.verify(_flip(token, part, at)), IdRefused)
    # The token itself is good, and what was refused has not used it up.
    assert id_world.verdict(token) == "id:alice"


@pytest.mark.parametrize("header", ["jku", "x5u"])
def test_addresses_in_the_token_are_never_asked(id_world: World, header: str) -> None:
    with provider() as evil:
        evil.keys = [jwk_of(MALLORY, kid="k1"), jwk_of(MALLORY, kid="evil")]
        for kid in ("k1", "evil"):
            found = id_world.verdict(token_of(id_world.claims(), key=MALLORY, kid=kid, **{header: evil.url}))
            assert found.startswith(("ID token: the signature", "ID token: kid: the issuer"))
        assert evil.asked == []
