"""Finding the signature in a request, and reading its claim."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from counterseal.core import digest, encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.schemes.cavage import facts, parameters, strings
from counterseal.core.schemes.cavage.facts import CavageClaim, Dialect
from counterseal.core.scope import is_key_id

# RFC 9421 has the field `Signature` as well, as a dictionary of byte sequences: `sig1=:...:`.
_BARE: Final = re.compile(rb'[ \t]*(?:keyId|algorithm|created|expires|headers|signature)=["0-9]')
_LIST: Final = re.compile(rb'headers="([^"]*)')
_EMPTY_SHA256: Final = hashlib.sha256(b"").digest()


def recognises(request: ReadRequest, dialect: Dialect) -> bool:
    """Say whether the request tries to carry a signature of this dialect."""
    return any(_is_ours(text, dialect) for _, text in _candidates(request, dialect))


def _candidates(request: ReadRequest, dialect: Dialect) -> list[tuple[bytes, bytes]]:
    """Return the fields in which a signature stands, and its parameters."""
    found = []
    for name in dialect.fields:
        for value in request.headers.get(name, ()):
            text = value.strip(b" \t")
            if text.startswith(dialect.word + b" "):
                found.append((name, text[len(dialect.word) + 1 :]))
    # A request with Signature-Input is RFC 9421's, whatever stands in its Signature.
    if dialect.bare_field and b"signature-input" not in request.headers:
        values = request.headers.get(dialect.bare_field, ())
        found += [(dialect.bare_field, value) for value in values if _BARE.match(value)]
    return found


def _is_ours(text: bytes, dialect: Dialect) -> bool:
    # Two dialects share a word; what they call the target tells them apart, wherever in the text a list stands.
    names = {name for listed in _LIST.findall(text) for name in listed.split()}
    if dialect.telling and names.isdisjoint(dialect.targets):
        return False
    return names.isdisjoint(dialect.foreign)


def read_claim(name: str, request: ReadRequest, dialect: Dialect) -> CavageClaim:
    """Read the claim. `name` is the scheme's.

    Raises:
        Refusal: UNSIGNED, AMBIGUOUS, MALFORMED or UNSUPPORTED_SCHEME.
    """
    given = parameters.read(_only_candidate(request, dialect), dialect)
    key_id = given[dialect.key_parameter].decode("ascii")
    if not is_key_id(key_id):
        raise Refusal(Reason.MALFORMED, "key id: must be 3 to 128 characters of a key id's alphabet")
    listed = parameters.read_list(given, dialect)
    algorithm = parameters.read_algorithm(given, dialect)
    signature = parameters.read_signature(given)
    created, expires = parameters.read_created(given), parameters.read_expires(given)
    to_sign = strings.strings_to_sign(request, dialect, listed, given)
    target = not dialect.targets.keys().isdisjoint(listed)
    headers = tuple(item for item in listed if item not in {facts.CREATED, facts.EXPIRES, *dialect.targets})
    return CavageClaim(
        scheme=name,
        key_id=key_id,
        scope=None,
        # Not signed, `created` says nothing.
        signed_time=created if facts.CREATED in listed else _field_time(request, dialect, listed),
        valid_for=None,
        expires=expires,
        coverage=Coverage(headers=headers, method=target, path=target, query=target),
        signature=signature,
        algorithm=algorithm,
        listed=listed,
        strings=to_sign,
        digests=_digests(request, listed),
        has_body=has_body(request),
        read=request,
    )


def _only_candidate(request: ReadRequest, dialect: Dialect) -> bytes:
    found = _candidates(request, dialect)
    if not found:
        raise Refusal(Reason.UNSIGNED, "no signature of this scheme")
    if len({name for name, _ in found}) > 1:
        raise Refusal(Reason.AMBIGUOUS, "signatures in two header fields")
    name, text = found[0]
    # One line of it: a second may be another signature, or another half of this one.
    request.header(name)
    return text


def _field_time(request: ReadRequest, dialect: Dialect, listed: tuple[bytes, ...]) -> int | None:
    # A covered field before one that is only there. That the one used is covered, is a matter of coverage, checked later.
    covered = [name for name in dialect.time_headers if name in listed]
    for name in (*covered, *dialect.time_headers):
        stated = request.header(name)
        if stated is None:
            continue
        seconds = encoding.read_imf_fixdate(stated)
        if seconds is None:
            raise Refusal(Reason.MALFORMED, f"header {name.decode()}: must be an IMF-fixdate")
        return seconds
    return None


def _digests(request: ReadRequest, listed: tuple[bytes, ...]) -> Mapping[str, bytes]:
    return digest.read_digest(request.headers[b"digest"]) if b"digest" in listed else {}


def has_body(request: ReadRequest) -> bool:
    """Say whether there is a body, as far as the request tells."""
    given = request.request
    if given.content or given.content_sha256 not in {None, _EMPTY_SHA256}:
        return True
    if given.content is not None or given.content_sha256 is not None:
        return False
    # RFC 9112 section 6: one of the two announces a body. HTTP/2 needs neither; then the duty says that it has to be empty.
    if b"transfer-encoding" in request.headers:
        return True
    return any(value.strip(b" \t0") for value in request.headers.get(b"content-length", ()))
