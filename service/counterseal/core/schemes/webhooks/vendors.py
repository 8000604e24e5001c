"""The named vendors, as the options that they are. Facts from the vendors' documentation; docs/decisions/0025-webhooks.md."""

from typing import Final

from counterseal.core.schemes.webhooks.generic import from_options
from counterseal.core.schemes.webhooks.scheme import WebhookScheme

OPTIONS: Final[dict[str, dict[str, str]]] = {
    "standard-webhooks": {
        "title": "Standard Webhooks: v1 (HMAC-SHA256) and v1a (Ed25519)",
        "signature_header": "webhook-signature",
        "signature_prefix": "v1,",
        "signature_separator": " ",
        "public_prefix": "v1a,",
        "timestamp_header": "webhook-timestamp",
        "id_header": "webhook-id",
        "template": "{id}.{timestamp}.{body}",
        "encoding": "base64",
        "secret_encoding": "whsec",
        "secret_prefix": "whsec_",
    },
    "stripe": {
        "title": "Stripe webhooks: Stripe-Signature, v1",
        "signature_header": "stripe-signature",
        "signature_prefix": "v1=",
        "signature_separator": ",",
        "timestamp_prefix": "t=",
        "template": "{timestamp}.{body}",
    },
    "github": {
        "title": "GitHub webhooks: X-Hub-Signature-256, without a time",
        "signature_header": "x-hub-signature-256",
        "signature_prefix": "sha256=",
        "template": "{body}",
    },
    "slack": {
        "title": "Slack requests: X-Slack-Signature, v0",
        "signature_header": "x-slack-signature",
        "signature_prefix": "v0=",
        "timestamp_header": "x-slack-request-timestamp",
        "template": "v0:{timestamp}:{body}",
    },
}
# Standard Webhooks under the names that it had before it was a standard.
OPTIONS["svix"] = OPTIONS["standard-webhooks"] | {
    "title": "Svix webhooks: Standard Webhooks in svix-* headers",
    "signature_header": "svix-signature",
    "timestamp_header": "svix-timestamp",
    "id_header": "svix-id",
}

STANDARD_WEBHOOKS: Final[WebhookScheme] = from_options("standard-webhooks", OPTIONS["standard-webhooks"])
SVIX: Final[WebhookScheme] = from_options("svix", OPTIONS["svix"])
STRIPE: Final[WebhookScheme] = from_options("stripe", OPTIONS["stripe"])
GITHUB: Final[WebhookScheme] = from_options("github", OPTIONS["github"])
SLACK: Final[WebhookScheme] = from_options("slack", OPTIONS["slack"])
