"""The string to sign (section 2.3)."""

from collections.abc import Mapping
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes.cavage import facts
from counterseal.core.schemes.cavage.facts import Dialect, Target

# Algorithms by whose names `(created)` and `(expires)` are errors: sections 2.3.1.2 and 2.3.1.3.
_TIMELESS: Final = (b"rsa", b"hmac", b"ecdsa")
# A request line ends in the HTTP version, which a gateway does not hand over and nothing depends on. Clients write the first.
_VERSIONS: Final = (b"1.1", b"2.0")


def strings_to_sign(
    request: ReadRequest, dialect: Dialect, listed: tuple[bytes, ...], parameters: Mapping[bytes, bytes]
) -> tuple[bytes, ...]:
    """Return the string to sign; two where the request line is covered, for HTTP/1.1 and HTTP/2.

    Raises:
        Refusal: MALFORMED, when something listed is absent, or must not be listed with this algorithm.
    """
    versions = _VERSIONS if any(dialect.targets.get(name) is Target.LINE for name in listed) else _VERSIONS[:1]
    return tuple(_string(request, dialect, listed, parameters, version) for version in versions)


def _string(
    request: ReadRequest, dialect: Dialect, listed: tuple[bytes, ...], parameters: Mapping[bytes, bytes], version: bytes
) -> bytes:
    lines = [parameters[dialect.key_parameter]] if dialect.key_line else []
    lines += [_line(request, dialect, name, parameters, version) for name in listed]
    return b"\n".join(lines) + (b"\n" if dialect.final_newline else b"")


def _line(request: ReadRequest, dialect: Dialect, name: bytes, parameters: Mapping[bytes, bytes], version: bytes) -> bytes:
    if name in dialect.targets:
        return _target(request, name, dialect.targets[name], version)
    if dialect.times and name in {facts.CREATED, facts.EXPIRES}:
        return b"%s: %s" % (name, _time(name, parameters))
    values = request.headers.get(name)
    if values is None:
        # Never left out (APISIX) and never taken as empty (Kong): the draft wants an error (section 2.3, step 2).
        raise Refusal(Reason.MALFORMED, f"headers: {name.decode()[:64]} is not in the request")
    if len(values) > 1 and not dialect.joins_repeats:
        raise Refusal(Reason.MALFORMED, f"header {name.decode()[:64]}: signed, and given more than once")
    return b"%s: %s" % (name, b", ".join([value.strip(b" \t") for value in values]))


def _target(request: ReadRequest, name: bytes, form: Target, version: bytes) -> bytes:
    # A field of that name would be signed in its place by Kong and APISIX.
    if name in request.headers:
        raise Refusal(Reason.MALFORMED, f"header {name.decode()}: has the name of a part of the request")
    method, target = request.request.method, request.request.target
    if form is Target.NAMED:
        # The draft signs the method in small letters, which hides its case: so only one is let through.
        if method != method.upper():
            raise Refusal(Reason.MALFORMED, "method: must be in capitals, since its case is not signed")
        return b"%s: %s %s" % (name, method.lower(), target)
    if form is Target.BARE:
        return b"%s %s" % (method, target)
    return b"%s %s HTTP/%s" % (method, target, version)


def _time(name: bytes, parameters: Mapping[bytes, bytes]) -> bytes:
    if parameters.get(b"algorithm", b"").startswith(_TIMELESS):
        raise Refusal(Reason.MALFORMED, f"headers: {name.decode()} must not be listed with an algorithm of that name")
    value = parameters.get(name.strip(b"()"))
    if value is None:
        raise Refusal(Reason.MALFORMED, f"headers: {name.decode()} is listed, and the parameter is missing")
    return value
