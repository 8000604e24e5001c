"""Every case of cavage-12.json by stage: string to sign, signature, verdict."""

import base64
import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from counterseal.core import asymmetric, http
from counterseal.core.model import HttpRequest, Reason, Refusal, Rejected, Verified
from counterseal.core.schemes.cavage import CAVAGE, DRAFT_12, Cavage, from_options
from counterseal.core.schemes.cavage import parameters as reader
from counterseal.core.schemes.cavage.reading import read_claim
from counterseal.core.schemes.cavage.strings import strings_to_sign
from tests.core.asymmetric import keys
from tests.core.cavage import world

VECTORS = Path(__file__).parents[2] / "vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "cavage-12.json").read_text())["cases"]
DEVIATIONS: dict[str, str] = json.loads((VECTORS / "deviations" / "cavage-12.json").read_text())["deviations"]
MESSAGES = [case for case in CASES if case["scheme"] == "cavage-12"]
CANONICAL = [case for case in CASES if case["scheme"] == "cavage-12-canonical"]
# Cases whose verdict depends on a policy. The draft's newest default counts, and what it calls ambiguous is refused.
VALID = {"valid", "valid-if-key-metadata-says-rsa-v1_5-sha256"}
REFUSED = {"invalid", "invalid-under-12/valid-under-10", "valid-per-draft/strict-reject"}
# The draft leaves what must be covered to the application; this scheme asks for the least that it can.
LAX = from_options("lax", {"required_headers": [], "unsigned_body": True})
# What the reader refuses before there is a string to sign, although the suite gives one.
UNREAD = {
    "cavage/C.1-default-as-printed": "no list means (created), an error with rsa-sha256; the string is an older draft's",
    "cavage/neg-duplicate-param-last-wins": "a repeated parameter is refused, not read as the last one",
    "cavage/neg-no-keyid": "keyId is missing",
}


def _ids(case: dict[str, Any]) -> str:
    return str(case["id"])


def _request(case: dict[str, Any]) -> HttpRequest:
    raw = case["request"]
    body = raw.get("body_base64")
    return HttpRequest(
        method=raw["method"].encode(),
        target=raw["target"].encode(),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in raw["headers"]),
        content=b"" if body is None else base64.b64decode(body),
    )


def _now(case: dict[str, Any]) -> float:
    return dt.datetime.fromisoformat(case["context"]["now"]).timestamp()


def _matches(case: dict[str, Any], string: bytes) -> bool:
    """Verify with the library used plainly: the suite's key is too short for this project."""
    key = serialization.load_pem_public_key(case["key"]["public_key_pem"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(base64.b64decode(case["expected"]["signature_base64"]), string, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("case", MESSAGES, ids=_ids)
def test_string_to_sign_and_signature(case: dict[str, Any]) -> None:
    expected = case["expected"]
    try:
        claim = read_claim("cavage", http.read_request(_request(case)), DRAFT_12)
    except Refusal:
        assert expected["signing_string"] is None or case["id"] in UNREAD
        return
    assert case["id"] not in UNREAD
    (string,) = claim.strings
    assert claim.signature == base64.b64decode(expected["signature_base64"])
    if expected["signing_string"] is not None:
        assert string == expected["signing_string"].encode()
    assert _matches(case, string) is (expected["signing_string"] is not None)


@pytest.mark.parametrize("case", MESSAGES, ids=_ids)
def test_the_suites_key_is_too_short_to_be_registered(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="2048 to 8192 bits"):
        asymmetric.read_public_key(case["key"]["public_key_pem"].encode(), algorithm="rsa-v1_5-sha256")


def _verdict(case: dict[str, Any], scheme: Cavage) -> Verified | Rejected:
    """Return the verdict under a key of 2048 bits, which signed what the suite's key did sign."""
    request = _request(case)
    signed = case["expected"]["signature_base64"]
    try:
        (string,) = read_claim("cavage", http.read_request(request), DRAFT_12).strings
    except Refusal:
        string = None
    if string is not None and _matches(case, string):
        ours = asymmetric.sign(keys.private_key("rsa-v1_5-sha256"), "rsa-v1_5-sha256", string)
        lines = tuple((n, v.replace(signed.encode(), base64.b64encode(ours))) for n, v in request.headers)
        request = replace(request, headers=lines)
    key = replace(world.public_key("rsa-v1_5-sha256"), key_id=case["key"]["id"], allowed_schemes=frozenset({scheme.name}))
    return world.judge(request, key, scheme=scheme, now=_now(case))


@pytest.mark.parametrize("case", MESSAGES, ids=_ids)
def test_verdict(case: dict[str, Any]) -> None:
    found = _verdict(case, CAVAGE)
    verdict = case["expected"]["verdict"]
    assert verdict in VALID | REFUSED
    if verdict in REFUSED:
        assert isinstance(found, Rejected)
    elif "signed with 2048 bits it verifies" in DEVIATIONS[case["id"]]:
        assert isinstance(found, Verified)
    else:
        assert isinstance(found, Rejected)
        assert found.reason is Reason.NOT_COVERED


@pytest.mark.parametrize("case", MESSAGES, ids=_ids)
def test_verdict_of_a_lax_scheme(case: dict[str, Any]) -> None:
    # Only the target and the time are still asked for, which C.1 does not sign.
    found = _verdict(case, LAX)
    valid = case["expected"]["verdict"] in VALID and case["id"] != "cavage/C.1-with-headers-date"
    assert isinstance(found, Verified) is valid, found


@pytest.mark.parametrize("case", CANONICAL, ids=_ids)
def test_canonical(case: dict[str, Any]) -> None:
    given = case["input"]
    parameters = {name.encode(): str(value).encode() for name, value in given["params"].items()}
    if given["headers"] is not None:
        parameters[b"headers"] = " ".join(given["headers"]).encode()
    expected = case["expected"]["signing_string"]
    try:
        listed = reader.read_list(parameters, DRAFT_12)
        reader.read_created(parameters)
        reader.read_expires(parameters)
        (string,) = strings_to_sign(http.read_request(_request(case)), DRAFT_12, listed, parameters)
    except Refusal as refusal:
        found = refusal.reason.value
    else:
        found = string.decode()
    assert found == ("MALFORMED" if expected is None else expected)


def test_every_case_is_run() -> None:
    assert len(CASES) == 32 == len(MESSAGES) + len(CANONICAL)
    valid = {case["id"] for case in MESSAGES if case["expected"]["verdict"] in VALID}
    assert set(DEVIATIONS) == valid
