"""One fuzz target for each parser. A target takes any bytes; it raises only when something is wrong.

To add one (for a parser of the server, say): a function from bytes to None, and its seeds, in TARGETS.
"""

from collections.abc import Callable
from typing import NamedTuple

from counterseal.core import encoding, http
from counterseal.core.model import (
    Demand,
    HttpRequest,
    Refusal,
    StringToSignSubject,
)
from counterseal.core.schemes.aws_sigv4 import read_claim
from counterseal.core.scope import read_credential
from counterseal.core.sigv4.canonical import canonical_query, normalise_path
from tests.fuzz import (
    bearer_targets,
    body_targets,
    call_targets,
    cavage_targets,
    cloud_targets,
    message_targets,
    post_targets,
    rfc9421_targets,
    seeds,
    server_targets,
    setting_targets,
    sigv4_targets,
    webhook_targets,
)
from tests.fuzz.checks import check, walk

SHA256 = b"0" * 64


def target_and_query(data: bytes) -> None:
    try:
        read = http.read_request(HttpRequest(method=b"GET", target=data, headers=((b"host", b"x"),)))
    except Refusal:
        return
    check(read.path.startswith(b"/"), "a path begins with a slash")
    check(data.startswith(read.path), "the path is what stood in the target")
    check(len(read.parameters) <= http.MAX_PARAMETERS, "parameters are limited")
    for name, value in read.parameters:
        check(encoding.recode_query(name) == name and encoding.recode_query(value) == value, "canonical encoding is idempotent")
        check(encoding.percent_encode(encoding.percent_decode(value)) == value, "canonical encoding is that of the plain text")
    normal = normalise_path(read.path)
    check(normalise_path(normal) == normal, "normalising is idempotent")
    check(not {b".", b".."} & set(normal.split(b"/")), "no dot segment is left")
    check(b"//" not in normal, "no empty segment is left")
    check(canonical_query(read.parameters).count(b"&") < max(len(read.parameters), 1), "no parameter comes out of another")


def headers(data: bytes) -> None:
    request = seeds.unpack(b"GET" + seeds.FIELD + b"/" + seeds.FIELD + data)
    try:
        read = http.read_request(request)
    except Refusal:
        return
    flat = [(name, value) for name, value in request.headers if name in read.headers]
    check(len(flat) == len(request.headers) == sum(map(len, read.headers.values())), "no field is lost")
    for name, value in flat:
        check(name == name.lower() and name.isascii() and name.strip() == name, "names are lower-case tokens")
        check(not any((byte < 32 and byte != 9) or byte == 127 for byte in value), "no control character in a value")
    for name, values in read.headers.items():
        check(values == [value for found, value in flat if found == name], "repeats keep their order")


def authorization(data: bytes) -> None:
    fields = (
        (b"host", b"x"),
        (b"x-amz-date", b"20150830T123600Z"),
        (b"x-amz-content-sha256", SHA256),
        (b"authorization", data),
    )
    request = HttpRequest(method=b"GET", target=b"/", headers=fields, content=b"")
    try:
        claim = read_claim(request)
    except Refusal:
        return
    check(claim.scope is not None, "a scope was read")
    scope = claim.scope.text() if claim.scope else ""
    stated = f"Credential={claim.key_id}/{scope}, SignedHeaders={claim.signed_headers.decode()}"
    text = f"AWS4-HMAC-SHA256 {stated}, Signature={claim.signature.decode()}"
    again = read_claim(
        HttpRequest(method=b"GET", target=b"/", headers=(*fields[:3], (b"authorization", text.encode())), content=b"")
    )
    same = (again.key_id, again.scope, again.coverage, again.signature) == (
        claim.key_id,
        claim.scope,
        claim.coverage,
        claim.signature,
    )
    check(same, "what was read prints back to what reads the same")
    check(
        sorted(data.replace(b" ", b"").replace(b"\t", b"").partition(b"AWS4-HMAC-SHA256")[2].split(b","))
        == sorted(text.replace(" ", "").encode().partition(b"AWS4-HMAC-SHA256")[2].split(b",")),
        "and nothing else stood there",
    )


def query_signature(data: bytes) -> None:
    request = HttpRequest(method=b"GET", target=b"/?" + data, headers=((b"host", b"x"), (b"range", b"y")), content=b"")
    try:
        claim = read_claim(request)
    except Refusal:
        return
    check(claim.presigned and claim.valid_for is not None and 1 <= claim.valid_for <= 604_800, "the validity is limited")
    check(len(claim.signature) == 64, "the signature has its length")
    check(set(claim.coverage.headers) <= {b"host", b"range"}, "only headers that are there are covered")
    check(data.lower().count(b"signature=") >= 1, "there was a signature")


def credential(data: bytes) -> None:
    try:
        key_id, scope = read_credential(data, "aws4_request")
    except Refusal:
        return
    check(f"{key_id}/{scope.text()}".encode("ascii") == data, "what was read prints back as it stood")
    check(3 <= len(key_id) <= 128 and key_id.isprintable() and " " not in key_id, "key ids are safe to look up and to log")


def times_and_numbers(data: bytes) -> None:
    seconds = encoding.read_iso_basic(data)
    check(seconds is None or encoding.write_iso_basic(seconds) == data, "a time prints back as it stood")
    number = encoding.read_digits(data)
    check(number is None or b"%d" % number == data, "a number prints back as it stood")
    seconds = encoding.read_imf_fixdate(data)
    check(seconds is None or encoding.read_iso_basic(encoding.write_iso_basic(seconds)) == seconds, "both forms tell one time")


def encodings(data: bytes) -> None:
    for recode in (encoding.recode_query, encoding.recode_path):
        once = recode(data)
        check(recode(once) == once, "recoding is idempotent")
    check(encoding.percent_decode(encoding.percent_encode(data)) == data, "encoding loses nothing")
    check(encoding.percent_encode(data).isascii() and encoding.percent_encode_path(data).isascii(), "encoded text is ASCII")


def string_to_sign(data: bytes) -> None:
    stated, text, signature, valid_for, token = [*data.split(seeds.FIELD), b"", b"", b"", b"", b""][:5]
    number = encoding.read_digits(valid_for)
    walk(
        StringToSignSubject(
            scheme="aws-sigv4",
            credential=stated,
            string_to_sign=text,
            signature=signature,
            valid_for=number,
            security_token=token or None,
        ),
        data,
    )


def whole_request(data: bytes) -> None:
    demand = Demand(required_headers=frozenset({b"host"}) if data[:1] == b"H" else frozenset())
    walk(seeds.unpack(data), data, demand)


def planted(data: bytes) -> None:
    """Fail soon, to show that failures are seen. Not among TARGETS."""
    if len(data) > 2 and data[0] == ord("%"):
        raise KeyError("planted")


class Target(NamedTuple):
    run: Callable[[bytes], None]
    seeds: Callable[[], set[bytes]]


TARGETS = {
    "target_and_query": Target(target_and_query, seeds.targets),
    "headers": Target(headers, lambda: {seed.split(seeds.FIELD, 2)[2] for seed in seeds.whole_requests()}),
    "authorization": Target(authorization, seeds.authorizations),
    "query_signature": Target(query_signature, seeds.queries),
    "credential": Target(credential, seeds.credentials),
    "times_and_numbers": Target(times_and_numbers, seeds.times),
    "encodings": Target(encodings, seeds.targets),
    "string_to_sign": Target(string_to_sign, seeds.strings_to_sign),
    "whole_request": Target(whole_request, seeds.whole_requests),
    "verify_message": Target(server_targets.verify_message, server_targets.verify_messages),
    "raw_request": Target(server_targets.raw_request, server_targets.raw_requests),
    "key_messages": Target(message_targets.key_messages, message_targets.key_message_seeds),
    "client_verdict": Target(message_targets.client_verdict, message_targets.client_verdict_seeds),
    "at_rest": Target(setting_targets.at_rest, setting_targets.sealed_and_rings),
    "settings": Target(setting_targets.settings, setting_targets.settings_seeds),
    "cli_times": Target(setting_targets.cli_times, setting_targets.cli_times_seeds),
    **{name: Target(*pair) for name, pair in bearer_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in cavage_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in webhook_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in rfc9421_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in body_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in sigv4_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in cloud_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in post_targets.TARGETS.items()},
    **{name: Target(*pair) for name, pair in call_targets.TARGETS.items()},
}
PLANTED = {"planted": Target(planted, lambda: {b"seed"})}
