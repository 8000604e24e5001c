"""The ways of signing that are known here, and those that are enabled."""

from counterseal.server.config import Config
from counterseal.server.schemes import Schemes, find_schemes
from counterseal.server.telemetry.log import Log


def build_schemes(config: Config, log: Log) -> Schemes:
    """Find the schemes, and say of each that is enabled and weak what is weak about it."""
    schemes = find_schemes(config.schemes, config.configured_schemes)
    for name, weakness in schemes.weak().items():
        log.warning("weak_scheme_enabled", scheme=name, weakness=weakness)
    return schemes
