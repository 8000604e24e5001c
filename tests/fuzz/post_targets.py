"""Fuzz targets for forms, policies and Signature Version 2."""

import base64
import contextlib
import json

from counterseal.core import http
from counterseal.core.model import HttpRequest, Refusal
from counterseal.core.post_form import boundary_of, read_form, read_parts, read_policy, write_form
from counterseal.core.post_form.policy import MAX_POLICY
from counterseal.core.post_form.values import MAX_EXPANDED_BYTES, expand
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from tests.core.post_form.parts import COSTLY, FIELDS, form2, form4, parts_of, post
from tests.core.sigv2.parts import HOSTS, QUERY_API, signed
from tests.core.vectors import cases
from tests.fuzz import seeds
from tests.fuzz.checks import NO_DEMAND, check, walk

FORMS = (form4(), form2(), post(FIELDS), form4([], {"key": "a"}))
SIGV2 = AwsSigV2(HOSTS)


def multipart(data: bytes) -> None:
    """Read a body with a boundary; what was read is written so that it reads the same."""
    boundary, _, body = data.partition(b"\r\n")
    try:
        parts = read_parts(body, boundary_of(b"multipart/form-data; boundary=" + boundary))
    except Refusal:
        return
    delimiter = b"--" + boundary
    check(len(parts) >= 1, "a form has a part")
    check(body.count(delimiter) == len(parts) + 1, "each delimiter bounds a part, and there is no other")
    check(all(delimiter not in part.content and part.content in body for part in parts), "a part is what stood between two")
    check(all(b'"' not in part.name and b"\r" not in part.name for part in parts), "names are plain")
    content_type, written = write_form(parts)
    check(read_parts(written, boundary_of(content_type)) == parts, "what was read reads the same when written")


def policy(data: bytes) -> None:
    """Read a policy document."""
    try:
        found = read_policy(base64.b64encode(data))
    except Refusal:
        return
    document = json.loads(data)
    check(document.keys() == {"expiration", "conditions"}, "a policy has an end and conditions")
    kept = {*found.conditions, *found.lengths}
    check(len(kept) == len(found.conditions) + len(found.lengths) <= len(document["conditions"]), "each condition counts once")
    for item in document["conditions"]:
        text = base64.b64encode(json.dumps(document | {"conditions": [item]}).encode())
        if len(text) <= MAX_POLICY:  # written again, letters become escapes
            one = read_policy(text)
            check(kept.issuperset((*one.conditions, *one.lengths)), "no condition is lost")
    check(all(condition.name == condition.name.lower() != "" for condition in found.conditions), "names are in lower case")
    check(
        all(condition.name.isprintable() and condition.name.isascii() for condition in found.conditions), "names can be shown"
    )
    check(found.expires < 253_402_300_800, "an end is a time that other systems can write")


def form_request(data: bytes) -> None:
    """Post any body, to any target."""
    request = seeds.unpack(data)
    try:
        form = read_form(http.read_request(request))
    except Refusal:
        walk(request, data)
        return
    check(form.file_length <= len(request.content or b""), "a file is no longer than its form")
    with contextlib.suppress(Refusal):
        check(all(len(value.encode()) <= MAX_EXPANDED_BYTES for value in expand(form).values()), "expanded fields are bounded")
    check(all(name == name.lower() for name in form.fields), "fields are in lower case")
    check(not any("\n" in value for name, value in form.fields.items() if name != "tagging"), "values are one line")
    walk(request, data)


def sigv2(data: bytes) -> None:
    """Read a request that may be signed by Version 2, and verify it."""
    request = seeds.unpack(data)
    try:
        read = http.read_request(request)
        if SIGV2.recognises(read):
            claim = SIGV2.read(read, NO_DEMAND)
            check(len(claim.strings_to_sign) == 2, "there are two spellings, always")
            check((claim.signed_time is None) == (claim.expires is not None), "a claim states a time or an end")
            check(len(claim.signature) == (28 if claim.hash == "sha1" else 44), "the signature has its length")
            check(claim.key_id.isascii() and claim.key_id.isprintable(), "key ids are safe to look up and to log")
    except Refusal:
        pass
    walk(request, data)


def multipart_seeds() -> set[bytes]:
    found = set()
    for form in FORMS:
        content_type = dict(form.headers)[b"content-type"]
        found.add(boundary_of(content_type) + b"\r\n" + (form.content or b""))
    found.add(
        b'B\r\n--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--'
    )
    return found | {b'B\r\n--B\r\nContent-Disposition: form-data; name="a"; filename=b\r\nContent-Type: c\r\n\r\n--B--'}


def policy_seeds() -> set[bytes]:
    policies = {part.content for form in FORMS for part in parts_of(form) if part.name == b"policy"}
    end = b'{"expiration":"2026-09-21T15:13:20.000Z","conditions":['
    more = {end + item + b"]}" for item in (b"", b'["eq","$a","b"]', b'{"a":"\\u00e9"}', b'["content-length-range",0,"1"]')}
    more |= {end + b'{"bucket":"b"},["eq","$Bucket","b"],{"bucket":"b"}]}', end + b'["eq","$z\\r\\n\\u001b","v"]]}'}
    return more | {base64.b64decode(text) for text in policies}


def form_seeds() -> set[bytes]:
    found = {seeds.pack(form) for form in (*FORMS, *COSTLY.values())}
    return found | {seeds.pack(form4(target=b"/", host=b"photos.s3.example.com"))}


def sigv2_seeds() -> set[bytes]:
    requests: list[HttpRequest] = [signed(), signed(expires="60"), signed(QUERY_API, dialect="query")]
    requests += [case.request() for name in ("sigv2-s3", "sigv2-query") for case in cases("aws-docs-sigv2", name)]
    return {seeds.pack(request) for request in requests}


TARGETS = {
    "multipart": (multipart, multipart_seeds),
    "policy": (policy, policy_seeds),
    "form_request": (form_request, form_seeds),
    "sigv2": (sigv2, sigv2_seeds),
}
