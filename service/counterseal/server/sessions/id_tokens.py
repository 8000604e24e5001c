"""ID tokens of OpenID Connect issuers: whose they are, and whether they may begin a session. An ID token is good once.

Which issuer a token is of decides which pinned setting it is held against, and nothing more: keys, algorithms and audiences are
never taken from the token. See docs/oidc.md for the order of the checks, and for what is not checked.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterseal.server.errors import ConfigError
from counterseal.server.sessions.id_claims import LEEWAY, check_claims
from counterseal.server.sessions.id_token_text import IdRefusal, IdTokenText, read_id_token
from counterseal.server.sessions.jwk_set import IssuerKey
from counterseal.server.sessions.jwks import FindsKeys
from counterseal.server.sessions.used_id_tokens import UsedIdTokens
from counterseal.server.settings.oidc import ALGORITHMS, OidcSetting

if TYPE_CHECKING:
    from jwt import PyJWS


@dataclass(frozen=True, slots=True, kw_only=True)
class IdClaims:
    """Whom a verified ID token is of.

    `token_sha256` is of what was signed, header and claims: with ECDSA everybody can write a second signature over the same.
    `expires` is the token's own, which may lie up to a minute in the past.
    """

    tenant: str
    principal: str
    issuer: str
    token_sha256: bytes = field(repr=False)
    expires: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRefused:
    """The ID token begins no session. `detail` is for the front's log and quotes nothing of the token."""

    detail: str


def open_jws() -> "PyJWS":
    """Return what verifies signatures, of the algorithms that can be pinned and no others.

    Raises:
        ConfigError: PyJWT is not installed.
    """
    try:
        from jwt import PyJWS
    except ImportError:
        raise ConfigError("oidc: needs the extra `oidc`: install counterseal[oidc]") from None
    return PyJWS(algorithms=list(ALGORITHMS))


class IdTokens:
    """Verifies ID tokens. Thread-safe."""

    def __init__(
        self,
        settings: tuple[OidcSetting, ...],
        *,
        keys: Mapping[str, FindsKeys],
        used: UsedIdTokens,
        jws: "PyJWS",
        clock: Callable[[], float],
    ) -> None:
        """`keys` are those of each issuer; `clock` returns Unix seconds."""
        self._settings = {setting.issuer: setting for setting in settings}
        self._keys = keys
        self._used = used
        self._jws = jws
        self._clock = clock

    def verify(self, id_token: str, nonce: str, *, sees: Callable[[str], bool]) -> IdClaims | IdRefused:
        """Verify a token, and remember it: the same token is refused from then on, whatever becomes of this call.

        `nonce` is what the front sent to the issuer, empty for none; a token with a nonce is refused without it. `sees` says
        whether a tenant is the caller's business: issuers of others are none at all to it, in words and in time. So it neither
        uses up a token that somebody else's users hold, nor learns whether one is good.

        Raises:
            SignInUnavailable: the issuer's keys cannot be had.
            StoreUnavailable: nobody knows whether the token was used.
        """
        try:
            return self._verified(read_id_token(id_token), nonce, sees)
        except IdRefusal as refusal:
            return IdRefused(detail=f"ID token: {refusal}")

    def _verified(self, token: IdTokenText, nonce: str, sees: Callable[[str], bool]) -> IdClaims:
        issuer = token.claims.get("iss")
        setting = self._settings.get(issuer) if isinstance(issuer, str) else None
        if setting is None or not sees(setting.tenant):
            raise IdRefusal("iss: no configured issuer")
        # Before any key is looked for: with `none` or HS256 there is nothing to look for.
        if token.alg not in setting.algorithms:
            raise IdRefusal("alg: not one of those pinned for this issuer")
        self._check_signature(token, _only(self._keys[setting.issuer].find(token.kid), token.alg))
        now = self._clock()
        principal, ends = check_claims(token.claims, setting, nonce, now)
        digest = hashlib.sha256(token.signed).digest()
        # Last, so that nobody but the issuer uses up a token, and none that is refused for something else.
        if not self._used.use(digest, until=ends + LEEWAY, now=now):
            raise IdRefusal("used before")
        return IdClaims(
            tenant=setting.tenant,
            principal=principal,
            issuer=setting.issuer,
            token_sha256=digest,
            expires=dt.datetime.fromtimestamp(ends, dt.UTC),
        )

    def _check_signature(self, token: IdTokenText, key: IssuerKey) -> None:
        from jwt import PyJWTError

        try:
            self._jws.decode_complete(token.text, key=key.key, algorithms=[token.alg])
        except PyJWTError:
            raise IdRefusal("the signature does not match") from None


def _only(found: tuple[IssuerKey, ...], alg: str) -> IssuerKey:
    if not found:
        raise IdRefusal("kid: the issuer has no such key, or several and none was named")
    # A key is of one type, and perhaps for one algorithm; the header must not choose another (RFC 8725 section 3.1).
    fitting = [key for key in found if alg in key.algorithms]
    if len(fitting) != 1:
        raise IdRefusal("alg: the key is not made for it, or several keys of that name are")
    return fitting[0]
