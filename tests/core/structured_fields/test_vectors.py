"""Every case of httpwg/structured-field-tests that was chosen: read, and written again."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from counterseal.core import structured_fields as sf

FOLDER = Path(__file__).parent.parent.parent / "vectors"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "structured-fields-subset.json").read_text(), parse_float=Decimal)["cases"]

# The suite lets a parser fail on these. What this one does, and why.
CAN_FAIL = {
    "refused": "base64 without padding or with bits left over is refused: writers must pad, and what is signed has one text",
    "read": "a string over two lines is read as one with a comma in it, as the algorithm of RFC 9651 section 4.2 joins lines",
}


def bare(value: sf.BareItem) -> object:
    """Return a bare item as the suite's JSON spells it."""
    match value:
        case sf.Token(text):
            return {"__type": "token", "value": text}
        case bytes():
            return {"__type": "binary", "value": base64.b32encode(value).decode()}
        case _:
            return value


def plain(member: sf.Member) -> list[object]:
    parameters = [[key, bare(value)] for key, value in member.parameters.items()]
    value = [plain(item) for item in member.items] if isinstance(member, sf.InnerList) else bare(member.value)
    return [value, parameters]


def read(case: dict[str, Any]) -> tuple[object, bytes]:
    """Return what the case's text says, and how that is written."""
    field = sf.join([line.encode("latin-1") for line in case["raw"]])
    if case["header_type"] == "item":
        item = sf.parse_item(field)
        return plain(item), sf.serialise_item(item)
    if case["header_type"] == "list":
        found = sf.parse_list(field)
        return [plain(member) for member in found], sf.serialise_list(found)
    members = sf.parse_dictionary(field)
    return [[key, plain(member)] for key, member in members.items()], sf.serialise_dictionary(members)


def exact(value: object) -> object:
    """Return the value with its types, so that 1, 1.0 and True differ."""
    return [exact(part) for part in value] if isinstance(value, list) else (type(value).__name__, value)


def ids(wanted: str) -> list[Any]:
    """Return the cases that must fail, may fail, or must be read."""
    kinds = {"must_fail", "can_fail"}
    return [
        pytest.param(case, id=case["id"])
        for case in CASES
        if (case.get(wanted) if wanted in kinds else not kinds & {k for k in case if case[k] is True})
    ]


def test_all_cases_run() -> None:
    assert len(CASES) == 196
    assert [len(ids(kind)) for kind in ("must_fail", "can_fail", "read")] == [81, 3, 112]


@pytest.mark.parametrize("case", ids("must_fail"))
def test_what_must_fail_fails(case: dict[str, Any]) -> None:
    with pytest.raises(sf.StructuredFieldError):
        read(case)


@pytest.mark.parametrize("case", ids("read"))
def test_what_is_right_is_read_and_written(case: dict[str, Any]) -> None:
    value, written = read(case)
    assert exact(value) == exact(case["expected"])
    assert [written.decode()] == (case.get("canonical", case["raw"]) or [""])


@pytest.mark.parametrize("case", ids("can_fail"))
def test_what_may_fail_is_decided(case: dict[str, Any]) -> None:
    if "binary" in json.dumps(case["expected"]):
        with pytest.raises(sf.StructuredFieldError):
            read(case)
        assert CAN_FAIL["refused"]
    else:
        value, written = read(case)
        assert exact(value) == exact(case["expected"])
        assert [written.decode()] == case["canonical"]
