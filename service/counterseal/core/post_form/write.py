"""Writing policies and forms, for clients and for the command line. The verifier never uses this."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from counterseal.core import encoding, http
from counterseal.core.buckets import BucketHosts
from counterseal.core.model import Claim, Demand, HttpRequest, Refusal
from counterseal.core.post_form.multipart import Part, boundary_of, is_form, read_parts
from counterseal.core.post_form.posted import bucket_of
from counterseal.core.post_form.values import FILENAME

MAX_EXPIRES: Final = 604_800


class Reads(Protocol):
    """The part of a scheme that reads back what was signed."""

    def recognises(self, request: http.ReadRequest) -> bool:
        """Say whether the request is signed."""

    def read(self, request: http.ReadRequest, demand: Demand) -> Claim:
        """Read the claim."""

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        """Check what the signature covers."""


def write_policy(fields: Mapping[str, str], conditions: Sequence[Any], *, bucket: str, expires: int) -> bytes:
    """Return a policy in base64: the string to sign.

    `conditions` are as in a policy document. Every field that none of them names gets one of its own: it has to be what it is
    here, or to begin so where `${filename}` follows. `expires` is in Unix seconds.
    """
    named = {_name_of(condition) for condition in conditions}
    own: list[Any] = [{"bucket": bucket}] if "bucket" not in named else []
    for name, value in fields.items():
        if name.lower() in named:
            continue
        start, mark, _ = value.partition(FILENAME)
        own.append(["starts-with", f"${name}", start] if mark else {name: value})
    stamp = encoding.write_iso_basic(expires).decode("ascii")
    date, time = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}", f"{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}"
    document = {"expiration": f"{date}T{time}Z", "conditions": [*own, *conditions]}
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode("ascii"))


def _name_of(condition: Any) -> str:
    name = next(iter(condition), "") if isinstance(condition, Mapping) else condition[1]
    return str(name).removeprefix("$").lower()


def write_form(parts: Sequence[Part]) -> tuple[bytes, bytes]:
    """Return the Content-Type and the body of a form. The boundary comes out of the content, in which it does not occur."""
    seed = hashlib.sha256(b"".join(part.name + part.content for part in parts)).hexdigest().encode("ascii")
    while any(seed[:32] in part.content for part in parts):
        seed = hashlib.sha256(seed).hexdigest().encode("ascii")
    boundary = seed[:32]
    lines = []
    for part in parts:
        filename = b"" if part.filename is None else b'; filename="%s"' % part.filename
        head = b'Content-Disposition: form-data; name="%s"%s' % (part.name, filename)
        lines.append(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, part.content))
    return b"multipart/form-data; boundary=" + boundary, b"".join(lines) + b"--%s--\r\n" % boundary


def parts_of(request: HttpRequest) -> tuple[Part, ...]:
    """Return the parts of an unsigned form. Raises ValueError when the request is none, or one that a verifier would refuse."""
    try:
        read = http.read_request(request)
        if not is_form(read) or request.content is None:
            raise ValueError("option form: the request must post a multipart form, body included")
        return read_parts(request.content, boundary_of(read.header(b"content-type") or b""))
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def check_signable(fields: Mapping[str, str], own: Sequence[bytes], expires: int, secret: bytes) -> None:
    """Check what a policy is to be written for, and signed with. Raises ValueError, naming the field."""
    if not secret:
        raise ValueError("credentials: forms are signed with a secret")
    if not 1 <= expires <= MAX_EXPIRES:
        raise ValueError(f"form: must be good for 1 to {MAX_EXPIRES} seconds")
    for name in fields:
        if name.lower().encode() in own:
            raise ValueError(f"field {name}: signing adds it")


def read_expires(text: str) -> int:
    """Read the value of the option `form`: for how many seconds the form is good. Raises ValueError."""
    seconds = encoding.read_digits(text.encode())
    if seconds is None:
        raise ValueError("option form: must be a number of seconds")
    return seconds


def sign_posted(
    scheme: Reads, request: HttpRequest, sign_form: Callable[[dict[str, str], str], dict[str, str]], hosts: BucketHosts
) -> HttpRequest:
    """Return a request that posts an unsigned form with the form signed. `sign_form` is given its fields and the bucket.

    Raises:
        ValueError: the request posts no form, or one that a verifier would refuse to read or to call covered.
    """
    parts = parts_of(request)
    try:
        read = http.read_request(request)
        bucket = bucket_of(read, hosts)
        plain = {part.name.decode("ascii", "replace"): part.content.decode("utf-8", "replace") for part in parts[:-1]}
        if scheme.recognises(read):
            raise ValueError("the request is signed already")
        fields = sign_form(plain, bucket)
        added = {name: value for name, value in fields.items() if name not in plain}
        signed = with_fields(request, parts, added)
        demand = Demand()
        scheme.check_coverage(scheme.read(http.read_request(signed), demand), demand)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    return signed


def with_fields(request: HttpRequest, parts: Sequence[Part], added: Mapping[str, str]) -> HttpRequest:
    """Return the request with a form of these parts and fields, the last part last, and the headers that belong to it."""
    fields = [Part(name=name.encode("ascii"), content=value.encode()) for name, value in added.items()]
    content_type, body = write_form([*parts[:-1], *fields, *parts[-1:]])
    own = {b"content-type": content_type, b"content-length": b"%d" % len(body)}
    headers = tuple((name, own.get(name, value)) for name, value in request.headers)
    return replace(request, headers=headers, content=body)
