"""Public keys as they are offered for registration."""

from counterseal.core.asymmetric import read_public_key
from counterseal.server.errors import InvalidField
from counterseal.server.keys import limits
from counterseal.server.store.records import Encoding, OfferedPublicKey, PublicMaterial

_POINT_BYTES = frozenset({32, 33, 49, 65, 97})


def read_offered(offered: OfferedPublicKey) -> PublicMaterial:
    """Read a public key in the encoding that it was offered in, and no other.

    Raises:
        InvalidField: it is none, is too weak, is private, or is not made for the algorithm named. Nothing of it is quoted.
    """
    if offered.key_id:
        limits.check_key_id("public_key.key_id", offered.key_id)
    field = f"public_key.{offered.encoding.value}"
    if not _is_written(offered.text, offered.encoding):
        raise InvalidField(field, f"is not written as {offered.encoding.value.upper()}")
    try:
        public_key = read_public_key(offered.text, algorithm=offered.algorithm)
    except ValueError as error:
        place, _, problem = str(error).partition(": ")
        raise InvalidField("public_key.algorithm" if place == "algorithm" else field, problem) from None
    return PublicMaterial(key_id=offered.key_id, public_key=public_key)


def _is_written(text: bytes, encoding: Encoding) -> bool:
    """Say whether the text may be in this encoding. What is private is looked for by the reader, and named."""
    if encoding is Encoding.RAW:
        return len(text) in _POINT_BYTES
    if len(text) == 32:  # the reader would take it for an Ed25519 key
        return False
    return b"-----BEGIN" in text if encoding is Encoding.PEM else text.lstrip().startswith(b"{")
