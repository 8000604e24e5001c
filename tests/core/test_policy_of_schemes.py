"""Policies with signatures of other shapes: forms, webhooks, message signatures that cover this or that."""

from dataclasses import replace
from typing import Any

import pytest

from counterseal.core.model import Reason, Rejected, Verdict, Verified
from counterseal.core.policy import KeyPolicy
from counterseal.core.schemes.webhooks import WebhookScheme
from tests.core.post_form import parts
from tests.core.rfc9421 import making
from tests.core.webhooks import exchange

METHODS = KeyPolicy(methods=frozenset({"POST"}))
PATHS = KeyPolicy(path_prefixes=("/",))
REGIONS = KeyPolicy(regions=frozenset({"eu-west-1"}))
SERVICES = KeyPolicy(services=frozenset({"s3"}))
EVERYWHERE = KeyPolicy(source_networks=("0.0.0.0/0", "::/0"))


def field_of(found: Verdict) -> str:
    """Return `verified`, or the field of the policy that refused."""
    if isinstance(found, Verified):
        return "verified"
    assert isinstance(found, Rejected)
    assert found.reason is Reason.OUT_OF_SCOPE
    return found.detail.partition(": ")[0].removeprefix("policy.")


@pytest.mark.parametrize("form", [parts.form4(), parts.form2()], ids=["version 4", "version 2"])
def test_a_form_covers_its_policy_and_neither_method_nor_path(form: Any) -> None:
    key = parts.KEY
    assert field_of(parts.verdict(form, key=key)) == "verified"
    assert field_of(parts.verdict(form, key=replace(key, policy=METHODS))) == "methods"
    assert field_of(parts.verdict(form, key=replace(key, policy=PATHS))) == "path_prefixes"
    assert field_of(parts.verdict(form, key=replace(key, policy=EVERYWHERE))) == "source_networks"


def test_version_2_names_neither_region_nor_service() -> None:
    assert field_of(parts.verdict(parts.form2(), key=replace(parts.KEY, policy=REGIONS))) == "regions"
    assert field_of(parts.verdict(parts.form2(), key=replace(parts.KEY, policy=SERVICES))) == "services"


@pytest.mark.parametrize("scheme", exchange.NAMED.values(), ids=exchange.NAMED)
def test_webhooks_cover_what_they_cover(scheme: WebhookScheme) -> None:
    key = replace(exchange.KEY, allowed_schemes=frozenset({scheme.name}))
    request = exchange.signed(scheme)
    for policy, field in ((METHODS, "methods"), (PATHS, "path_prefixes"), (REGIONS, "regions"), (SERVICES, "services")):
        assert field_of(exchange.verdict(request, scheme, key=replace(key, policy=policy))) == field
    near = replace(request, source_address="192.0.2.1")
    assert field_of(exchange.verdict(near, scheme, key=replace(key, policy=EVERYWHERE))) == "verified"


def test_message_signatures_cover_method_and_path_and_have_no_region() -> None:
    key = making.pair(making.HMAC).key
    for policy, field in ((METHODS, "verified"), (PATHS, "verified"), (REGIONS, "regions"), (SERVICES, "services")):
        assert field_of(making.verdict(making.signed(), replace(key, policy=policy))) == field
    below = replace(PATHS, path_prefixes=("/a/path",))
    assert field_of(making.verdict(making.signed(), replace(key, policy=below))) == "verified"
    elsewhere = replace(PATHS, path_prefixes=("/a/path/x",))
    assert field_of(making.verdict(making.signed(), replace(key, policy=elsewhere))) == "path_prefixes"


def test_a_key_with_a_public_half_is_held_to_its_policy() -> None:
    key = making.pair("ed25519").key
    request = making.signed("ed25519")
    assert field_of(making.verdict(request, key)) == "verified"
    puts = KeyPolicy(methods=frozenset({"PUT"}))
    assert field_of(making.verdict(request, replace(key, policy=puts))) == "methods"
