"""The `[[oidc]]` tables of the TOML file: OpenID Connect issuers whose ID tokens begin sessions."""

from dataclasses import dataclass


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
    """Read every issuer and check that no two are the same.

    Raises:
        ConfigError: names the entry and what is wrong with it.
    """
    raise NotImplementedError
