"""Every limit in keys.proto, from both sides."""

import datetime as dt
from typing import Any

import pytest

from counterseal.core.model import KeyState
from counterseal.server.errors import InvalidField
from counterseal.server.store.records import ImportedMaterial, KeyChange, KeyDraft, KeyQuery
from tests.store.rig import Rig

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


def imported(key_id: str = "key-1", secret: bytes = b"s" * 16, security_token: str = "") -> dict[str, Any]:
    return {"material": ImportedMaterial(key_id=key_id, secret=secret, security_token=security_token)}


GOOD: list[dict[str, Any]] = [
    {"tenant": "a"},
    {"tenant": "A.b_c-9" + "x" * 57},
    {"principal": "é" * 256},
    {"description": "🦊" * 1024},
    {"labels": {f"l{number}": "" for number in range(64)}},
    {"labels": {"a": "ü" * 256, "a" * 63: "x", "a.b_c/d-0": "x"}},
    {"allowed_schemes": frozenset({"other"})},
    {"allowed_schemes": frozenset({"github"})},
    {"not_before": NOON, "expires": NOON + dt.timedelta(microseconds=1)},
    {"expires": NOON},
    {"request_id": "aZ0._:-" + "x" * 121},
    imported("abc"),
    imported("A" * 128),
    imported("9._~:@+=/-"),
    imported(secret=b"\x00" * 255 + b"s"),
    imported(secret=b"s" * 16 + b"\x00" * 240),
    imported(security_token="!" * 16),
    imported(security_token="~" * 4096),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("tenant", {"tenant": "a" * 65}),
    ("tenant", {"tenant": "a b"}),
    ("tenant", {"tenant": "é"}),
    ("tenant", {"tenant": "a\n"}),
    ("principal", {"principal": "x" * 257}),
    ("principal", {"principal": "a\x00"}),
    ("principal", {"principal": "a\nb"}),
    ("principal", {"principal": "a\x7f"}),
    ("principal", {"principal": "a\x85"}),
    ("principal", {"principal": "a\u2028b"}),
    ("principal", {"principal": "\ud800"}),
    ("description", {"description": "x" * 1025}),
    ("description", {"description": "\t"}),
    ("labels", {"labels": {f"l{number}": "" for number in range(65)}}),
    ("labels", {"labels": {"": "x"}}),
    ("labels", {"labels": {"A": "x"}}),
    ("labels", {"labels": {"a" * 64: "x"}}),
    ("labels", {"labels": {"a\n": "x"}}),
    ("labels[a]", {"labels": {"a": "x" * 257}}),
    ("labels[a]", {"labels": {"a": "\r"}}),
    ("allowed_schemes", {"allowed_schemes": frozenset({"aws-sigv4", "AWS-SIGV4"})}),
    ("allowed_schemes", {"allowed_schemes": frozenset({""})}),
    ("allowed_schemes", {"allowed_schemes": frozenset({"github", "rfc9421"})}),
    ("expire_time", {"not_before": NOON, "expires": NOON}),
    ("expire_time", {"not_before": NOON, "expires": NOON - dt.timedelta(days=1)}),
    ("request_id", {"request_id": "x" * 129}),
    ("request_id", {"request_id": "a b"}),
    ("request_id", {"request_id": "a\n"}),
    ("imported_secret.key_id", imported("")),
    ("imported_secret.key_id", imported("ab")),
    ("imported_secret.key_id", imported("A" * 129)),
    ("imported_secret.key_id", imported("-abc")),
    ("imported_secret.key_id", imported("abc\n")),
    ("imported_secret.key_id", imported("a*c")),
    ("imported_secret.key_id", imported("äbc")),
    ("imported_secret.secret", imported(secret=b"")),
    ("imported_secret.secret", imported(secret=b"s" * 15)),
    ("imported_secret.secret", imported(secret=b"s" * 257)),
    ("imported_secret.secret", imported(secret=b"\x00" * 32)),
    ("imported_secret.secret", imported(secret=b"s" * 15 + b"\x00" * 17)),
    ("imported_secret.security_token", imported(security_token="x" * 15)),
    ("imported_secret.security_token", imported(security_token="x" * 4097)),
    ("imported_secret.security_token", imported(security_token="x" * 16 + " ")),
    ("imported_secret.security_token", imported(security_token="x" * 16 + "\n")),
    ("imported_secret.security_token", imported(security_token="é" * 16)),
]


@pytest.mark.parametrize("values", GOOD)
def test_the_limits_themselves_are_allowed(rig: Rig, values: dict[str, Any]) -> None:
    issued = rig.issuer.issue(KeyDraft(**values), actor="me")
    assert rig.issuer.get(issued.record.key_id) == issued.record


@pytest.mark.parametrize(("field", "values"), BAD)
def test_what_is_beyond_is_refused_by_name_and_nothing_is_stored(rig: Rig, field: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as caught:
        rig.issuer.issue(KeyDraft(**values), actor="me")
    assert caught.value.field == field
    assert rig.store.change_sequence() == 0


BAD_CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("key.key_id", {"key_id": "*", "mask": {"principal"}}),
    ("update_mask", {"mask": set()}),
    ("update_mask", {"mask": {"tenant"}}),
    ("update_mask", {"mask": {"principal", "secret"}}),
    ("update_mask", {"mask": {"*"}}),
    ("key.principal", {"mask": {"principal"}, "principal": "x" * 257}),
    ("key.description", {"mask": {"description"}, "description": "x" * 1025}),
    ("key.labels", {"mask": {"labels"}, "labels": {"A": ""}}),
    ("key.allowed_schemes", {"mask": {"allowed_schemes"}}),
    ("key.allowed_schemes", {"mask": {"allowed_schemes"}, "allowed_schemes": frozenset({"none"})}),
    ("key.allowed_schemes", {"mask": {"allowed_schemes"}, "allowed_schemes": frozenset({"github", "aws-sigv4"})}),
    ("key.state", {"mask": {"state"}}),
    ("key.state", {"mask": {"state"}, "state": KeyState.REVOKED}),
    ("key.expire_time", {"mask": {"expire_time"}, "expires": NOON}),
    ("key.expire_time", {"mask": {"expire_time", "not_before_time"}, "expires": NOON, "not_before": NOON}),
    ("key.not_before_time", {"mask": {"not_before_time"}, "not_before": NOON + dt.timedelta(days=2)}),
]


@pytest.mark.parametrize(("field", "values"), BAD_CHANGES)
def test_changes_beyond_the_limits_are_refused_and_change_nothing(rig: Rig, field: str, values: dict[str, Any]) -> None:
    draft = KeyDraft(**imported(), not_before=NOON, expires=NOON + dt.timedelta(days=1))
    before = rig.issuer.issue(draft, actor="me").record
    values = {"key_id": "key-1", "etag": ""} | values
    values["mask"] = frozenset(values["mask"])
    with pytest.raises(InvalidField) as caught:
        rig.issuer.update(KeyChange(**values), actor="me")
    assert caught.value.field == field
    assert rig.issuer.get("key-1") == before


@pytest.mark.parametrize(("field", "key_id", "reason"), [
    ("key_id", "", "x"),
    ("key_id", "a'--", "x"),
    ("reason", "key-1", ""),
    ("reason", "key-1", "x" * 513),
    ("reason", "key-1", "a\nb"),
])  # fmt: skip
def test_revoke_needs_a_key_and_a_reason(rig: Rig, field: str, key_id: str, reason: str) -> None:
    rig.issuer.issue(KeyDraft(**imported()), actor="me")
    with pytest.raises(InvalidField) as caught:
        rig.issuer.revoke(key_id, reason, actor="me")
    assert caught.value.field == field
    assert rig.issuer.get("key-1").state is KeyState.ACTIVE
    rig.issuer.revoke("key-1", "é" * 512, actor="me")


def test_get_reads_key_ids_alone(rig: Rig) -> None:
    with pytest.raises(InvalidField, match="key_id"):
        rig.issuer.get("no such\nid")


@pytest.mark.parametrize(("field", "values"), [
    ("page_size", {"page_size": -1}),
    ("page_size", {"page_size": 1001}),
    ("page_token", {"after": "a b"}),
    ("principal", {"principal": "x" * 257}),
])  # fmt: skip
def test_lists_have_limits(rig: Rig, field: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as caught:
        rig.issuer.list_keys(KeyQuery(**values))
    assert caught.value.field == field
