"""Where a vendor puts signature, time and id, and how they are spelled. A layout is data: vendors differ in nothing else."""

import base64
import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.model import is_enough_secret
from counterseal.core.schemes.webhooks.template import Template

MAX_SIGNATURE_HEADER: Final = 8192
MAX_ENTRIES: Final = 32  # of a list of signatures; rotation needs two
# Each of these is verified over the whole body, in vain also: HMAC is computed once for all entries, Ed25519 is not.
MAX_PUBLIC_SIGNATURES: Final = 4
MAX_ID: Final = 256
DIGEST_BYTES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}
ED25519_BYTES: Final = 64

_HEX: Final = re.compile(rb"(?:[0-9a-f]{2})+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_BASE64URL: Final = re.compile(rb"[A-Za-z0-9_-]+={0,2}")
_DIGITS: Final = {"s": re.compile(rb"[1-9][0-9]{9}"), "ms": re.compile(rb"[1-9][0-9]{12}")}

ENCODINGS: Final = frozenset({"hex", "base64", "base64url", "base64url-padded"})
SECRET_ENCODINGS: Final = frozenset({"raw", "hex", "base64", "whsec"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a time or an id stands: in a header field of its own, or in the signature's list, in the entry with `prefix`."""

    header: bytes = b""
    prefix: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretForm:
    """How a key's secret becomes the bytes that HMAC is keyed with: see `open_secret`."""

    encoding: str = "raw"
    prefix: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one vendor signs. Names of header fields are in lower case.

    The signature field holds one entry, or several split at `separator`. An entry that begins with `prefix` is a signature
    under the secret; one that begins with `public_prefix` (where there is one) an Ed25519 signature. In a list, entries that
    begin otherwise are other versions, and passed over. `unit` is that of the time: `s` or `ms` since the Unix epoch.
    """

    header: bytes
    template: Template = field(repr=False)
    prefix: bytes = b""
    public_prefix: bytes = b""
    separator: bytes = b""
    timestamp: Place | None = None
    id: Place | None = None
    unit: str = "s"
    hash: str = "sha256"
    encoding: str = "hex"
    secrets: SecretForm = SecretForm()


def read_signature(text: bytes, encoding: str, length: int) -> bytes | None:
    """Read a signature of `length` bytes in its one spelling; None for anything else."""
    if len(text) > 2 * length:
        return None
    if encoding == "hex":
        found = bytes.fromhex(text.decode("ascii")) if _HEX.fullmatch(text) else b""
    elif (_BASE64 if encoding == "base64" else _BASE64URL).fullmatch(text):
        found = _decode(text)
    else:
        return None
    # Printed and compared: padding, and the bits of the last letter that carry nothing, have one spelling as well.
    return found if len(found) == length and write_signature(found, encoding) == text else None


def write_signature(signature: bytes, encoding: str) -> bytes:
    """Spell a signature."""
    if encoding == "hex":
        return signature.hex().encode("ascii")
    if encoding == "base64":
        return base64.b64encode(signature)
    padded = base64.urlsafe_b64encode(signature)
    return padded if encoding == "base64url-padded" else padded.rstrip(b"=")


def read_time(text: bytes, unit: str) -> int | None:
    """Read a time as whole Unix seconds; None for anything but ten digits (`s`: 2001 to 2286) or thirteen (`ms`).

    One length, so that a template may put a time beside other fields.
    """
    if not _DIGITS[unit].fullmatch(text):
        return None
    return int(text) if unit == "s" else int(text) // 1000


def write_time(seconds: int, unit: str) -> bytes:
    """Spell a time."""
    return b"%d" % (seconds if unit == "s" else seconds * 1000)


def open_secret(secret: bytes, form: SecretForm) -> bytes | None:
    """Return the bytes that HMAC is keyed with; None for a secret that cannot be one, which never verifies.

    `raw`: the secret's own bytes. `hex`, `base64`: what it decodes to, after the prefix, which may be missing. `whsec`,
    Standard Webhooks' rule: after the prefix base64, padded or not; a secret without the prefix is decoded also, where it is
    base64, as the vendors' libraries do, and is otherwise taken as its own bytes (such as the ones that this service issues).
    """
    text = secret.removeprefix(form.prefix)
    found: bytes | None
    if form.encoding == "raw":
        found = text
    elif form.encoding == "hex":
        found = bytes.fromhex(text.decode("ascii")) if _HEX.fullmatch(text) else None
    else:
        # Bits of the last letter that carry nothing are let be: they came from whoever made the secret, not from a request.
        found = _decode(text) if _BASE64.fullmatch(text) else None
        if not found and form.encoding == "whsec" and text == secret:
            found = secret
    return found if found is not None and is_enough_secret(found) else None


def _decode(text: bytes) -> bytes:
    letters = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    # One letter alone over groups of four says nothing: no bytes encode to it.
    return b"" if len(letters) % 4 == 1 else base64.b64decode(letters + b"=" * (-len(letters) % 4))
