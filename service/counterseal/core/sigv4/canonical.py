"""The texts of the computation: canonical request and string to sign."""

import hashlib

from counterseal.core import encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Scope
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import PathRules


def canonical_request(claim: SigV4Claim) -> bytes:
    """Return the canonical request: as AWS defines it, or the family's own.

    Raises:
        ValueError: the claim is of a string to sign, or of a request whose body is needed and was not sent along.
    """
    if claim.read is None:
        raise ValueError("a string to sign has no canonical request")
    own = claim.family.canonical_request
    return own(claim) if own is not None else six_lines(claim, claim.read)


def six_lines(claim: SigV4Claim, request: ReadRequest) -> bytes:
    r"""Return method, path, query, headers, their names, payload, each ended by `\n` but the last.

    Raises:
        ValueError: the body is needed and was not sent along.
    """
    names = claim.family.query
    return b"\n".join(
        (
            request.request.method,
            canonical_path(request.path, claim.rules),
            canonical_query(request.parameters, names.signature if names is not None and claim.presigned else b""),
            canonical_headers(request, claim.coverage.headers),
            claim.signed_headers,
            claim.payload or body_sha256(request),
        )
    )


def canonical_path(path: bytes, rules: PathRules) -> bytes:
    """Return the path as it stands in the canonical request."""
    if rules.normalise:
        path = normalise_path(path)
    return encoding.percent_encode_path(path) if rules.encode_twice else encoding.recode_path(path)


def normalise_path(path: bytes) -> bytes:
    """Remove dot segments and repeated slashes; a slash at the end stays.

    `/a/b/..` becomes `/a`, not RFC 3986's `/a/`, because the SDKs sign it so. `%2e` is not a dot here.
    """
    if b"//" not in path and b"/." not in path:
        return path
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    end = b"/" if path.endswith(b"/") and kept else b""
    return b"/" + b"/".join(kept) + end


def canonical_query(parameters: tuple[tuple[bytes, bytes], ...], left_out: bytes = b"X-Amz-Signature") -> bytes:
    """Sort by encoded name, then by encoded value (not by `name=value`), leaving out the signature's own parameter."""
    if not parameters:
        return b""
    return b"&".join([b"%s=%s" % parameter for parameter in sorted(parameters) if parameter[0] != left_out])


def canonical_headers(request: ReadRequest, names: tuple[bytes, ...]) -> bytes:
    """Return one line for each signed header: blanks trimmed and runs of them collapsed, repeats joined in arrival order."""
    lines = []
    for name in names:
        values = request.headers[name]
        value = values[0] if len(values) == 1 else b",".join([b" ".join(value.split()) for value in values])
        lines.append(b"%s:%s\n" % (name, b" ".join(value.split())))
    return b"".join(lines)


def body_sha256(request: ReadRequest) -> bytes:
    """Return the hash of the body in hex, from the body or from the hash that came with it.

    Raises:
        ValueError: neither was sent along.
    """
    sent = request.request
    if sent.content is not None:
        return hashlib.sha256(sent.content).hexdigest().encode("ascii")
    if sent.content_sha256 is not None:
        return sent.content_sha256.hex().encode("ascii")
    raise ValueError("neither the body nor its hash was sent along")


def string_to_sign(claim: SigV4Claim, canonical: bytes) -> bytes:
    """Return the string to sign: algorithm, time, scope, hash of the canonical request."""
    digest = hashlib.sha256(canonical).hexdigest().encode("ascii")
    return b"\n".join((claim.family.algorithm, claim.timestamp, scope_of(claim).text().encode("ascii"), digest))


def scope_of(claim: SigV4Claim) -> Scope:
    """Return the claim's scope, which this scheme always has.

    Raises:
        ValueError: the claim was put together without one.
    """
    if claim.scope is None:
        raise ValueError("a claim of this scheme needs a scope")
    return claim.scope
