"""Fuzz targets for structured fields and HTTP Message Signatures. `targets.py` lists them."""

from collections.abc import Callable

from counterseal.core import http
from counterseal.core import structured_fields as sf
from counterseal.core.model import Demand, HttpRequest, Refusal
from counterseal.core.schemes.rfc9421 import read_accept_signature, read_claim
from tests.core.rfc9421.vectors import cases, suite
from tests.fuzz import seeds
from tests.fuzz.checks import check, walk

HEADERS = (
    (b"host", b"Example.com:443"),
    (b"date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
    (b"content-type", b"application/json"),
    (b"content-length", b"18"),
    (b"x-dict", b"a=1, b=(c   d);q"),
    (b"x-line", b"one"),
    (b"x-line", b"two"),
    (
        b"content-digest",
        b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    ),
)
BODY = b'{"hello": "world"}'


def structured_fields(data: bytes) -> None:
    for parse, write in (
        (_parse_one, _write_one),
        (sf.parse_list, sf.serialise_list),
        (sf.parse_dictionary, sf.serialise_dictionary),
    ):
        _round_trip(parse, write, data)


def _parse_one(data: bytes, *, unique: bool = False) -> sf.Item:
    return sf.parse_item(data, unique=unique)


def _write_one(item: sf.Item) -> bytes:
    return sf.serialise_item(item)


def _round_trip(parse: Callable[..., object], write: Callable[..., bytes], data: bytes) -> None:
    try:
        found = parse(data)
    except sf.StructuredFieldError as error:
        check(len(str(error)) < 120, "an error quotes nothing long")
        return
    written = write(found)
    check(len(written) <= 2 * len(data) + 8, "what is written is not much longer than what was read")
    check(written.isascii(), "what is written is ASCII")
    check(parse(written, unique=True) == found, "what was read prints back to what reads the same")
    check(write(parse(written)) == written, "there is one spelling")


def signature_input(data: bytes) -> None:
    """Any Signature-Input beside a Signature with the same labels, over a request that has all sorts of components."""
    try:
        labels = list(sf.parse_dictionary(data.strip(b" \t")))
    except sf.StructuredFieldError:
        labels = ["sig1"]
    signature = b", ".join(b"%s=:AAAA:" % label.encode("ascii") for label in labels)
    fields = (*HEADERS, (b"signature-input", data), (b"signature", signature))
    request = HttpRequest(method=b"POST", target=b"/p%2F?x=1&y=a+b&z", headers=fields, content=BODY, scheme="https")
    for demand in (Demand(), Demand(label=labels[0] if labels else "sig1"), Demand(tag="app")):
        try:
            claim = read_claim(request, demand)
        except Refusal as refusal:
            check(len(refusal.detail) < 200 and refusal.detail.isprintable(), "details are short and printable")
            continue
        lines = claim.base.split(b"\n")
        check(claim.base.isascii(), "the signature base is ASCII")
        check(len(lines) == len(claim.coverage.components) + 1, "a line for each component, and nothing injected")
        for line, component in zip(lines, claim.coverage.components, strict=False):
            check(line.startswith(component.encode("ascii") + b": "), "each line begins with its component")
        check(lines[-1].startswith(b'"@signature-params": ('), "the list comes last")
        check(sf.parse_item(lines[0].partition(b": ")[0]).value != "@signature-params" or len(lines) == 1, "and only there")
        check(type(claim.signed_time) is int and claim.label in labels, "there is a time, and a label that was sent")
        check(demand.label in {"", claim.label} and demand.tag in {"", claim.tag}, "the demand chose")


def components_of_request(data: bytes) -> None:
    """Any target, host and header under a fixed list of components."""
    target, host, value = [*data.split(seeds.FIELD, 2), b"", b"", b""][:3]
    covered = b'("@authority" "@path" "@query" "@target-uri" "@query-param";name="x" "x-a" "x-a";bs "x-a";key="a")'
    fields = (
        (b"host", host),
        (b"x-a", value),
        (b"signature-input", b'sig1=%s;created=1;keyid="key-1"' % covered),
        (b"signature", b"sig1=:AAAA:"),
    )
    request = HttpRequest(method=b"GET", target=target, headers=fields, scheme="https")
    try:
        claim = read_claim(request)
    except Refusal:
        return
    lines = claim.base.split(b"\n")
    check(len(lines) == 9, "values bring no lines")
    check(lines[1] == b'"@path": ' + http.read_request(request).path, "the path is what was sent")
    check(lines[0] == lines[0].lower(), "the authority is in lower case")
    check(lines[5] == b'"x-a": ' + value.strip(b" \t"), "a field is what was sent")


def rfc9421_request(data: bytes) -> None:
    walk(seeds.unpack(data), data)
    walk(seeds.unpack(data), data, Demand(label="sig1", required_components=('"@method"',)))


def accept_signature(data: bytes) -> None:
    try:
        found = read_accept_signature(data.split(seeds.FIELD))
    except Refusal:
        return
    for asked in found:
        check(asked.parameters.get("created", True) is True, "a time is asked for, not given")
        check(len({component.identity for component in asked.components}) == len(asked.components), "no component twice")


def _fields() -> set[bytes]:
    return {line.encode("latin-1") for case in suite("structured-fields-subset")["cases"] for line in case["raw"]}


def _inputs() -> set[bytes]:
    made = {b"sig1=" + case.expected["signature_input"].encode() for case in cases("rfc9421")}
    return made | {
        b'sig1=("@method" "x-dict";key="b" "x-line";bs "@query-param";name="y");created=1;keyid="key-1";tag="app"',
        b'a=("@target-uri");created=1;keyid="key-1", b=("@scheme");created=1;keyid="key-2";alg="ed25519";nonce="n";expires=2',
    }


def _requests() -> set[bytes]:
    return {seeds.pack(case.request()) for case in cases("rfc9421") if case.is_request}


def _parts() -> set[bytes]:
    targets = (b"/?x=1", b"/a%2Fb?x=a+b&y=%C3%A4", b"/?y&x=", b"//a?x=%7e", b"/?x=1&%78=2")
    return {seeds.FIELD.join((target, b"Example.com:443", b'a=1, b="c"')) for target in targets}


def _asked() -> set[bytes]:
    return {
        b'sig1=("@method" "@path");created;keyid="k"',
        b'a=();expires;alg="ed25519", b=()',
        b"a=()",
        b"",
        b'a=("x";bs);tag="t"',
    }


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], set[bytes]]]] = {
    "structured_fields": (structured_fields, _fields),
    "signature_input": (signature_input, _inputs),
    "components_of_request": (components_of_request, _parts),
    "rfc9421_request": (rfc9421_request, _requests),
    "accept_signature": (accept_signature, _asked),
}
