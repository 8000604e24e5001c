"""What the claims of an ID token must say (OpenID Connect Core section 3.1.3.7), once its signature is verified."""

import hmac
import re
from typing import Any, Final

from counterseal.server.sessions.id_token_text import IdRefusal
from counterseal.server.settings.oidc import OidcSetting

# Seconds that the issuer's clock and ours may differ.
LEEWAY: Final = 60
# The end of the year 9999: what Python and every database can say.
_LAST: Final = 253_402_300_799
_PRINCIPAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~@+:|/=-]{0,127}", re.ASCII)
# So that a claim cannot be cut off or begun anew by what stands before it: it has the grammar without the prefix as well.
_CLAIM: Final = re.compile(r"[A-Za-z0-9._~@+:|/=-]{1,128}", re.ASCII)


def check_claims(claims: dict[str, Any], setting: OidcSetting, nonce: str, now: float) -> tuple[str, float]:
    """Check claims of the setting's issuer at `now`, in Unix seconds; return the principal and when the token ends.

    `nonce` empty: none was sent to the issuer.

    Raises:
        IdRefusal: naming the claim.
    """
    if claims.get("iss") != setting.issuer:
        raise IdRefusal("iss: another issuer")
    _check_kind(claims)
    _check_audience(claims, setting.audiences)
    ends = _check_times(claims, now)
    _check_nonce(claims, nonce)
    return _principal(claims, setting), ends


def _check_kind(claims: dict[str, Any]) -> None:
    # RFC 8417 section 2.2: a security event, such as OpenID Connect's logout token, and no sign-in. Keycloak says in a claim
    # which of its tokens this is: access tokens, for the same audience by the same keys, are `Bearer`.
    if "events" in claims or claims.get("typ", "ID") not in ("ID", "JWT"):
        raise IdRefusal("another kind of token than an ID token")


def _check_audience(claims: dict[str, Any], ours: frozenset[str]) -> None:
    given = claims.get("aud")
    audiences = [given] if isinstance(given, str) else given
    if not isinstance(audiences, list) or not all(isinstance(audience, str) for audience in audiences):
        raise IdRefusal("aud: must be a text or a list of texts")
    if ours.isdisjoint(audiences):
        raise IdRefusal("aud: another audience")
    # Core section 3.1.3.7, points 3 to 5: a token for several is trusted only where it was ours to ask for.
    party = claims.get("azp")
    if (len(audiences) > 1 or "azp" in claims) and not (isinstance(party, str) and party in ours):
        raise IdRefusal("azp: asked for by another party, or for several and by nobody knows whom")


def _check_times(claims: dict[str, Any], now: float) -> float:
    ends, issued = _time(claims, "exp"), _time(claims, "iat")
    if now >= ends + LEEWAY:
        raise IdRefusal("exp: expired")
    if issued > now + LEEWAY:
        raise IdRefusal("iat: in the future")
    if "nbf" in claims and _time(claims, "nbf") > now + LEEWAY:
        raise IdRefusal("nbf: not yet")
    return ends


def _time(claims: dict[str, Any], name: str) -> float:
    """Return a NumericDate (RFC 7519 section 2), which may have a fraction. `True` is an int to Python."""
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LAST:
        raise IdRefusal(f"{name}: must be there, and a number of seconds")
    return float(value)


def _check_nonce(claims: dict[str, Any], nonce: str) -> None:
    # Core section 2: "If present in the ID Token, Clients MUST verify that the nonce Claim Value is equal". A front that
    # forgets to hand over the one it sent is refused as well, or it would never notice that nothing is compared.
    if not nonce and "nonce" not in claims:
        return
    given = claims.get("nonce")
    if not isinstance(given, str) or not nonce or not hmac.compare_digest(_bytes(given), _bytes(nonce)):
        raise IdRefusal("nonce: missing, another one, or none was handed over")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON can spell lone surrogates


def _principal(claims: dict[str, Any], setting: OidcSetting) -> str:
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise IdRefusal("sub: must be there, and a text")
    claim = claims.get(setting.principal_claim)
    if not isinstance(claim, str) or not _CLAIM.fullmatch(claim):
        raise IdRefusal("the principal's claim: must be 1 to 128 characters of [A-Za-z0-9._~@+:|/=-]")
    # Many providers let users write what they like there until it is proved theirs. `true` and nothing like it.
    if setting.principal_claim == "email" and claims.get("email_verified") is not True:
        raise IdRefusal("email_verified: must be true where the principal is named by email")
    principal = setting.principal_prefix + claim
    if not _PRINCIPAL.fullmatch(principal):
        raise IdRefusal("the principal: must be 1 to 128 characters, a letter or a digit first")
    return principal
