"""Fuzz targets for webhooks: signature headers, whole deliveries, templates and options."""

import json

from counterseal.core import http
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Refusal, Rejected
from counterseal.core.schemes.webhooks import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX, from_options, open_secret
from counterseal.core.schemes.webhooks.layout import SECRET_ENCODINGS, SecretForm
from counterseal.core.schemes.webhooks.template import read_template
from counterseal.core.verify import conclude, examine
from tests.core.webhooks.exchange import PLAIN, signed
from tests.core.webhooks.test_vectors import CASES, request_of
from tests.core.webhooks.test_vendors import VENDORS
from tests.fuzz import seeds
from tests.fuzz.checks import ANY_TIME, check

SCHEMES = {scheme.name: scheme for scheme in (GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX)}
SECRET = b"nobody signed with this one"


def webhook(data: bytes) -> None:
    """Any request: nothing verifies under a key that nobody signed with."""
    request, demand = seeds.unpack(data), Demand(key_id="hooks")
    claim = examine(request, demand, schemes=SCHEMES, window=ANY_TIME, now=1.7e9)
    if isinstance(claim, Rejected):
        return
    key = Key(key_id="hooks", tenant="", secret=SECRET, allowed_schemes=frozenset(SCHEMES), state=KeyState.ACTIVE)
    for opened in (key, None):
        found = conclude(claim, request, opened, demand, schemes=SCHEMES, window=ANY_TIME, now=1.7e9)
        check(isinstance(found, Rejected), "nothing verifies under a key that it was not signed with")


def webhook_signature(data: bytes) -> None:
    """Any value as each vendor's signature header: what was read is bounded, and is what stood there."""
    for scheme in SCHEMES.values():
        layout = scheme.layout
        fields = [
            (place.header, b"1790000000") for place in (layout.timestamp, layout.id) if place is not None and place.header
        ]
        request = HttpRequest(method=b"POST", target=b"/", headers=((layout.header, data), *fields), content=b"{}")
        try:
            claim = scheme.read(http.read_request(request), Demand(key_id="hooks"))
        except Refusal:
            continue
        check(0 < len(claim.signatures) + len(claim.public_signatures) <= 32, "there are signatures, and few")
        check(all(len(found) == 32 for found in claim.signatures), "signatures under a secret have their length")
        check(all(len(found) == 64 for found in claim.public_signatures), "signatures under a public key have theirs")
        check(len(data.strip(b" \t")) <= 8192, "and the header was not huge")
        check(claim.signed_time is None or 10**9 <= claim.signed_time < 10**10, "times are of our age")


def webhook_template(data: bytes) -> None:
    """Any template: what is accepted prints back."""
    text = data.decode("latin-1")
    try:
        template = read_template(text)
    except ValueError as refused:
        check(str(refused).startswith("template: "), "the refusal says what it is about")
        return
    printed = [
        part.value.decode() if part.kind == "text" else f"{{{part.kind}{':' if part.value else ''}{part.value.decode()}}}"
        for part in template.parts
    ]
    check("".join(printed) == text, "what was read prints back")


def webhook_options(data: bytes) -> None:
    """Any options: they make a scheme that reads what it signs, or are refused with a text."""
    try:
        options = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(options, dict):
        return
    try:
        scheme = from_options("fuzzed", options)
    except ValueError as refused:
        check(bool(str(refused)), "a refusal has a text")
        return
    check(scheme.layout.timestamp is not None or scheme.timeless, "a scheme without a time says so")


def webhook_secret(data: bytes) -> None:
    """Any secret: opened in one way, or not at all."""
    for encoding in sorted(SECRET_ENCODINGS):
        opened = open_secret(data, SecretForm(encoding=encoding, prefix=b"whsec_"))
        check(opened is None or len(opened.rstrip(b"\x00")) >= 16, "what is opened is enough")


def deliveries() -> set[bytes]:
    return {seeds.pack(signed(scheme)) for scheme in SCHEMES.values()} | {seeds.pack(request_of(case)) for case in CASES}


def signatures() -> set[bytes]:
    requests = [*map(request_of, CASES), *(signed(scheme) for scheme in SCHEMES.values())]
    names = {scheme.layout.header for scheme in SCHEMES.values()}
    return {value for request in requests for name, value in request.headers if name in names}


def templates() -> set[bytes]:
    return {str(options["template"]).encode() for options in VENDORS.values()} | {b"{header:x-a}\n{body}", b"{path}|{id}"}


def options_seeds() -> set[bytes]:
    return {json.dumps(options).encode() for options in VENDORS.values()}


def secret_seeds() -> set[bytes]:
    return {str(case["key"].get("secret", "")).encode() for case in CASES} | {SECRET, PLAIN.target}


TARGETS = {
    "webhook": (webhook, deliveries),
    "webhook_signature": (webhook_signature, signatures),
    "webhook_template": (webhook_template, templates),
    "webhook_options": (webhook_options, options_seeds),
    "webhook_secret": (webhook_secret, secret_seeds),
}
