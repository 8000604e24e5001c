"""Reports: keys unused, expiring soon, with old secrets; page by page, each of bounded cost."""

import datetime as dt
import itertools
from typing import Any

import pytest
from sqlalchemy import event

from counterseal.core.model import KeyState
from counterseal.server.store import reports
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import ImportedMaterial, KeyDraft, KeyPage, KeyQuery, RotateOrder
from tests.store.rig import Rig

DAY = dt.timedelta(days=1)


def issue(rig: Rig, key_id: str, **draft: Any) -> str:
    material = ImportedMaterial(key_id=key_id, secret=b"s" * 16)
    return rig.issuer.issue(KeyDraft(material=material, **draft), actor="me").record.key_id


def now(rig: Rig) -> dt.datetime:
    return dt.datetime.fromtimestamp(rig.clock.now, dt.UTC)


def listed(rig: Rig, **query: Any) -> list[str]:
    """Return the ids of every page."""
    found: list[str] = []
    page = KeyPage(records=(), next_after="")
    while True:
        page = rig.issuer.list_keys(KeyQuery(after=page.next_after, **query))
        found += [record.key_id for record in page.records]
        if not page.next_after:
            return found


def test_unused_keys(rig: Rig) -> None:
    for name in ("never", "long-ago", "lately", "older-secret"):
        issue(rig, name)
    start = now(rig)
    rig.clock.now += 100 * DAY.total_seconds()
    issue(rig, "young")
    rig.store.write_uses({("long-ago", 1): start + DAY, ("lately", 1): now(rig) - DAY})
    rig.store.write_uses({("older-secret", 1): now(rig) - DAY, ("older-secret", 2): start + DAY, ("Never", 1): now(rig)})
    assert listed(rig, unused_since=now(rig) - 90 * DAY) == ["long-ago", "never"]
    assert listed(rig, unused_since=start + DAY) == ["never"]  # used at that time is used since
    assert listed(rig, unused_since=start + DAY + dt.timedelta(microseconds=1)) == ["long-ago", "never"]
    assert listed(rig, unused_since=start) == []  # issued then, and not before


def test_keys_that_expire_soon(rig: Rig) -> None:
    for name, days in (("soon", 3), ("sooner", 1), ("later", 30)):
        issue(rig, name, expires=now(rig) + days * DAY)
    issue(rig, "never")
    assert listed(rig, expire_before=now(rig) + 14 * DAY) == ["soon", "sooner"]
    assert listed(rig, expire_before=now(rig) + 3 * DAY) == ["sooner"]
    rig.clock.now += DAY.total_seconds()
    assert listed(rig, expire_before=now(rig) + 14 * DAY) == ["soon"]  # the other one has expired


def test_old_secrets(rig: Rig) -> None:
    issue(rig, "old")
    issue(rig, "rotated")
    rig.clock.now += 400 * DAY.total_seconds()
    issue(rig, "young")
    assert listed(rig, secret_created_before=now(rig) - 365 * DAY) == ["old", "rotated"]
    rig.issuer.rotate(RotateOrder(key_id="rotated", overlap=DAY), actor="me")
    assert listed(rig, secret_created_before=now(rig) - 365 * DAY) == ["old"]


def test_filters_limit_together(rig: Rig) -> None:
    for number, tenant in enumerate(("a", "b", "c", "a")):
        issue(rig, f"key-{number}", tenant=tenant, principal="p" if number else "q", expires=now(rig) + DAY)
    rig.issuer.revoke("key-3", "gone", actor="me")
    report: dict[str, Any] = {"expire_before": now(rig) + 2 * DAY}
    assert listed(rig, **report) == ["key-0", "key-1", "key-2", "key-3"]
    assert listed(rig, **report, tenants=frozenset({"a"})) == ["key-0", "key-3"]
    assert listed(rig, **report, tenants=frozenset({"a", "c"})) == ["key-0", "key-2", "key-3"]
    assert listed(rig, **report, tenants=frozenset()) == []
    assert listed(rig, **report, principal="p") == ["key-1", "key-2", "key-3"]
    assert listed(rig, **report, state=KeyState.REVOKED) == ["key-3"]
    assert listed(rig, **report, unused_since=now(rig) - DAY) == []
    assert listed(rig, **report, secret_created_before=now(rig) + DAY, state=KeyState.ACTIVE) == ["key-0", "key-1", "key-2"]


def test_every_key_is_found_once_whatever_a_page_looks_at(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [issue(rig, f"key-{number}", expires=now(rig) + DAY if number % 3 == 0 else None) for number in range(8)]
    for looked_at, page_size in itertools.product((1, 2, 3, 5, 8, 100), (1, 2, 3, 100)):
        monkeypatch.setattr(reports.read_report, "__defaults__", (looked_at,))
        assert listed(rig, expire_before=now(rig) + 2 * DAY, page_size=page_size) == [ids[0], ids[3], ids[6]]
        assert listed(rig, unused_since=now(rig) - DAY, page_size=page_size) == []


def test_a_page_may_be_empty_and_not_the_last(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        issue(rig, f"key-{number}")
    monkeypatch.setattr(reports.read_report, "__defaults__", (2,))
    page = rig.issuer.list_keys(KeyQuery(expire_before=now(rig) + DAY))
    assert (page.records, page.next_after) == ((), "key-1")


def test_a_page_names_no_key_of_another_tenant(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = ["mine", *["theirs"] * 5, "ours", *["theirs"] * 5, "mine"]
    ids = [issue(rig, f"key-{number:02}", tenant=tenant, expires=now(rig) + DAY) for number, tenant in enumerate(tenants)]
    known = {"", ids[0], ids[6], ids[12]}
    report: dict[str, Any] = {"expire_before": now(rig) + 2 * DAY, "tenants": frozenset({"mine", "ours", "empty"})}
    for looked_at in (1, 2, 3, 5, 100):
        monkeypatch.setattr(reports.read_report, "__defaults__", (looked_at,))
        assert listed(rig, **report) == [ids[0], ids[6], ids[12]]
        page = KeyPage(records=(), next_after="-")
        after = ""
        while page.next_after:
            page = rig.issuer.list_keys(KeyQuery(after=after, **(report | {"state": KeyState.REVOKED})))
            after = page.next_after
            assert after in known


def test_a_report_for_no_tenant_at_all_ends_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        issue(rig, f"key-{number}")
    monkeypatch.setattr(reports.read_report, "__defaults__", (2,))
    page = rig.issuer.list_keys(KeyQuery(expire_before=now(rig) + DAY, tenants=frozenset()))
    assert (page.records, page.next_after) == ((), "")


def test_a_page_of_a_report_takes_three_statements(rig: Rig, store: KeyStore) -> None:
    for number in range(30):
        issue(rig, f"key-{number:02}")
    rig.clock.now += 1
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "SELECT" in statement.upper() and "keys" in statement:
            statements.append(statement)

    event.listen(store.database.reads, "before_cursor_execute", count)
    rig.issuer.list_keys(KeyQuery(unused_since=now(rig), page_size=1000))
    event.remove(store.database.reads, "before_cursor_execute", count)
    assert len(statements) == 2  # and one for the uses
