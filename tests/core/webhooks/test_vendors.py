"""Vendors as configuration, against short scripts from their own documentation that share nothing with the engine."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.base import Credentials
from counterseal.core.schemes.webhooks import OPTIONS
from tests.core.webhooks.exchange import (
    BODY,
    KEY_ID,
    NAMED,
    NOW,
    PLAIN,
    configured,
    noise,
    signed,
    verifies,
    with_secret,
)

SECRET = b"a secret as the vendor shows it, 1"
# As somebody would write them into a settings file. The first five are spelled out again, not taken from the code.
VENDORS: dict[str, dict[str, object]] = {
    "standard-webhooks": {
        "signature_header": "webhook-signature",
        "signature_prefix": "v1,",
        "public_prefix": "v1a,",
        "signature_separator": " ",
        "timestamp_header": "webhook-timestamp",
        "id_header": "webhook-id",
        "template": "{id}.{timestamp}.{body}",
        "encoding": "base64",
        "secret_encoding": "whsec",
        "secret_prefix": "whsec_",
    },
    "svix": {
        "signature_header": "svix-signature",
        "signature_prefix": "v1,",
        "public_prefix": "v1a,",
        "signature_separator": " ",
        "timestamp_header": "svix-timestamp",
        "id_header": "svix-id",
        "template": "{id}.{timestamp}.{body}",
        "encoding": "base64",
        "secret_encoding": "whsec",
        "secret_prefix": "whsec_",
    },
    "stripe": {
        "signature_header": "stripe-signature",
        "signature_prefix": "v1=",
        "signature_separator": ",",
        "timestamp_prefix": "t=",
        "template": "{timestamp}.{body}",
    },
    "github": {"signature_header": "x-hub-signature-256", "signature_prefix": "sha256=", "template": "{body}"},
    "slack": {
        "signature_header": "x-slack-signature",
        "signature_prefix": "v0=",
        "timestamp_header": "x-slack-request-timestamp",
        "template": "v0:{timestamp}:{body}",
    },
    "shopify": {"signature_header": "x-shopify-hmac-sha256", "encoding": "base64", "template": "{body}"},
    "zoom": {
        "signature_header": "x-zm-signature",
        "signature_prefix": "v0=",
        "timestamp_header": "x-zm-request-timestamp",
        "template": "v0:{timestamp}:{body}",
    },
    "linear": {"signature_header": "linear-signature", "template": "{body}"},
    "paddle": {
        "signature_header": "paddle-signature",
        "signature_prefix": "h1=",
        "signature_separator": ";",
        "timestamp_prefix": "ts=",
        "template": "{timestamp}:{body}",
    },
    "square": {
        "signature_header": "x-square-hmacsha256-signature",
        "encoding": "base64",
        "template": "https://hooks.example.com/hooks/in?from=vendor{body}",
    },
    "hubspot": {
        "signature_header": "x-hubspot-signature-v3",
        "encoding": "base64",
        "timestamp_header": "x-hubspot-request-timestamp",
        "timestamp_unit": "ms",
        "template": "POSThttps://hooks.example.com/hooks/in?from=vendor{body}{timestamp}",
    },
    "pagerduty": {
        "signature_header": "x-pagerduty-signature",
        "signature_prefix": "v1=",
        "signature_separator": ",",
        "template": "{body}",
    },
    "teams": {
        "signature_header": "authorization",
        "signature_prefix": "HMAC ",
        "encoding": "base64",
        "template": "{body}",
        "secret_encoding": "base64",
    },
    "websub": {
        "signature_header": "x-hub-signature",
        "signature_prefix": "sha1=",
        "hash": "sha1",
        "allow_sha1": True,
        "template": "{body}",
    },
    "api-with-method-and-path": {
        "signature_header": "x-signature",
        "timestamp_header": "x-timestamp",
        "hash": "sha512",
        "encoding": "base64url",
        "secret_encoding": "hex",
        "template": "{method}{target}\n{host}\n{timestamp}{body_sha256}",
    },
}


def mac(message: bytes, secret: bytes = SECRET, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret, message, algorithm).digest()


def b64(raw: bytes) -> bytes:
    return base64.b64encode(raw)


TIME = b"%d" % NOW
URL = b"https://hooks.example.com/hooks/in?from=vendor"
# From each vendor's documentation on checking by hand: body to header fields.
SCRIPTS: dict[str, Callable[[bytes], dict[bytes, bytes]]] = {
    "standard-webhooks": lambda body: {
        b"webhook-id": b"msg_1",
        b"webhook-timestamp": TIME,
        b"webhook-signature": b"v1," + b64(mac(b"msg_1." + TIME + b"." + body)),
    },
    "svix": lambda body: {
        b"svix-id": b"msg_1",
        b"svix-timestamp": TIME,
        b"svix-signature": b"v1," + b64(mac(b"msg_1." + TIME + b"." + body)),
    },
    "stripe": lambda body: {b"stripe-signature": b"t=" + TIME + b",v1=" + mac(TIME + b"." + body).hex().encode() + b",v0=00"},
    "github": lambda body: {b"x-hub-signature-256": b"sha256=" + mac(body).hex().encode()},
    "slack": lambda body: {
        b"x-slack-request-timestamp": TIME,
        b"x-slack-signature": b"v0=" + mac(b"v0:" + TIME + b":" + body).hex().encode(),
    },
    "shopify": lambda body: {b"x-shopify-hmac-sha256": b64(mac(body))},
    "zoom": lambda body: {
        b"x-zm-request-timestamp": TIME,
        b"x-zm-signature": b"v0=" + mac(b"v0:" + TIME + b":" + body).hex().encode(),
    },
    "linear": lambda body: {b"linear-signature": mac(body).hex().encode()},
    "paddle": lambda body: {b"paddle-signature": b"ts=" + TIME + b";h1=" + mac(TIME + b":" + body).hex().encode()},
    "square": lambda body: {b"x-square-hmacsha256-signature": b64(mac(URL + body))},
    "hubspot": lambda body: {
        b"x-hubspot-request-timestamp": TIME + b"042",
        b"x-hubspot-signature-v3": b64(mac(b"POST" + URL + body + TIME + b"042")),
    },
    "pagerduty": lambda body: {b"x-pagerduty-signature": b"v1=" + b"0" * 64 + b",v1=" + mac(body).hex().encode()},
    "teams": lambda body: {b"authorization": b"HMAC " + b64(mac(body))},
    "websub": lambda body: {b"x-hub-signature": b"sha1=" + mac(body, algorithm="sha1").hex().encode()},
    "api-with-method-and-path": lambda body: {
        b"x-timestamp": TIME,
        b"x-signature": base64.urlsafe_b64encode(
            mac(
                b"POST/hooks/in?from=vendor\nhooks.example.com\n" + TIME + hashlib.sha256(body).hexdigest().encode(),
                algorithm="sha512",
            )
        ).rstrip(b"="),
    },
}
STORED = {"teams": b64(SECRET), "api-with-method-and-path": SECRET.hex().encode(), "standard-webhooks": b"whsec_" + b64(SECRET)}
STORED["svix"] = STORED["standard-webhooks"]


def by_script(vendor: str, body: bytes) -> HttpRequest:
    return replace(PLAIN, headers=(*PLAIN.headers, *SCRIPTS[vendor](body).items()), content=body)


def test_named_schemes_are_these_options() -> None:
    for name, options in OPTIONS.items():
        assert {**options, "title": ""} == {**VENDORS[name], "title": ""}
    assert set(OPTIONS) == set(NAMED)


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_the_vendors_script_signs_verifies(vendor: str) -> None:
    scheme, key = configured(vendor, **VENDORS[vendor]), with_secret(STORED.get(vendor, SECRET))
    bodies = [b"", b"{}", BODY, b"\x00\xff\r\n", "Zoë".encode(), *(noise(vendor, i) * (i % 40) for i in range(1000))]
    for body in bodies:
        request = by_script(vendor, body)
        assert verifies(request, scheme, key=key), body
        assert not verifies(replace(request, content=body + b"."), scheme, key=key)
    print(f"{vendor}: {len(bodies)} deliveries, 0 disagreements")


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_signed_here_is_what_the_vendors_script_writes(vendor: str) -> None:
    scheme = configured(vendor, **VENDORS[vendor])
    options = {"id": "msg_1"} if scheme.layout.id else {}
    credentials = Credentials(key_id=KEY_ID, secret=STORED.get(vendor, SECRET))
    for i in range(100):
        body = noise("sign", vendor, i) * (i % 7)
        written = signed(scheme, replace(PLAIN, content=body), credentials, NOW, **options)
        if vendor == "hubspot":  # whose script above adds milliseconds
            assert verifies(written, scheme, key=with_secret(SECRET))
            continue
        expected = SCRIPTS[vendor](body)
        expected = {
            name: value.replace(b",v0=00", b"").replace(b"v1=" + b"0" * 64 + b",", b"") for name, value in expected.items()
        }
        assert dict(written.headers[len(PLAIN.headers) :]) == expected
