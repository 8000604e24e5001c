"""Requests of Alibaba's and Tencent's clients, and the walk through `examine` and `conclude`."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Verdict, Window
from counterseal.core.schemes import BUILT_IN, Scheme
from counterseal.core.verify import conclude, examine

FOLDER = Path(__file__).parent.parent.parent / "vectors"
NOW = 1_790_000_000  # 20260921T141320Z
NO_DEMAND = Demand()


def load(suite: str) -> list[dict[str, Any]]:
    """Return the cases of a suite."""
    content = json.loads((FOLDER / f"{suite}.json").read_text())
    assert content["count"] == len(content["cases"])
    found: list[dict[str, Any]] = content["cases"]
    return found


def every(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Run a test with each case."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in cases])


def request_of(case: dict[str, Any]) -> HttpRequest:
    """Return the request as on the wire; names in lower case, as a gateway hands them over."""
    raw = case["request"]
    body = base64.b64decode(raw["body_base64"])
    assert hashlib.sha256(body).hexdigest() == raw["body_sha256"]
    return HttpRequest(
        method=raw["method"].encode(),
        target=raw["target"].encode(),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in raw["headers"]),
        content=body,
    )


def key_of(case: dict[str, Any]) -> Key:
    """Return the case's key."""
    raw = case["key"]
    token = hashlib.sha256(raw["token"].encode()).digest() if "token" in raw else None
    return Key(
        key_id=raw["id"],
        tenant="vectors",
        secret=raw["secret"].encode(),
        allowed_schemes=frozenset({case["scheme"]}),
        state=KeyState.ACTIVE,
        security_token_sha256=token,
    )


def verdict(
    request: HttpRequest,
    key: Key | None,
    *,
    now: float = NOW,
    demand: Demand = NO_DEMAND,
    schemes: Mapping[str, Scheme] = BUILT_IN,
) -> Verdict:
    """Walk through both halves, as a server does."""
    claim = examine(request, demand, schemes=schemes, window=Window(), now=now)
    if isinstance(claim, Rejected):
        return claim
    return conclude(claim, request, key, demand, schemes=schemes, window=Window(), now=now)


def refused(request: HttpRequest, key: Key, reason: Reason, **options: Any) -> str:
    """Check that the request is refused for this reason, and return the detail."""
    found = verdict(request, key, **options)
    assert isinstance(found, Rejected), found
    assert found.reason is reason, found
    return found.detail


def header_of(request: HttpRequest, name: bytes) -> bytes:
    """Return the one value of a field."""
    (value,) = [value for found, value in request.headers if found == name]
    return value


def put(request: HttpRequest, name: bytes, *values: bytes) -> HttpRequest:
    """Return the request with these values of a field, in place of those it has."""
    kept = tuple(item for item in request.headers if item[0] != name)
    return replace(request, headers=(*kept, *((name, value) for value in values)))


def edit(request: HttpRequest, name: bytes, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with `old`, which is there, replaced in a field."""
    assert old in header_of(request, name)
    return put(request, name, header_of(request, name).replace(old, new))


def edit_target(request: HttpRequest, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with `old`, which is there, replaced in its target."""
    assert old in request.target
    return replace(request, target=request.target.replace(old, new, 1))
