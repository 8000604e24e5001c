"""Signing, from the same signature base: for the command line and for clients. The verifier never uses this."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from counterseal.core import asymmetric, digest, encoding, http
from counterseal.core import structured_fields as sf
from counterseal.core.model import Demand, HttpRequest, Refusal
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.accept import DEFAULT_LABEL
from counterseal.core.schemes.rfc9421.base import signature_base
from counterseal.core.schemes.rfc9421.claim import read_claim
from counterseal.core.schemes.rfc9421.components import parse_component
from counterseal.core.schemes.rfc9421.coverage import DEFAULT

MAX_EXPIRES: Final = 10 * 365 * 86_400  # seconds


def sign(
    request: HttpRequest,
    credentials: Credentials,
    signing: Signing,
    structured: Mapping[str, str] = facts.STRUCTURED_FIELDS,
) -> HttpRequest:
    """Return the request with one more signature.

    Options: `label` (sig1), `components` (an inner list without its parentheses, `"@method" "x";sf`, or names with spaces
    between them; default: what a verifier wants by default), `algorithm` (needed for RSA alone), `alg` (yes: state it),
    `digest` (sha-256, sha-512 or none: the Content-Digest to add where there is a body), `expires` (seconds), `nonce`, `tag`.

    Raises:
        ValueError: an option, the credentials or the request will not do; the text names which.
    """
    chosen = signing.take(
        label=DEFAULT_LABEL, components="", algorithm="", alg="no", digest="sha-256", expires="", nonce="", tag=""
    )
    prepared = _with_digest(request, chosen["digest"])
    algorithm = _algorithm(credentials, chosen["algorithm"])
    try:
        covered = sf.InnerList(_components(prepared, chosen), _parameters(credentials, signing.now, algorithm, chosen))
        base = signature_base(http.read_request(prepared), covered, structured=structured)
        signature = _signature(credentials, algorithm, base)
        fields = (
            (b"signature-input", sf.serialise_dictionary({chosen["label"]: covered})),
            (b"signature", sf.serialise_dictionary({chosen["label"]: sf.Item(signature)})),
        )
        signed = replace(prepared, headers=(*prepared.headers, *fields))
        # Nothing leaves here that the verifier's own reader would not read.
        read_claim(signed, Demand(label=chosen["label"]), structured)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    return signed


def _with_digest(request: HttpRequest, algorithm: str) -> HttpRequest:
    if algorithm == "none":
        return request
    if algorithm not in digest.ALGORITHMS:
        raise ValueError("option digest: must be sha-256, sha-512 or none")
    if not request.content or any(name == b"content-digest" for name, _ in request.headers):
        return request
    added = (b"content-digest", digest.write_content_digest(request.content, algorithm))
    return replace(request, headers=(*request.headers, added))


def _algorithm(credentials: Credentials, wanted: str) -> str:
    if bool(credentials.secret) == bool(credentials.private_key):
        raise ValueError("credentials: need a secret or a private key, and not both")
    if credentials.private_key:
        return asymmetric.public_of(credentials.private_key, wanted).algorithm
    if wanted not in {"", facts.HMAC}:
        raise ValueError(f"option algorithm: a secret signs with {facts.HMAC} alone")
    return facts.HMAC


def _signature(credentials: Credentials, algorithm: str, base: bytes) -> bytes:
    if algorithm == facts.HMAC:
        return hmac.digest(credentials.secret, base, hashlib.sha256)
    return asymmetric.sign(credentials.private_key, algorithm, base)


def _components(request: HttpRequest, chosen: Mapping[str, str]) -> tuple[sf.Item, ...]:
    text = chosen["components"].strip()
    if text.startswith('"'):
        members = sf.parse_list(b"(%s)" % text.encode("ascii", "replace"), unique=True)
        if len(members) != 1 or not isinstance(members[0], sf.InnerList) or members[0].parameters:
            raise ValueError("option components: must be what stands between the parentheses of a list of components")
        return members[0].items
    digested = any(name == b"content-digest" for name, _ in request.headers)
    names = text.split() or [*DEFAULT, *(["content-digest"] if digested else [])]
    return tuple(sf.Item(parse_component(name).name) for name in names)


def _parameters(credentials: Credentials, now: int, algorithm: str, chosen: Mapping[str, str]) -> sf.Parameters:
    parameters: sf.Parameters = {"created": now}
    if chosen["expires"]:
        seconds = encoding.read_digits(chosen["expires"].encode("ascii", "replace"))
        if seconds is None or not 1 <= seconds <= MAX_EXPIRES:
            raise ValueError(f"option expires: must be 1 to {MAX_EXPIRES} seconds")
        parameters["expires"] = now + seconds
    parameters["keyid"] = credentials.key_id
    if chosen["alg"] not in {"yes", "no"}:
        raise ValueError("option alg: must be yes or no")
    if chosen["alg"] == "yes":
        parameters["alg"] = algorithm
    return parameters | {name: chosen[name] for name in ("nonce", "tag") if chosen[name]}
