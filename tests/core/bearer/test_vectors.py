"""Every vector of bearer.json: tokens made by a few independent lines, and each way in which one is not good."""

import json
from typing import Any

import pytest

from counterseal.core.model import HttpRequest, Key, KeyState, Rejected, Verified
from counterseal.core.payload import Unsigned
from counterseal.core.schemes import bearer
from tests.core.bearer import making
from tests.core.subjects import verdict

CASES: list[dict[str, Any]] = json.loads(making.FILE.read_text())["cases"]


def test_the_file_is_what_its_maker_writes() -> None:
    assert making.FILE.read_text() == making.content(), "run: python -m tests.core.bearer.making"
    assert len(CASES) == 40
    assert len({case["id"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_verdict(case: dict[str, Any]) -> None:
    raw, held = case["request"], case["key"]
    request = HttpRequest(
        method=raw["method"].encode(),
        target=raw["target"].encode(),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in raw["headers"]),
        content=b"",
    )
    key = Key(
        key_id=held["id"],
        tenant="vectors",
        secret=b"",
        allowed_schemes=frozenset({"bearer"}),
        state=KeyState.ACTIVE,
        bearer_sha256=bytes.fromhex(held["token_sha256"]),
    )
    found = verdict(request, key=key if held["id"] in str(raw) else None, now=case["context"]["now_unix"])
    if case["expected"]["verdict"] == "valid":
        assert isinstance(found, Verified)
        assert found.payload_duty == Unsigned()
    else:
        assert isinstance(found, Rejected)
        assert found.reason.value == case["expected"]["reason"]


def test_both_write_the_same_token() -> None:
    for number in range(200):
        key_id, rest = making.key_id(number), making.rest(number)
        assert bearer.write_token(key_id, rest) == making.token(key_id, rest)
