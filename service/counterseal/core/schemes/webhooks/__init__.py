"""Webhooks: `standard-webhooks`, `svix`, `stripe`, `github`, `slack`, and any other vendor by `from_options`.

All of them are one engine with other options: `vendors.py` holds those of the named ones. They sign the raw body, a time and an
id, not method, path or headers; and they name no key.
"""

from counterseal.core.schemes.webhooks.claim import WebhookClaim
from counterseal.core.schemes.webhooks.generic import KIND, from_options
from counterseal.core.schemes.webhooks.layout import Layout, SecretForm, open_secret
from counterseal.core.schemes.webhooks.scheme import WebhookScheme
from counterseal.core.schemes.webhooks.vendors import GITHUB, OPTIONS, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX

__all__ = [
    "GITHUB",
    "KIND",
    "OPTIONS",
    "SLACK",
    "STANDARD_WEBHOOKS",
    "STRIPE",
    "SVIX",
    "Layout",
    "SecretForm",
    "WebhookClaim",
    "WebhookScheme",
    "from_options",
    "open_secret",
]
