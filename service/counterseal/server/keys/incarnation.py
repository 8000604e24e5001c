"""The incarnation of a store: which restores somebody has accepted. Sealed: only a holder of the master keys accepts one."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher

NAME: Final = "sealed/incarnation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incarnation:
    """A number that grows with each accepted restore, and the place in the audit chain where the accepted one begins.

    Whoever puts an accepted incarnation beside another chain, or an earlier one beside a later chain, is found out by these.
    """

    number: int = 0
    sequence: int = 0
    hash: str = ""

    def seal(self, cipher: SecretCipher) -> bytes:
        """Return what is stored."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return cipher.seal(text.encode(), tenant="", key_id=NAME, version=0)


def open_incarnation(sealed: bytes | None, cipher: SecretCipher) -> Incarnation:
    """Return the incarnation; number 0 where none was ever accepted.

    Raises:
        SealBroken: it was not sealed by us.
    """
    if sealed is None:
        return Incarnation()
    try:
        return Incarnation(**json.loads(cipher.unseal(sealed, tenant="", key_id=NAME, version=0)))
    except (ValueError, TypeError):
        raise SealBroken("the store's incarnation makes no sense to this release") from None
