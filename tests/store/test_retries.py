"""IssueKey may be retried: the same request id fetches the same key and secret, for the same request and for ten minutes."""

import dataclasses
import datetime as dt
import threading
from typing import Any

import pytest
from sqlalchemy import select, update

from counterseal.server.errors import KeyIsRevoked, RequestIdReused, SealBroken
from counterseal.server.store.records import ImportedMaterial, KeyDraft, KeyQuery
from counterseal.server.store.tables import KEYS
from tests.store.rig import Rig

IMPORTED = ImportedMaterial(key_id="AKIDEXAMPLE", secret=b"an imported secret", security_token="canary-security-token-1")
DRAFT = KeyDraft(principal="p", labels={"a": "b"}, request_id="r-1", expires=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
OTHERS: dict[str, dict[str, Any]] = {
    "principal": {"principal": "q"},
    "description": {"description": "d"},
    "labels": {"labels": {"a": "c"}},
    "tenant": {"tenant": "t"},
    "schemes": {"allowed_schemes": frozenset({"other"})},
    "expires": {"expires": None},
    "not_before": {"not_before": dt.datetime(2029, 1, 1, tzinfo=dt.UTC)},
    "material": {"material": IMPORTED},
}


def with_changes(draft: KeyDraft, **changes: Any) -> KeyDraft:
    return dataclasses.replace(draft, **changes)


def test_a_retry_gets_the_same_key_and_secret(rig: Rig) -> None:
    first = rig.issuer.issue(DRAFT, actor="me")
    rig.clock.now += 599
    again = rig.issuer.issue(with_changes(DRAFT, allowed_schemes=frozenset({"aws-sigv4"})), actor="me")
    assert again == first
    assert again.secret == first.secret
    assert len(rig.store.read_audit(first.record.key_id)) == 1
    rig.clock.now += 1
    with pytest.raises(RequestIdReused):
        rig.issuer.issue(DRAFT, actor="me")


def test_a_row_that_was_put_back_gives_its_secret_to_nobody(rig: Rig) -> None:
    """Whoever writes the database undoes a revocation with the row of before: a retry is no way around the alarm."""
    key_id = rig.issuer.issue(DRAFT, actor="me").record.key_id
    with rig.store.database.reads.connect() as connection:
        before = connection.execute(select(KEYS).where(KEYS.c.key_id == key_id)).one()._asdict()
    rig.clock.now += 1
    rig.issuer.revoke(key_id, "leaked", actor="me")
    with rig.store.database.writes.begin() as connection:
        connection.execute(update(KEYS).where(KEYS.c.key_id == key_id).values(before))
    with pytest.raises(SealBroken, match="put back"):
        rig.issuer.issue(DRAFT, actor="me")


def test_without_a_request_id_a_retry_issues_a_second_key(rig: Rig) -> None:
    issued = [rig.issuer.issue(KeyDraft(), actor="me") for _ in range(2)]
    assert issued[0].record.key_id != issued[1].record.key_id


@pytest.mark.parametrize("name", OTHERS)
def test_a_request_id_is_good_for_one_request(rig: Rig, name: str) -> None:
    rig.issuer.issue(DRAFT, actor="me")
    with pytest.raises(RequestIdReused):
        rig.issuer.issue(with_changes(DRAFT, **OTHERS[name]), actor="me")


def test_nobody_fetches_a_secret_with_the_request_id_of_another(rig: Rig) -> None:
    mine, yours = rig.issuer.issue(DRAFT, actor="me"), rig.issuer.issue(DRAFT, actor="you")
    assert mine.record.key_id != yours.record.key_id
    assert mine.secret != yours.secret


def test_an_import_is_retried_with_the_same_secret_alone(rig: Rig) -> None:
    draft = KeyDraft(material=IMPORTED, request_id="r-1")
    first = rig.issuer.issue(draft, actor="me")
    assert rig.issuer.issue(draft, actor="me") == first
    for other in (
        ImportedMaterial(key_id="AKIDEXAMPLE", secret=b"another secret !!", security_token=IMPORTED.security_token),
        ImportedMaterial(key_id="AKIDEXAMPLE", secret=IMPORTED.secret, security_token="canary-security-token-2"),
        ImportedMaterial(key_id="AKIDEXAMPLE", secret=IMPORTED.secret),
    ):
        with pytest.raises(RequestIdReused):
            rig.issuer.issue(with_changes(draft, material=other), actor="me")


def test_a_retry_after_the_revocation_gets_no_secret(rig: Rig) -> None:
    imported = KeyDraft(material=IMPORTED, request_id="r-2")
    for draft in (DRAFT, imported):
        issued = rig.issuer.issue(draft, actor="me")
        rig.issuer.revoke(issued.record.key_id, "it leaked", actor="me")
        with pytest.raises(KeyIsRevoked):
            rig.issuer.issue(draft, actor="me")
        with pytest.raises(RequestIdReused):  # what the id stood for is told to nobody who asks for something else
            rig.issuer.issue(with_changes(draft, principal="q"), actor="me")
    assert len(rig.issuer.list_keys(KeyQuery()).records) == 2


def test_concurrent_retries_make_one_key(rig: Rig) -> None:
    issued, gate = [], threading.Barrier(8)

    def attempt() -> None:
        gate.wait()
        issued.append(rig.issuer.issue(DRAFT, actor="me"))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issued) == 8
    assert len({(key.record.key_id, key.secret) for key in issued}) == 1
    assert len(rig.issuer.list_keys(KeyQuery()).records) == 1
