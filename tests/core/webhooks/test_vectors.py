"""Every vector of webhooks.json, stage by stage: what is signed, the signature, the verdict."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.asymmetric import read_public_key
from counterseal.core.http import read_request
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Verified, Window
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.webhooks import from_options
from tests.core.webhooks.exchange import NAMED, verdict
from tests.core.webhooks.test_vendors import VENDORS

FOLDER = Path(__file__).parent.parent.parent / "vectors"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "webhooks.json").read_text())["cases"]
IDS = [case["id"] for case in CASES]


def request_of(case: dict[str, Any]) -> HttpRequest:
    raw = case["request"]
    return HttpRequest(
        method=raw["method"].encode(),
        target=raw["target"].encode(),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in raw["headers"]),
        content=base64.b64decode(raw["body_base64"]),
    )


def key_of(case: dict[str, Any]) -> Key:
    raw = case["key"]
    public = raw.get("public_key_raw_base64")
    return Key(
        key_id="from-the-vector",
        tenant="",
        secret=raw.get("secret", "").encode(),
        allowed_schemes=frozenset({case["scheme"]}),
        state=KeyState.ACTIVE,
        public_key=read_public_key(base64.b64decode(public), algorithm="ed25519") if public else None,
    )


def test_the_suite_is_whole() -> None:
    assert json.loads((FOLDER / "webhooks.json").read_text())["count"] == len(CASES) == 16
    assert all(case["expected"]["verdict"] == "valid" for case in CASES)
    assert not (FOLDER / "deviations" / "webhooks.json").exists()


def telling(what: str) -> pytest.MarkDecorator:
    """Return the cases that tell what is expected at a stage."""
    return pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if what in c["expected"]])


@telling("signed_content")
def test_signed_content(case: dict[str, Any]) -> None:
    claim = NAMED[case["scheme"]].read(read_request(request_of(case)), Demand(key_id="from-the-vector"))
    assert claim.pieces is not None
    assert b"".join(claim.pieces) == case["expected"]["signed_content"].encode()


@telling("signature")
def test_signing_gives_the_signature(case: dict[str, Any]) -> None:
    scheme, request = NAMED[case["scheme"]], request_of(case)
    seed = bytes(range(32)) if "public_key" in case["key"] else b""
    credentials = Credentials(
        key_id="from-the-vector",
        secret=case["key"].get("secret", "").encode(),
        private_key=bytes.fromhex("302e020100300506032b657004220420") + seed if seed else b"",
    )
    ids = [value.decode() for name, value in request.headers if name.endswith(b"-id")]
    bare = HttpRequest(method=b"POST", target=request.target, headers=(), content=request.content)
    signing = Signing(now=case["context"]["now_unix"], options={"id": ids[0]} if ids else {})
    (written,) = [value for name, value in scheme.sign(bare, credentials, signing).headers if name == scheme.layout.header]
    assert written.decode().removeprefix(f"t={signing.now},v1=") == case["expected"]["signature"]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_verdict(case: dict[str, Any]) -> None:
    context = case["context"]
    found = verdict(
        request_of(case),
        key=key_of(case),
        demand=Demand(key_id="from-the-vector", allowed_schemes=frozenset({case["scheme"]})),
        now=context["now_unix"],
        window=Window(skew=context["tolerance_seconds"]),
    )
    assert isinstance(found, Verified)
    assert found.signed_time == (None if case["scheme"] == "github" else context_time(case))


def context_time(case: dict[str, Any]) -> int:
    return 1_614_265_330 if case["id"].startswith("std/boundary") else int(case["context"]["now_unix"])


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["scheme"] != "github"])
def test_a_second_past_the_window(case: dict[str, Any]) -> None:
    stated, skew = context_time(case), case["context"]["tolerance_seconds"]
    for now, reason in ((stated + skew + 1, Reason.TOO_OLD), (stated - skew - 1, Reason.TOO_NEW)):
        found = verdict(
            request_of(case), key=key_of(case), demand=Demand(key_id="from-the-vector"), now=now, window=Window(skew=skew)
        )
        assert isinstance(found, Rejected)
        assert found.reason is reason


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_same_through_a_configured_scheme(case: dict[str, Any]) -> None:
    """The vendor's options under another name: nothing about the named ones is special."""
    scheme = from_options("configured", VENDORS[case["scheme"]])
    found = verdict(
        request_of(case),
        scheme,
        key=key_of(case),
        demand=Demand(key_id="from-the-vector"),
        now=context_time(case),
    )
    assert isinstance(found, Verified)
    assert found.scheme == "configured"
