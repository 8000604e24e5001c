"""Key wrapping: master keys kept encrypted under a key that lies elsewhere, and opened once, when a server starts."""

from counterseal.server.keys.wrapping.base import SETTING, KeyWrapper
from counterseal.server.keys.wrapping.choice import find_wrapper, kinds_of

__all__ = ["SETTING", "KeyWrapper", "find_wrapper", "kinds_of"]
