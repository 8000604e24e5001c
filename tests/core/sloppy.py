"""A signer that checks nothing, written apart from `counterseal.core`: it signs whatever it is told.

With it a test shows that a defect is refused as such, and not only because the signature happens to differ.
"""

import hashlib
import hmac
import urllib.parse
from dataclasses import replace

from counterseal.core.model import HttpRequest
from tests.core.subjects import DAY, KEY, REGION, SECRET, STAMP


def credential(service: str = "s3", *, key_id: str = KEY.key_id, day: bytes = DAY, region: str = REGION) -> bytes:
    return f"{key_id}/{day.decode()}/{region}/{service}/aws4_request".encode()


def mac(credential: bytes, text: bytes, secret: bytes = SECRET) -> bytes:
    """Return the signature of `text` under the scope of `credential`."""
    key = b"AWS4" + secret
    for part in credential.split(b"/")[-4:]:
        key = hmac.new(key, part, hashlib.sha256).digest()
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode()


def text_to_sign(credential: bytes, stamp: bytes, canonical: bytes) -> bytes:
    scope = b"/".join(credential.split(b"/")[-4:])
    return b"\n".join((b"AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical).hexdigest().encode()))


def encode(text: bytes, safe: str = "") -> bytes:
    return urllib.parse.quote_from_bytes(text, safe=f"-._~{safe}").encode()


def _canonical(request: HttpRequest, names: bytes, payload: bytes, twice: bool) -> bytes:
    path, _, query = request.target.partition(b"?")
    plain = path if twice else urllib.parse.unquote_to_bytes(path)
    pairs = []
    for item in query.split(b"&") if query else []:
        name, _, value = item.partition(b"=")
        pair = (encode(urllib.parse.unquote_to_bytes(name)), encode(urllib.parse.unquote_to_bytes(value)))
        if pair[0] != b"X-Amz-Signature":
            pairs.append(pair)
    lines = b""
    for name in names.split(b";"):
        values = [b" ".join(value.split()) for found, value in request.headers if found == name.lower()]
        lines += name + b":" + b",".join(values) + b"\n"
    query = b"&".join(name + b"=" + value for name, value in sorted(pairs))
    return b"\n".join((request.method, encode(plain, "/"), query, lines, names, payload))


def body_hash(request: HttpRequest) -> bytes:
    return hashlib.sha256(request.content or b"").hexdigest().encode()


def authorization(
    request: HttpRequest,
    names: bytes,
    *,
    credential: bytes,
    stamp: bytes = STAMP,
    payload: bytes | None = None,
    secret: bytes = SECRET,
) -> bytes:
    """Return an Authorization value. The path is encoded once for s3, twice (and never normalised) for all else."""
    twice = credential.split(b"/")[-2] != b"s3"
    canonical = _canonical(request, names, body_hash(request) if payload is None else payload, twice)
    signature = mac(credential, text_to_sign(credential, stamp, canonical), secret)
    return b"AWS4-HMAC-SHA256 Credential=" + credential + b", SignedHeaders=" + names + b", Signature=" + signature


def sign(
    request: HttpRequest,
    *,
    names: bytes | None = None,
    service: str = "s3",
    stamp: bytes | None = STAMP,
    day: bytes = DAY,
    payload: bytes | None = None,
    region: str = REGION,
    signed_stamp: bytes | None = None,
) -> HttpRequest:
    """Sign in the header. `names` None: all fields. `payload` stands in `x-amz-content-sha256` as well, for s3 always.

    `stamp` None: no `x-amz-date` is added; `signed_stamp` is then the time in the string to sign.
    """
    fields = list(request.headers)
    if stamp is not None:
        fields.append((b"x-amz-date", stamp))
    if service == "s3" or payload is not None:
        fields.append((b"x-amz-content-sha256", body_hash(request) if payload is None else payload))
    whole = replace(request, headers=tuple(fields))
    if names is None:
        names = b";".join(sorted({name for name, _ in fields}))
    value = authorization(
        whole,
        names,
        credential=credential(service, day=day, region=region),
        stamp=signed_stamp or stamp or STAMP,
        payload=payload,
    )
    return replace(whole, headers=(*whole.headers, (b"authorization", value)))


def presign(
    request: HttpRequest, service: str = "s3", names: bytes = b"host", payload: bytes | None = None, **changes: bytes | None
) -> HttpRequest:
    """Sign in the query. `changes` are parameters by name with `_` for `-`; None leaves one out."""
    parameters: dict[str, bytes | None] = {
        "X-Amz-Algorithm": b"AWS4-HMAC-SHA256",
        "X-Amz-Credential": credential(service),
        "X-Amz-Date": STAMP,
        "X-Amz-Expires": b"3600",
        "X-Amz-SignedHeaders": names,
    }
    parameters |= {name.replace("_", "-"): value for name, value in changes.items()}
    query = b"&".join(name.encode() + b"=" + encode(value) for name, value in parameters.items() if value is not None)
    target = request.target + (b"&" if b"?" in request.target else b"?") + query
    unsigned = replace(request, target=target)
    if payload is None:
        payload = b"UNSIGNED-PAYLOAD" if service == "s3" else body_hash(request)
    stated = parameters["X-Amz-Credential"] or credential(service)
    canonical = _canonical(unsigned, parameters["X-Amz-SignedHeaders"] or names, payload, service != "s3")
    text = text_to_sign(stated, parameters["X-Amz-Date"] or STAMP, canonical)
    return replace(request, target=target + b"&X-Amz-Signature=" + mac(stated, text))
