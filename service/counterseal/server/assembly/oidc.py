"""What verifies the ID tokens of the configured issuers."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from counterseal.server.config import Config
from counterseal.server.sessions.id_tokens import IdTokens, open_jws
from counterseal.server.sessions.jwks import Jwks
from counterseal.server.sessions.used_id_tokens import UsedIdTokens
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.replays import ReplayTable
from counterseal.server.telemetry.log import Log


def build_id_tokens(
    config: Config,
    store: KeyStore,
    log: Log,
    clock: Callable[[], float],
    aside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> IdTokens | None:
    """Return it, or None where no issuer is configured. Nothing is fetched before the first token.

    `aside` is that of the lane that Exchange works in; `clock` returns Unix seconds.

    Raises:
        ConfigError: an issuer is configured, and PyJWT is not installed.
    """
    if not config.oidc:
        return None
    # Issuers that share a URL share what is fetched from it.
    sources = {url: Jwks(url, log=log, aside=aside) for url in {setting.jwks_url for setting in config.oidc}}
    return IdTokens(
        config.oidc,
        keys={setting.issuer: sources[setting.jwks_url] for setting in config.oidc},
        used=UsedIdTokens(ReplayTable(store.database)),
        jws=open_jws(),
        clock=clock,
    )
