"""Google Cloud Storage's V4 signing process, written from its documentation alone: what `goog4` is compared with.

It shares nothing with the engine: texts instead of bytes, `urllib` for encoding, dictionaries for headers.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import quote

ALGORITHM = "GOOG4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Every stage, and the target and headers to send."""

    canonical_request: str
    string_to_sign: str
    signature: str
    target: str
    headers: dict[str, str]


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _signature(secret: str, scope: str, text: str) -> str:
    key = ("GOOG4" + secret).encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, text).hex()


def _query(parameters: list[tuple[str, str]]) -> str:
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _headers(headers: dict[str, str]) -> tuple[str, str]:
    ordered = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    return "".join(f"{name}:{value}\n" for name, value in ordered), ";".join(name for name, _ in ordered)


def sign_url(
    method: str, path: str, parameters: list[tuple[str, str]], headers: dict[str, str], *,
    key_id: str, secret: str, location: str, now: int, expires: int,
) -> Signed:  # fmt: skip
    """Return a signed URL's request. `path` is encoded."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{stamp[:8]}/{location}/storage/goog4_request"
    canonical_headers, names = _headers(headers)
    all_parameters = [
        *parameters,
        ("X-Goog-Algorithm", ALGORITHM),
        ("X-Goog-Credential", f"{key_id}/{scope}"),
        ("X-Goog-Date", stamp),
        ("X-Goog-Expires", str(expires)),
        ("X-Goog-SignedHeaders", names),
    ]
    lowered = {name.lower(): value for name, value in headers.items()}
    payload = lowered.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    query = _query(all_parameters)
    canonical = "\n".join((method, path, query, canonical_headers, names, payload))
    text, signature = _finish(canonical, stamp, scope, secret)
    target = f"{path}?{query}&X-Goog-Signature={signature}"
    return Signed(canonical_request=canonical, string_to_sign=text, signature=signature, target=target, headers=headers)


def sign_header(
    method: str, path: str, parameters: list[tuple[str, str]], headers: dict[str, str], body: bytes, *,
    key_id: str, secret: str, location: str, now: int,
) -> Signed:  # fmt: skip
    """Return a request with an Authorization header."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{stamp[:8]}/{location}/storage/goog4_request"
    headers = {**headers, "x-goog-date": stamp}
    canonical_headers, names = _headers(headers)
    lowered = {name.lower(): value for name, value in headers.items()}
    payload = lowered.get("x-goog-content-sha256", hashlib.sha256(body).hexdigest())
    query = _query(parameters)
    canonical = "\n".join((method, path, query, canonical_headers, names, payload))
    text, signature = _finish(canonical, stamp, scope, secret)
    headers["authorization"] = f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    target = f"{path}?{query}" if query else path
    return Signed(canonical_request=canonical, string_to_sign=text, signature=signature, target=target, headers=headers)


def _finish(canonical: str, stamp: str, scope: str, secret: str) -> tuple[str, str]:
    text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return text, _signature(secret, scope, text)
