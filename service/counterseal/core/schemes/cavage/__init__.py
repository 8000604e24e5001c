"""draft-cavage-http-signatures-12, and the dialects of it that gateways speak. One engine; a dialect is a set of parameters."""

from typing import Final

from counterseal.core.schemes.cavage.dialects import APISIX, DRAFT_12, KONG
from counterseal.core.schemes.cavage.facts import CavageClaim, Dialect
from counterseal.core.schemes.cavage.options import from_options
from counterseal.core.schemes.cavage.scheme import Cavage

CAVAGE: Final = Cavage("cavage", DRAFT_12)
CAVAGE_KONG: Final = Cavage("cavage-kong", KONG)
CAVAGE_APISIX: Final = Cavage("cavage-apisix", APISIX)

__all__ = [
    "APISIX",
    "CAVAGE",
    "CAVAGE_APISIX",
    "CAVAGE_KONG",
    "DRAFT_12",
    "KONG",
    "Cavage",
    "CavageClaim",
    "Dialect",
    "from_options",
]
