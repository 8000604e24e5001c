"""Where the signature stands in a signed request, in whichever spelling the scheme writes it."""

import base64
from collections.abc import Iterator
from dataclasses import replace

from counterseal.core import encoding
from counterseal.core.model import Claim, HttpRequest


def spelled(signature: bytes) -> Iterator[bytes]:
    """Yield the ways in which a signature may be written: as it is, in hex, in base64; percent-encoded as well."""
    plain, url = base64.b64encode(signature), base64.urlsafe_b64encode(signature)
    for text in (signature, signature.hex().encode(), plain, url, url.rstrip(b"=")):
        yield text
        yield encoding.percent_encode(text)


def find(request: HttpRequest, claim: Claim) -> bytes:
    """Return the signature as it is spelled in the request.

    Raises:
        AssertionError: the claim's signature is empty, or stands nowhere in the request.
    """
    if len(claim.signature) < 16:
        raise AssertionError("the claim's signature is shorter than 16 bytes")
    places = [request.target, *(value for _, value in request.headers), request.content or b""]
    for text in spelled(claim.signature):
        if any(text in place for place in places):
            return text
    raise AssertionError("the claim's signature stands nowhere in the request")


def put(request: HttpRequest, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with another signature wherever the old one stood."""
    headers = tuple((name, value.replace(old, new)) for name, value in request.headers)
    content = request.content if request.content is None else request.content.replace(old, new)
    return replace(request, target=request.target.replace(old, new), headers=headers, content=content)


def spoilt(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what to call it, and a signature that must not match."""
    half = len(text) // 2
    wrong = {
        "empty": b"",
        "doubled": text + text,
        "in upper case": text.upper(),
        "in lower case": text.lower(),
        "cut by one": text[:-1],
        "cut in half": text[:half],
        "its first byte alone": text[:1],
        "all zeros": b"0" * len(text),
        "all A": b"A" * len(text),
        "reversed": text[::-1],
        "with a blank inside": text[:half] + b" " + text[half:],
        "with a NUL behind it": text + b"\x00",
        "with a percent escape inside": text[:half] + b"%00" + text[half:],
        "with padding behind it": text + b"=",
        "without padding": text.rstrip(b"="),
        "not ASCII": text[:half] + "٣".encode() + text[half:],
        "a word": b"null",
    }
    return ((name, other) for name, other in wrong.items() if other != text)
