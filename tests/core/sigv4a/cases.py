"""SigV4A requests that verify, and ways to sign what no client signs."""

from dataclasses import replace

from counterseal.core import asymmetric, http
from counterseal.core.model import HttpRequest
from counterseal.core.schemes.aws_sigv4a import AWS4A, AwsSigV4A
from counterseal.core.schemes.base import Signing
from counterseal.core.sigv4 import canonical
from counterseal.core.sigv4.claim import read_signed
from counterseal.core.sigv4.ecdsa import private_scalar
from tests.core.subjects import CREDENTIALS, KEY, NOW, PLAIN, SECRET

KEY_4A = replace(KEY, allowed_schemes=frozenset({"aws-sigv4a"}))
SCALAR = private_scalar(KEY.key_id, SECRET)


def signed(region: str = "eu-west-1", request: HttpRequest = PLAIN, **options: str) -> HttpRequest:
    """Return the request with a signature in a header."""
    return AwsSigV4A().sign(request, CREDENTIALS, Signing(now=NOW, options={"region": region, **options}))


def presigned(region: str = "eu-west-1", request: HttpRequest = PLAIN) -> HttpRequest:
    """Return the request with a signature in the query."""
    return signed(region, request, expires="3600")


def text_of(request: HttpRequest) -> bytes:
    """Return the string to sign of a signed request."""
    claim = read_signed(AWS4A, http.read_request(request))
    return canonical.string_to_sign(claim, canonical.canonical_request(claim))


def signature_of(request: HttpRequest) -> bytes:
    """Return the signature as it stands in the request."""
    return read_signed(AWS4A, http.read_request(request)).sent_signature


def with_signature(request: HttpRequest, signature: bytes) -> HttpRequest:
    """Return the request with another signature."""
    old = signature_of(request)
    headers = tuple((name, value.replace(old, signature)) for name, value in request.headers)
    return replace(request, headers=headers, target=request.target.replace(old, signature))


def signed_again(request: HttpRequest, scalar: int = SCALAR) -> HttpRequest:
    """Return the request signed anew, by a private key, as it stands: for changes that need a right signature."""
    return with_signature(request, asymmetric.p256_sign(scalar, text_of(request)).hex().encode())
