"""What the attacks on webhooks share: a delivery of every vendor, and a refusal with its reason."""

from collections.abc import Callable

import pytest

from counterseal.core.model import (
    Demand,
    HttpRequest,
    Key,
    Reason,
    Rejected,
)
from counterseal.core.schemes.webhooks import STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme
from tests.core.webhooks.exchange import (
    DEMAND,
    KEY,
    NAMED,
    NOW,
    header_of,
    put_header,
    signed,
    verdict,
)

ALL = list(NAMED.values())
LISTS = [STANDARD_WEBHOOKS, SVIX, STRIPE]
SIGNED = {scheme.name: signed(scheme) for scheme in ALL}
every = pytest.mark.parametrize("scheme", ALL, ids=list(NAMED))
listed = pytest.mark.parametrize("scheme", LISTS, ids=lambda scheme: scheme.name)


def refused(request: HttpRequest, reason: Reason, *, key: Key | None = KEY, demand: Demand = DEMAND, now: float = NOW) -> str:
    found = verdict(request, key=key, demand=demand, now=now)
    assert isinstance(found, Rejected), found
    assert found.reason is reason, found
    return found.detail


def edited(scheme: WebhookScheme, edit: Callable[[bytes], bytes]) -> HttpRequest:
    """Return a signed request with another signature header."""
    request, name = SIGNED[scheme.name], scheme.layout.header
    return put_header(request, name, edit(header_of(request, name)))
