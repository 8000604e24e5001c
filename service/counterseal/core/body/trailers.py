"""The trailer of an aws-chunked body: the fields that `x-amz-trailer` declares, each once, and nothing else.

Two framings are in use, both accepted and never mixed. SDKs of Amazon end every field by CR LF. Amazon's documentation and
minio-go end fields by LF and then write an empty line, before the signature as well; what is signed is the same.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.body.chain import Link
from counterseal.core.model import Reason, Refusal

SIGNATURE: Final = "x-amz-trailer-signature"
MAX_TRAILER: Final = 8192  # bytes: many times what a checksum and a signature need
END: Final = b"\r\n\r\n"

# Names in lower case and values without blanks around them: one spelling of what is signed. All clients write it so.
_FIELD: Final = re.compile(rb"([a-z0-9!#$%&'*+.^_`|~-]++):([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """A trailer as read. `signature` is as on the wire, empty for one that is not signed."""

    fields: dict[str, str] = field(repr=False)
    signature: str = field(default="", repr=False)

    def link(self) -> Link:
        """Return how it takes part in the chain."""
        return Link(sha256=hashlib.sha256(canonical(self.fields)).digest(), signature=self.signature)


def check_declared(names: tuple[str, ...]) -> None:
    """Check what `x-amz-trailer` declares. Raises Refusal: MALFORMED, for a name given twice and for the signature's own."""
    if len(set(names)) != len(names):
        raise Refusal(Reason.MALFORMED, "header x-amz-trailer: names a field twice")
    if SIGNATURE in names:
        raise Refusal(Reason.MALFORMED, f"header x-amz-trailer: {SIGNATURE} is no field to declare")


def read_trailer(block: bytes, declared: tuple[str, ...], *, signed: bool) -> Trailer:
    """Read what stands between the last chunk and the empty line that ends the body (`END`, not part of `block`).

    Raises:
        Refusal: MALFORMED: another framing, a field that is not declared, or missing, or repeated.
    """
    signature = ""
    if signed:
        block, signature = _take_signature(block)
    # In the second framing every field is ended by LF, the last one also.
    lines = block[:-1].split(b"\n") if block.endswith(b"\n") else block.split(b"\r\n")
    if len(lines) != len(declared):
        raise Refusal(Reason.MALFORMED, "trailer: must have every declared field once, and no other")
    fields: dict[str, str] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise Refusal(
                Reason.MALFORMED, "trailer: a field must be a name in lower case, a colon and a value, with no blanks around"
            )
        fields[found[1].decode("ascii")] = found[2].decode("ascii")
    if fields.keys() != set(declared):
        raise Refusal(Reason.MALFORMED, "trailer: must have every declared field once, and no other")
    return Trailer(fields=fields, signature=signature)


def canonical(fields: dict[str, str]) -> bytes:
    r"""Return the trailer as it is signed: `name:value` and `\n` for each field, in the order of names."""
    return "".join([f"{name}:{value}\n" for name, value in sorted(fields.items())]).encode("ascii")


def _take_signature(block: bytes) -> tuple[bytes, str]:
    rest, _, last = block.rpartition(b"\r\n")
    found = _FIELD.fullmatch(last)
    if found is None or found[1].decode("ascii") != SIGNATURE:
        raise Refusal(Reason.MALFORMED, f"trailer: must end in {SIGNATURE}")
    return rest, found[2].decode("ascii")
