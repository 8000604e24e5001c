"""A webhook scheme as `core/verify.py` uses it: one engine, and a layout for each vendor."""

import hashlib
import hmac
from dataclasses import replace
from typing import Final

from counterseal.core import asymmetric, compare
from counterseal.core.http import ReadRequest, read_request
from counterseal.core.model import Claim, Demand, Derive, HttpRequest, Key, KeyKind, PublicKey, Reason, Refusal, Subject
from counterseal.core.payload import AlreadyChecked, PayloadDuty, Unsigned
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing
from counterseal.core.schemes.webhooks import claim as reading
from counterseal.core.schemes.webhooks import layout as spelling
from counterseal.core.schemes.webhooks import template
from counterseal.core.schemes.webhooks.claim import WebhookClaim
from counterseal.core.schemes.webhooks.layout import Layout, Place

# Computed with where a key cannot be used, so that this costs what a comparison costs. The result is thrown away.
_NO_SECRET: Final = b"\x00" * 32
_PUBLIC_ALGORITHM: Final = "ed25519"


class WebhookScheme(SchemeDefaults):
    """A way to sign webhooks. They name no key: the caller demands one.

    `weakness` says what is weak about it, empty for most; a server that enables it logs that.
    """

    names_key: bool = False

    def __init__(self, name: str, title: str, layout: Layout) -> None:
        self.name: str = name
        self.title: str = title
        self.layout: Layout = layout
        self.timeless: bool = layout.timestamp is None
        self.weakness: str = "HMAC-SHA1" if layout.hash == "sha1" else ""
        public = frozenset({KeyKind.PUBLIC}) if layout.public_prefix else frozenset()
        self.key_kinds: frozenset[KeyKind] = frozenset({KeyKind.SYMMETRIC}) | public

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether the scheme's signature header is there."""
        return reading.recognises(self.layout, request)

    def read(self, request: ReadRequest, demand: Demand) -> WebhookClaim:
        """Read the claim. Raises Refusal: MALFORMED."""
        return reading.read_claim(self.name, self.layout, request, demand.key_id)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002
        """Check that the body came along, where it is signed. Raises Refusal: BODY_REQUIRED."""
        if _mine(claim).pieces is None:
            raise Refusal(Reason.BODY_REQUIRED, "the signature covers the body: send the raw body along")

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:  # noqa: ARG002 - nothing is derived
        """Compute the signature once and compare it with each of the kind that the key verifies. All are looked at."""
        mine = _mine(claim)
        if mine.pieces is None:
            raise ValueError("a claim without the body cannot be computed with")
        # Both computations are done for every key, so that an unknown one costs what a known one of either kind does.
        secret = spelling.open_secret(key.secret, self.layout.secrets)
        expected = _mac(secret or _NO_SECRET, mine.pieces, self.layout.hash)
        by_secret = [found for found in mine.signatures if compare.same(expected, found)]
        by_public = _verifying(key.public_key or asymmetric.decoy(_PUBLIC_ALGORITHM), mine)
        return bool(by_secret) and secret is not None if key.public_key is None else bool(by_public)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:  # noqa: ARG002
        """Say that the body was part of what matched, or that the layout leaves it unsigned."""
        return AlreadyChecked() if template.needs_body(self.layout.template) else Unsigned()

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path, where the layout signs it; most webhooks do not."""
        return _mine(claim).path

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Return the request with the vendor's header fields.

        Option, where the scheme has ids: `id` (default: made of what is sent and when). A private key signs with Ed25519, where
        the scheme has that.

        Raises:
            ValueError: the request carries such a field already, lacks what is to be signed, or the credentials are of no use.
        """
        return sign(self, request, credentials, signing)


def _mine(claim: Claim) -> WebhookClaim:
    if not isinstance(claim, WebhookClaim):
        raise TypeError("a claim of another scheme")
    return claim


def _verifying(key: PublicKey, claim: WebhookClaim) -> list[bytes]:
    if not claim.public_signatures or key.algorithm != _PUBLIC_ALGORITHM:
        return []
    signed = b"".join(claim.pieces or ())
    return [found for found in claim.public_signatures if asymmetric.verify(key, found, signed)]


def _mac(secret: bytes, pieces: tuple[bytes, ...], algorithm: str) -> bytes:
    mac = hmac.new(secret, digestmod=algorithm)
    for piece in pieces:
        mac.update(piece)
    return mac.digest()


def sign(scheme: WebhookScheme, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
    """Do what `WebhookScheme.sign` says."""
    layout = scheme.layout
    stated = _state(layout, request, signing)
    own = {layout.header, *(place.header for place in (layout.timestamp, layout.id) if place is not None)}
    if any(name in own for name, _ in request.headers):
        raise ValueError("the request carries a header that signing would add")
    try:
        pieces = template.concatenate(layout.template, read_request(request), stated)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    if pieces is None:
        raise ValueError("the body is to be signed: it must be given")
    entries: list[bytes] = []
    added: list[tuple[bytes, bytes]] = []
    for name, place in _places(layout):
        if place.header:
            added.append((place.header, stated[name]))
        else:
            entries.append(place.prefix + stated[name])
    entries.append(_entry(layout, credentials, pieces))
    added.append((layout.header, layout.separator.join(entries)))
    signed = replace(request, headers=(*request.headers, *added))
    _read_back(scheme, signed, credentials.key_id)
    return signed


def _places(layout: Layout) -> list[tuple[str, Place]]:
    return [(name, place) for name, place in (("id", layout.id), ("timestamp", layout.timestamp)) if place is not None]


def _state(layout: Layout, request: HttpRequest, signing: Signing) -> dict[str, bytes]:
    stated = {}
    if layout.timestamp is not None:
        stated["timestamp"] = spelling.write_time(signing.now, layout.unit)
    if layout.id is None:
        signing.take()
        return stated
    chosen = signing.take(id="")["id"].encode()
    digest = hashlib.sha256(b"%d %s %s\n%s" % (signing.now, request.method, request.target, request.content or b""))
    stated["id"] = chosen or b"msg_" + digest.hexdigest()[:32].encode("ascii")
    return stated


def _entry(layout: Layout, credentials: Credentials, pieces: tuple[bytes, ...]) -> bytes:
    if credentials.private_key:
        if not layout.public_prefix:
            raise ValueError("credentials: this scheme signs with a secret, not with a private key")
        signature = asymmetric.sign(credentials.private_key, _PUBLIC_ALGORITHM, b"".join(pieces))
        return layout.public_prefix + spelling.write_signature(signature, "base64")
    secret = spelling.open_secret(credentials.secret, layout.secrets)
    if secret is None:
        raise ValueError(f"credentials: the secret is too short, or not {layout.secrets.encoding}")
    return layout.prefix + spelling.write_signature(_mac(secret, pieces, layout.hash), layout.encoding)


def _read_back(scheme: WebhookScheme, signed: HttpRequest, key_id: str) -> None:
    # Nothing leaves here that the verifier's own reader would call malformed.
    try:
        reading.read_claim(scheme.name, scheme.layout, read_request(signed), key_id)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
