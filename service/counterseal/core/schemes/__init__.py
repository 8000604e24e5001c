"""Schemes: ways to sign a request. One file or folder each; one never imports another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterseal.core.model import Derive, Key, Scope
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from counterseal.core.schemes.aws_sigv4 import AwsSigV4
from counterseal.core.schemes.aws_sigv4a import AwsSigV4A
from counterseal.core.schemes.base import Scheme
from counterseal.core.schemes.bearer import Bearer
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG
from counterseal.core.schemes.goog4 import Goog4
from counterseal.core.schemes.oss4 import Oss4
from counterseal.core.schemes.rfc9421 import Rfc9421
from counterseal.core.schemes.tc3 import Tc3
from counterseal.core.schemes.webhooks import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX

_ALL: Final[tuple[Scheme, ...]] = (
    AwsSigV2(),
    AwsSigV4(),
    AwsSigV4A(),
    Bearer(),
    CAVAGE,
    CAVAGE_APISIX,
    CAVAGE_KONG,
    GITHUB,
    Goog4(),
    Oss4(),
    Rfc9421(),
    SLACK,
    STANDARD_WEBHOOKS,
    STRIPE,
    SVIX,
    Tc3(),
)
BUILT_IN: Final[Mapping[str, Scheme]] = MappingProxyType({scheme.name: scheme for scheme in _ALL})


def deriving(schemes: Mapping[str, Scheme]) -> Derive:
    """Return the derivation that leaves each scope to the scheme that it names."""

    def derive(key: Key, scope: Scope) -> bytes:
        return schemes[scope.scheme].derive(key, scope)

    return derive


__all__ = ["BUILT_IN", "Scheme", "deriving"]
