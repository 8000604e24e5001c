"""Reading what a webhook says about its own signature."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core import http
from counterseal.core.model import Claim, Reason, Refusal
from counterseal.core.schemes.webhooks import layout as spelling
from counterseal.core.schemes.webhooks import template
from counterseal.core.schemes.webhooks.layout import Layout, Place

_VISIBLE: Final = re.compile(rb"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookClaim(Claim):
    """What a webhook says about its signature.

    `pieces` concatenate to what is signed; None: the body is needed and was not sent along. `signatures` are those under a
    secret, `public_signatures` those under a public key, few and each once; one of the key's kind has to match. `signature` is
    the SHA-256 of what is signed, not one out of the list: a list that lost or moved an entry is the same message, and no
    second use of it.
    """

    pieces: tuple[bytes, ...] | None = field(repr=False)
    signatures: tuple[bytes, ...] = field(repr=False)
    public_signatures: tuple[bytes, ...] = field(repr=False)
    path: bytes


@dataclass(slots=True, kw_only=True)
class _Entries:
    """What the signature field holds, sorted."""

    signatures: list[bytes] = field(default_factory=list)
    public_signatures: list[bytes] = field(default_factory=list)
    stated: dict[str, bytes] = field(default_factory=dict)


def recognises(layout: Layout, request: http.ReadRequest) -> bool:
    """Say whether the vendor's signature field is there. `authorization` belongs to many: there the prefix has to be, too."""
    if layout.header != b"authorization":
        return layout.header in request.headers
    return any(value.lstrip(b" \t").startswith(layout.prefix) for value in request.headers.get(layout.header, ()))


def read_claim(name: str, layout: Layout, request: http.ReadRequest, key_id: str) -> WebhookClaim:
    """Read the claim. A webhook names no key, so `key_id` is the demanded one. Raises Refusal: MALFORMED."""
    entries = _read_entries(layout, request)
    stated = {}
    signed_time = None
    if layout.timestamp is not None:
        text = _stated("timestamp", layout.timestamp, entries, request)
        signed_time = spelling.read_time(text, layout.unit)
        if signed_time is None:
            digits = "10 digits, in seconds" if layout.unit == "s" else "13 digits, in milliseconds"
            raise Refusal(Reason.MALFORMED, f"timestamp: must be {digits}")
        stated["timestamp"] = text
    if layout.id is not None:
        stated["id"] = _check_id(_stated("id", layout.id, entries, request), layout.template.after_id)
    pieces = template.concatenate(layout.template, request, stated)
    covers = template.coverage(layout.template, _own_headers(layout))
    return WebhookClaim(
        scheme=name,
        key_id=key_id,
        scope=None,
        signed_time=signed_time,
        valid_for=None,
        coverage=covers,
        signature=_fingerprint(pieces or ()),
        pieces=pieces,
        signatures=tuple(entries.signatures),
        public_signatures=tuple(entries.public_signatures),
        path=request.path if covers.path else b"",
    )


def _own_headers(layout: Layout) -> dict[str, bytes]:
    # A time inside the signature's field is signed, but the field is not: it is no covered header.
    places = {"timestamp": layout.timestamp, "id": layout.id}
    return {name: place.header for name, place in places.items() if place is not None and place.header}


def _fingerprint(pieces: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _stated(name: str, place: Place, entries: _Entries, request: http.ReadRequest) -> bytes:
    if not place.header:
        found = entries.stated.get(name)
        if found is None:
            raise Refusal(Reason.MALFORMED, f"{name}: the signature header has no entry {place.prefix.decode()}")
        return found
    value = request.header(place.header)
    if value is None:
        raise Refusal(Reason.MALFORMED, f"header {place.header.decode()}: missing")
    return value


def _check_id(text: bytes, separator: bytes) -> bytes:
    if len(text) > spelling.MAX_ID or not _VISIBLE.fullmatch(text):
        raise Refusal(Reason.MALFORMED, f"id: must be 1 to {spelling.MAX_ID} visible ASCII characters")
    if separator and separator in text:
        raise Refusal(Reason.MALFORMED, "id: holds the character that separates it from what is signed after it")
    return text


def _read_entries(layout: Layout, request: http.ReadRequest) -> _Entries:
    value = request.header(layout.header) or b""
    where = f"header {layout.header.decode()}"
    if len(value) > spelling.MAX_SIGNATURE_HEADER:
        raise Refusal(Reason.MALFORMED, f"{where}: longer than {spelling.MAX_SIGNATURE_HEADER} bytes")
    listed = value.split(layout.separator) if layout.separator else [value]
    if len(listed) > spelling.MAX_ENTRIES:
        raise Refusal(Reason.MALFORMED, f"{where}: more than {spelling.MAX_ENTRIES} entries")
    entries = _Entries()
    for entry in listed:
        _read_entry(entry, layout, entries, where)
    if not entries.signatures and not entries.public_signatures:
        raise Refusal(Reason.MALFORMED, f"{where}: holds no signature that this scheme knows")
    return entries


def _read_entry(entry: bytes, layout: Layout, entries: _Entries, where: str) -> None:
    places = {"timestamp": layout.timestamp, "id": layout.id}
    for name, place in places.items():
        if place is not None and place.prefix and entry.startswith(place.prefix):
            if name in entries.stated:
                raise Refusal(Reason.MALFORMED, f"{where}: {name} given more than once")
            entries.stated[name] = entry.removeprefix(place.prefix)
            return
    if layout.public_prefix and entry.startswith(layout.public_prefix):
        found = spelling.read_signature(entry.removeprefix(layout.public_prefix), "base64", spelling.ED25519_BYTES)
        _add_public(_known(found, where), entries, where)
    elif entry.startswith(layout.prefix):
        length = spelling.DIGEST_BYTES[layout.hash]
        found = spelling.read_signature(entry.removeprefix(layout.prefix), layout.encoding, length)
        entries.signatures.append(_known(found, where))
    elif not layout.separator:
        raise Refusal(Reason.MALFORMED, f"{where}: must begin with {layout.prefix.decode()}")
    elif not _VISIBLE.fullmatch(entry):
        raise Refusal(Reason.MALFORMED, f"{where}: an entry is empty, or holds blanks")


def _add_public(found: bytes, entries: _Entries, where: str) -> None:
    # Spelled in one way only, so that a repeat is the same bytes.
    if found in entries.public_signatures:
        return
    if len(entries.public_signatures) == spelling.MAX_PUBLIC_SIGNATURES:
        raise Refusal(Reason.MALFORMED, f"{where}: more than {spelling.MAX_PUBLIC_SIGNATURES} Ed25519 signatures")
    entries.public_signatures.append(found)


def _known(found: bytes | None, where: str) -> bytes:
    if found is None:
        raise Refusal(Reason.MALFORMED, f"{where}: a signature of another length or spelling than the scheme's")
    return found
