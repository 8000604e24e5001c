"""All valid cases of Wycheproof, each also with one bit of the signature and of the message changed."""

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from counterseal.core import asymmetric, compare

VECTORS = Path(__file__).parents[2] / "vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "wycheproof-subset.json").read_text())["cases"]
DEVIATIONS: dict[str, str] = json.loads((VECTORS / "deviations" / "wycheproof-subset.json").read_text())["deviations"]
HMACS = {"hmac-sha1": "sha1", "hmac-sha256": "sha256", "hmac-sha512": "sha512"}
SUITES = sorted({case["id"].split("/")[1] for case in CASES})


def _bytes(case: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(case[f"{name}_base64"])


def _flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:] if data else b"\x00"


def _verify(case: dict[str, Any], signature: bytes, message: bytes) -> bool:
    if case["algorithm"] in HMACS:
        # What schemes with secrets do: the library's HMAC, and the one comparison.
        return compare.same(hmac.digest(_bytes(case, "key"), message, HMACS[case["algorithm"]]), signature)
    der = "-der" in case["algorithm"]
    algorithm = "ecdsa-p256-sha256" if der else case["algorithm"]
    key = asymmetric.read_public_key(case["public_key_pem"].encode(), algorithm=algorithm)
    return asymmetric.verify(key, signature, message, form="der" if der else "raw")


@pytest.mark.parametrize("suite", SUITES)
def test_valid_cases_verify_and_changed_ones_do_not(suite: str) -> None:
    for case in CASES:
        if case["id"].split("/")[1] != suite:
            continue
        signature, message = _bytes(case, "signature"), _bytes(case, "message")
        if case["id"] in DEVIATIONS:
            with pytest.raises(ValueError, match="exponent"):
                _verify(case, signature, message)
            continue
        assert _verify(case, signature, message), case["id"]
        assert not _verify(case, _flipped(signature), message), case["id"]
        assert not _verify(case, signature + b"\x00", message), case["id"]
        assert not _verify(case, signature[:-1], message), case["id"]
        assert not _verify(case, b"", message), case["id"]
        assert not _verify(case, signature, _flipped(message)), case["id"]


def test_every_case_is_run_and_deviations_exist() -> None:
    assert len(CASES) == 868
    assert {case["id"] for case in CASES}.issuperset(DEVIATIONS)
    assert {case["expected"]["verdict"] for case in CASES} == {"valid"}
