"""The `[[oidc]]` tables of the TOML file: OpenID Connect issuers whose ID tokens begin sessions."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from counterseal.server.errors import ConfigError

# RFC 7518 section 3.1 and RFC 8037. `none` is no signature, and for HS* every verifier could sign: with the issuer's public key
# taken for the secret, so could everybody (CVE-2016-5431, CVE-2022-29217).
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_DEFAULT_ALGORITHMS: Final = frozenset({"RS256", "ES256"})
_VISIBLE: Final = re.compile(r"[!-~]{1,255}", re.ASCII)
_TENANT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# The beginning of a principal's name, see protos/counterseal/v1/principals.proto; the claim needs room behind it.
_PREFIX: Final = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._~@+:|/=-]{0,63})?", re.ASCII)
# Claims that every ID token of the issuer may share, so that everybody would be one principal (OpenID Connect Core section 2).
_NOBODY: Final = frozenset({"iss", "aud", "azp", "exp", "iat", "nbf", "auth_time", "nonce", "acr", "amr", "at_hash", "c_hash"})
_KNOWN: Final = frozenset({"issuer", "audiences", "jwks_url", "algorithms", "tenant", "principal_claim", "principal_prefix"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSetting:
    """One issuer, with all that an ID token of it must hold. Nothing here is a secret.

    `algorithms` are the pinned ones, public-key ones alone; `principal_prefix` goes before the claim, so that nobody becomes a
    principal with a password by choosing its name.
    """

    issuer: str
    audiences: frozenset[str]
    jwks_url: str
    algorithms: frozenset[str]
    tenant: str
    principal_claim: str
    principal_prefix: str


def read_oidc(tables: object) -> tuple[OidcSetting, ...]:
    """Read every issuer, and check that no two are the same and none can name the principals of another.

    Raises:
        ConfigError: names the entry and what is wrong with it.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError("oidc: must be [[oidc]] tables")
    found = tuple(_read_issuer(f"oidc[{index}]", table) for index, table in enumerate(tables))
    if len({setting.issuer for setting in found}) != len(found):
        raise ConfigError("oidc: two entries have the same issuer")
    for one, other in permutations(found, 2):
        if one.tenant == other.tenant and one.principal_prefix.startswith(other.principal_prefix):
            raise ConfigError(
                f"oidc: principal_prefix {one.principal_prefix!r} begins with {other.principal_prefix!r}, of another issuer"
                " in the same tenant, which could name principals of the first; choose another prefix, or another tenant"
            )
    return found


def _read_issuer(where: str, table: Mapping[str, Any]) -> OidcSetting:
    for given in table:
        if given not in _KNOWN:
            raise ConfigError(f"{where}: there is no setting {given!r}")
    claim = _text(where, table, "principal_claim", _VISIBLE, "1 to 255 visible ASCII characters", "sub")
    if claim in _NOBODY:
        raise ConfigError(f"{where}: principal_claim {claim} names nobody; leave it out for sub")
    if "principal_prefix" not in table:
        raise ConfigError(
            f'{where}: principal_prefix is required: without one ("") whoever the issuer calls alice is the principal alice'
        )
    return OidcSetting(
        issuer=_text(where, table, "issuer", _VISIBLE, "1 to 255 visible ASCII characters, as in the tokens' `iss`"),
        audiences=_names(where, table, "audiences"),
        jwks_url=_jwks_url(where, table),
        algorithms=_algorithms(where, table),
        tenant=_text(where, table, "tenant", _TENANT, "1 to 64 characters of [A-Za-z0-9._-]", "default"),
        principal_claim=claim,
        principal_prefix=_text(
            where,
            table,
            "principal_prefix",
            _PREFIX,
            "empty, or at most 64 characters of [A-Za-z0-9._~@+:|/=-], a letter or a digit first",
        ),
    )


def _text(
    where: str, table: Mapping[str, Any], name: str, grammar: re.Pattern[str], words: str, default: str | None = None
) -> str:
    value = table.get(name, default)
    if value is None:
        raise ConfigError(f"{where}: {name} is required")
    if not isinstance(value, str) or not grammar.fullmatch(value):
        raise ConfigError(f"{where}: {name} must be {words}")
    return value


def _names(where: str, table: Mapping[str, Any], name: str) -> frozenset[str]:
    value = table.get(name)
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(item, str) and _VISIBLE.fullmatch(item) for item in value)
        or len(set(value)) != len(value)
    ):
        raise ConfigError(f"{where}: {name} must be a list of at least one, each 1 to 255 visible ASCII characters, each once")
    return frozenset(value)


def _algorithms(where: str, table: Mapping[str, Any]) -> frozenset[str]:
    if "algorithms" not in table:
        return _DEFAULT_ALGORITHMS
    names = _names(where, table, "algorithms")
    for name in sorted(names):
        if name.lower() == "none":
            raise ConfigError(f"{where}: algorithms: {name} is no signature, anybody could write such a token")
        if name.upper().startswith("HS"):
            raise ConfigError(f"{where}: algorithms: {name} is refused: its secret would sign, and public keys are no secrets")
        if name not in ALGORITHMS:
            raise ConfigError(f"{where}: algorithms must be among {', '.join(ALGORITHMS)}")
    return names


def _jwks_url(where: str, table: Mapping[str, Any]) -> str:
    value = table.get("jwks_url")
    if value is None:
        raise ConfigError(f"{where}: jwks_url is required")
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,2048}", value) or (url := _split(value)) is None:
        raise ConfigError(f"{where}: jwks_url must be an https URL of at most 2048 visible ASCII characters")
    if "@" in url.netloc or "#" in value:
        raise ConfigError(f"{where}: jwks_url must hold no user, no password and no fragment")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.hostname or "")):
        # Whoever is on the way could put keys of their own into the answer.
        raise ConfigError(f"{where}: jwks_url must be https; http is for loopback addresses alone")
    return value


def _split(value: str) -> SplitResult | None:
    try:
        url = urlsplit(value)
        # Reading the port checks it.
        return url if url.hostname and (url.port is None or url.port > 0) else None
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    """Say whether a host is this machine: an address, or `localhost`, which RFC 6761 section 6.3 keeps for it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
