"""Two issuers that are configured, and what verifies their ID tokens."""

import uuid
from typing import Any

from counterseal.server.sessions.id_tokens import IdClaims, IdRefused, IdTokens, open_jws
from counterseal.server.sessions.jwks import Jwks
from counterseal.server.sessions.used_id_tokens import UsedIdTokens
from counterseal.server.settings.oidc import OidcSetting
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.replays import ReplayTable
from counterseal.server.telemetry.log import open_log
from tests.server.sessions.oidc_provider import Clock, Provider, claims_of, setting_of

ISSUER, OTHER = "https://id.example", "https://other.example"


class World:
    """Two issuers, and what verifies their tokens."""

    def __init__(self, store: KeyStore, idp: Provider, other_idp: Provider, **changes: Any) -> None:
        self.clock = Clock()
        settings = (
            setting_of(idp.url, ISSUER, **changes),
            setting_of(other_idp.url, OTHER, principal_prefix="other:", algorithms=frozenset({"RS256"})),
        )
        self.tokens = tokens_for(store, self.clock, *settings)
        # Its tokens are this test's own: no two tests use up each other's. Not id(): the next world may get the same.
        self._name = uuid.uuid4().hex
        self._unique = iter(range(1_000_000))

    def claims(self, **changes: Any) -> dict[str, Any]:
        return claims_of(ISSUER, jti=f"{self._name}-{next(self._unique)}", **changes)

    def verify(self, token: str, nonce: str = "") -> IdClaims | IdRefused:
        return self.tokens.verify(token, nonce, sees=anybodys)

    def verdict(self, token: str, nonce: str = "") -> str:
        found = self.verify(token, nonce)
        return found.principal if isinstance(found, IdClaims) else found.detail


def anybodys(_: str) -> bool:
    """Say that a caller may act for every tenant."""
    return True


def tokens_for(store: KeyStore, clock: Clock, *settings: OidcSetting) -> IdTokens:
    log = open_log("error")
    return IdTokens(
        settings,
        keys={setting.issuer: Jwks(setting.jwks_url, log=log, fetch_seconds=60) for setting in settings},
        used=UsedIdTokens(ReplayTable(store.database)),
        jws=open_jws(),
        clock=clock,
    )
