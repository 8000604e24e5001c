"""Seed corpora, made from the vectors at start: nothing here goes stale."""

import re
from collections.abc import Iterator

from counterseal.core.model import HttpRequest
from tests.core.vectors import SUITES, Case, cases

# Fields of one input, so that a mutation may move a byte from one to the next.
FIELD, PAIR, BODY = b"\x1e", b"\x1f", b"\x1d"


def pack(request: HttpRequest) -> bytes:
    """Return a request as one input."""
    fields = [request.method, request.target, *(name + PAIR + value for name, value in request.headers)]
    return FIELD.join(fields) + BODY + (request.content or b"")


def unpack(data: bytes) -> HttpRequest:
    """Return the request that any input stands for."""
    head, separator, content = data.partition(BODY)
    method, _, rest = head.partition(FIELD)
    target, *fields = rest.split(FIELD)
    headers = tuple((name, value) for name, _, value in (field.partition(PAIR) for field in fields))
    return HttpRequest(method=method, target=target, headers=headers, content=content if separator else None)


def all_cases() -> Iterator[Case]:
    for suite in (*SUITES, "aws-error-ladder"):
        yield from cases(suite)


def whole_requests() -> set[bytes]:
    return {pack(case.request()) for case in all_cases()}


def targets() -> set[bytes]:
    return {case.request().target for case in all_cases()}


def queries() -> set[bytes]:
    return {target.partition(b"?")[2] for target in targets() if b"X-Amz-Signature" in target}


def authorizations() -> set[bytes]:
    return {value for case in all_cases() for name, value in case.request().headers if name == b"authorization"}


def credentials() -> set[bytes]:
    return {found for value in authorizations() for found in re.findall(rb"Credential=([^,]*)", value)}


def times() -> set[bytes]:
    stamps = {value for case in all_cases() for name, value in case.request().headers if name in {b"x-amz-date", b"date"}}
    return stamps | {b"86400", b"604800"}


def strings_to_sign() -> set[bytes]:
    found = set()
    for case in all_cases():
        text = case.expected.get("string_to_sign", "").encode()
        if text:
            credential = case.raw["key"]["id"].encode() + b"/" + text.split(b"\n")[2]
            found.add(FIELD.join((credential, text, case.expected["signature"].encode(), b"60", b"token")))
    return found
