"""The cases of the webhook schemes, and of configured ones."""

import base64
from dataclasses import replace

from counterseal.conformance import Sample, SchemeCase, symmetric_signer
from counterseal.core.model import Demand, HttpRequest, KeyKind
from counterseal.core.schemes.webhooks import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme, from_options
from tests.core.conformance.keys import key_pair
from tests.core.conformance.requests import EVENT, NOW

_SECRET = b"whsec_" + base64.b64encode(b"the secret of the holder, 32 b..")
_STRANGER = b"whsec_" + base64.b64encode(b"the secret of somebody else....")
_EMPTY = replace(EVENT, content=b"", target=b"/hooks/orders/empty")


def _entries(scheme: WebhookScheme, request: HttpRequest) -> list[bytes]:
    (value,) = [value for name, value in request.headers if name == scheme.layout.header]
    return value.split(scheme.layout.separator) if scheme.layout.separator else [value]


def webhook_case(scheme: WebhookScheme) -> SchemeCase:
    layout = scheme.layout
    known = (layout.prefix, layout.public_prefix, *(place.prefix for place in (layout.timestamp, layout.id) if place))

    def read(request: HttpRequest) -> list[bytes]:
        return sorted(entry for entry in _entries(scheme, request) if entry.startswith(tuple(filter(None, known))))

    def same(one: HttpRequest, other: HttpRequest) -> bool:
        # Lists of signatures may hold versions that are not known yet, and signatures of other secrets while one is replaced
        # (Standard Webhooks, "Signature scheme"; Stripe, "Verify manually"); one that matches is enough.
        try:
            return bool(layout.separator) and set(read(one)) <= set(read(other))
        except ValueError:
            return False

    def signature_text(request: HttpRequest) -> bytes:
        entry = _entries(scheme, request)[-1]
        return entry.removeprefix(layout.public_prefix or layout.prefix).removeprefix(layout.prefix)

    signers = [symmetric_signer(scheme.name, secret=_SECRET, stranger=_STRANGER)]
    if KeyKind.PUBLIC in scheme.key_kinds:
        signers.append(key_pair(scheme.name, "ed25519"))
    samples = tuple(
        Sample(
            name=f"{name}, {signer.key.kind.value.lower()}",
            request=request,
            signer=signer,
            demand=Demand(key_id=signer.key.key_id),
        )
        for signer in signers
        for name, request in (("event", EVENT), ("empty", _EMPTY))
    )
    return SchemeCase(scheme=scheme, samples=samples, now=NOW, same=same, signature_text=signature_text)


# Configured schemes: one that signs everything, and one that signs a hash with the method and the path alone.
_CONFIGURED = (
    from_options(
        "acme-full",
        {
            "signature_header": "x-acme-signature",
            "timestamp_header": "x-acme-time",
            "timestamp_unit": "ms",
            "id_header": "x-acme-id",
            "template": "{method}\n{target}\n{host}\n{header:content-type}\n{id}\n{timestamp}\n{body_sha256}",
            "encoding": "base64url",
            "hash": "sha512",
        },
    ),
    from_options(
        "acme-listed",
        {
            "signature_header": "x-listed",
            "signature_prefix": "s=",
            "signature_separator": ";",
            "timestamp_prefix": "at=",
            "template": "{timestamp} {path} {body}",
        },
    ),
)


def webhook_cases() -> tuple[SchemeCase, ...]:
    named = (GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX)
    return tuple(webhook_case(scheme) for scheme in (*named, *_CONFIGURED))
