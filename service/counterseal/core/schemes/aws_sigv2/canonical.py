"""The computation for S3: string to sign, out of method, three headers, `x-amz-*` headers and the resource."""

import base64
import hmac
import itertools
import re
from typing import Final

from counterseal.core import encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes.aws_sigv2 import facts

_CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f]")
_NAME: Final = re.compile(rb"[a-z0-9-]{1,256}")
_BARE_BUCKET: Final = re.compile(rb"/[^/]+/?")


def strings_to_sign(
    request: ReadRequest, bucket: bytes | None, date: bytes, amz: dict[bytes, bytes], lines: tuple[bytes, bytes]
) -> tuple[bytes, bytes]:
    """Return the two strings to sign that count as this request; they are the same for all but a bare bucket.

    `date` is the date line, `amz` the `x-amz-*` headers by name, `lines` Content-MD5 and Content-Type.

    Raises:
        Refusal: MALFORMED.
    """
    head = b"\n".join((request.request.method, *lines, date, b""))
    fields = b"".join([b"%s:%s\n" % item for item in sorted(amz.items())])
    query = sub_resources(request.parameters)
    first, second = resources(request.path, bucket)
    return head + fields + first + query, head + fields + second + query


def resources(path: bytes, bucket: bytes | None) -> tuple[bytes, bytes]:
    """Return the resource as sent, and its other spelling: a slash after a bare bucket, or none.

    Clients differ in that slash (rclone and botocore do). It stands for the same bucket, so nothing is gained by moving it.
    """
    # As on the wire: no recoding, capitals and small letters in escapes as they came.
    resource = path if bucket is None else b"/%s%s" % (bucket, path)
    if not _BARE_BUCKET.fullmatch(resource):
        return resource, resource
    return resource, resource[:-1] if resource.endswith(b"/") else resource + b"/"


def amz_headers(request: ReadRequest) -> dict[bytes, bytes]:
    """Return the `x-amz-*` headers: blanks around values trimmed, repeats joined with a comma in arrival order."""
    return {
        name: b",".join([value.strip(b" \t") for value in values])
        for name, values in request.headers.items()
        if name.startswith(facts.AMZ)
    }


def sub_resources(parameters: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the signed part of the query, from its `?` on: sorted by name, values decoded; `acl` and `acl=` are `acl`.

    Raises:
        Refusal: MALFORMED, when one is given twice, or its value could be read as further ones.
    """
    found = sorted((name, encoding.percent_decode(value)) for name, value in parameters if name in facts.SUB_RESOURCES)
    for (name, _), (following, _) in itertools.pairwise(found):
        if name == following:
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: given more than once")
    for name, value in found:
        _check_value(name, value)
    return b"?" + b"&".join([b"%s=%s" % item if item[1] else item[0] for item in found]) if found else b""


def _check_value(name: bytes, value: bytes) -> None:
    if _CONTROLS.search(value):
        raise Refusal(Reason.MALFORMED, f"{name.decode()}: holds a control character")
    # Signed without its encoding, `response-expires=1%26uploads` would be `response-expires=1&uploads`: another operation.
    for piece in value.split(b"&")[1:]:
        if piece.partition(b"=")[0] in facts.SUB_RESOURCES:
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: holds & and the name of another parameter")


def signature(secret: bytes, text: bytes, hash_name: str = "sha1") -> bytes:
    """Return the signature of a string to sign, in base64."""
    return base64.b64encode(hmac.digest(secret, text, hash_name))


def is_field(name: bytes, value: bytes) -> bool:
    """Say whether a header that stands in the query could stand in the head: a plain name, no control character."""
    return _NAME.fullmatch(name) is not None and not _CONTROLS.search(value)
