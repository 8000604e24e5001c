"""The case of bearer tokens: a claim that covers nothing, and is made of nothing but what the holder has."""

from dataclasses import replace

from counterseal.conformance import Sample, SchemeCase, Signer
from counterseal.core.model import HttpRequest, Key, KeyState
from counterseal.core.schemes.base import Credentials
from counterseal.core.schemes.bearer import Bearer, token_sha256, write_token
from tests.core.conformance.requests import NOW, READ, REPEATED, UPLOAD

_KEY_ID = "CSBT" + "CONFORMANCE" + "A" * 9
_TOKEN = write_token(_KEY_ID, "theholder" + "0" * 34)
_STRANGER = write_token(_KEY_ID, "somebodyelse" + "0" * 31)


def _signer() -> Signer:
    key = Key(
        key_id=_KEY_ID,
        tenant="conformance",
        secret=b"",
        allowed_schemes=frozenset({"bearer"}),
        state=KeyState.ACTIVE,
        bearer_sha256=token_sha256(_TOKEN),
    )
    credentials = Credentials(key_id=_KEY_ID, secret=_TOKEN.encode())
    return Signer(key=key, credentials=credentials, stranger=replace(credentials, secret=_STRANGER.encode()))


def _token(request: HttpRequest) -> bytes:
    (value,) = [value for name, value in request.headers if name == b"authorization"]
    return value.strip(b" \t").rpartition(b" ")[2]


def _scheme(request: HttpRequest) -> bytes:
    (value,) = [value for name, value in request.headers if name == b"authorization"]
    return value.strip(b" \t").partition(b" ")[0]


def _same(one: HttpRequest, other: HttpRequest) -> bool:
    # RFC 9110 section 11.1: the name of an authentication scheme is case-insensitive.
    return (_scheme(one).lower(), _token(one)) == (_scheme(other).lower(), _token(other))


def bearer_case() -> SchemeCase:
    samples = tuple(
        Sample(name=name, request=request, signer=_signer())
        for name, request in (("upload", UPLOAD), ("repeated fields", REPEATED), ("read", READ))
    )
    return SchemeCase(scheme=Bearer(), samples=samples, now=NOW, same=_same, signature_text=_token)
