"""A whole row of a key is put back as it was earlier, with its own valid seal: it opens for nobody, and the check says so."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from counterseal.core.model import KeyState
from counterseal.server import audit
from counterseal.server.errors import SealBroken
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.store.records import AuditEntry, KeyChange, KeyDraft, StoredKey
from tests.audit.conftest import CIPHER, Ledger, lease
from tests.store import samples


def issue(ledger: Ledger, **draft: Any) -> str:
    return ledger.rig.issuer.issue(KeyDraft(**draft), actor="me").record.key_id


def change(key_id: str, **values: Any) -> KeyChange:
    return KeyChange(key_id=key_id, etag="", mask=frozenset(values), **values)


def does_not_open(ledger: Ledger, key_id: str, text: str) -> None:
    ledger.rig.ring.evict(key_id)
    with pytest.raises(SealBroken, match=text):
        ledger.rig.ring.find(key_id)


def revoked_and_put_back(ledger: Ledger) -> tuple[str, Mapping[str, Any]]:
    key_id = issue(ledger)
    before = ledger.key_row(key_id)
    ledger.rig.clock.now += 60
    ledger.rig.issuer.revoke(key_id, "leaked", actor="me")
    ledger.store.note(lease(key_id, "default"))  # about the key, and no change of it
    ledger.put_key(before)
    return key_id, before


def test_a_revoked_key_put_back_opens_for_nobody(empty: Ledger) -> None:
    key_id, _ = revoked_and_put_back(empty)
    does_not_open(empty, key_id, "put back")
    assert [problem for problem in empty.check() if "put back as it was earlier" in problem]


def test_not_with_the_newest_number_either(empty: Ledger) -> None:
    key_id, before = revoked_and_put_back(empty)
    empty.put_key(dict(before) | {"changed": 2})
    does_not_open(empty, key_id, "put back")
    assert [problem for problem in empty.check() if "put back as it was earlier" in problem]


def test_not_with_the_newest_time_either(empty: Ledger) -> None:
    """The time is under the seal."""
    key_id, before = revoked_and_put_back(empty)
    newest = max(entry.time for entry in empty.entries() if entry.action == "revoke")
    micros = int(dt.datetime.fromisoformat(newest).timestamp() * 1_000_000)
    empty.put_key(dict(before) | {"changed": 2, "updated": micros})
    does_not_open(empty, key_id, "does not open")


def test_an_update_does_not_make_it_good_and_a_revocation_is_possible(empty: Ledger) -> None:
    key_id, _ = revoked_and_put_back(empty)
    with pytest.raises(SealBroken):
        empty.rig.issuer.update(change(key_id, description="x"), actor="me")
    assert empty.rig.issuer.revoke(key_id, "again", actor="me").record.state is KeyState.REVOKED
    does_not_open(empty, key_id, "does not open")


def test_a_reseal_does_not_make_it_good(empty: Ledger) -> None:
    key_id, _ = revoked_and_put_back(empty)
    reseal_all(empty.store, CIPHER)
    does_not_open(empty, key_id, "put back")


def test_changes_in_one_instant_and_by_a_clock_that_is_behind_are_told_apart(empty: Ledger) -> None:
    key_id = issue(empty)
    rows = [empty.key_row(key_id)]
    for seconds in (0, 0, -3600, 0):
        empty.rig.clock.now += seconds
        empty.rig.issuer.update(change(key_id, principal=f"p{len(rows)}"), actor="me")
        rows.append(empty.key_row(key_id))
    for row in rows[:-1]:
        empty.put_key(row)
        does_not_open(empty, key_id, "put back")
    empty.put_key(rows[-1])
    empty.rig.ring.evict(key_id)
    assert empty.rig.ring.find(key_id) is not None
    assert empty.check() == []


def test_a_removed_row_raises_the_alarm_too(empty: Ledger) -> None:
    key_id = issue(empty)
    empty.key_sql("DELETE FROM {keys} WHERE key_id = :id", key_id)
    does_not_open(empty, key_id, "removed")
    assert empty.rig.ring.find("CSAKNOBODYHASTHISONE0000") is None
    assert empty.check() == [f"key {key_id}: the trail knows it, and the key is gone"]


def test_a_key_that_the_release_before_changes_goes_on_to_open(empty: Ledger) -> None:
    """It writes audit rows without number, and knows nothing of the column that holds the newest change."""
    key_id = issue(empty)
    stored = empty.store.read_key(key_id)
    assert stored is not None
    empty.rig.clock.now += 60
    empty.rig.issuer.update(change(key_id, principal="p"), actor="old")
    empty.sql("UPDATE audit SET seq = NULL, hash = NULL, mac = NULL, revision = NULL WHERE seq = 2")
    head = empty.row("audit", "seq = 1")
    empty.sql("UPDATE change_sequence SET hash = :hash", hash=head["hash"])  # the number it moves, the hash it leaves
    empty.rig.ring.evict(key_id)
    found = empty.rig.ring.find(key_id)
    assert found is not None
    assert found.key.principal == "p"
    assert empty.check() == []
    empty.rig.clock.now += 60
    empty.rig.issuer.update(change(key_id, principal="q"), actor="new")
    assert [entry.sequence for entry in empty.entries()] == [1, 3]
    assert empty.check() == []


def test_a_change_that_moves_no_time_is_a_bug(empty: Ledger) -> None:
    key_id = issue(empty)

    def unmoved(stored: StoredKey) -> tuple[StoredKey, AuditEntry]:
        return stored, audit.updated(stored.record, stored.record, actor="x")

    def apart(stored: StoredKey) -> tuple[StoredKey, AuditEntry]:
        after, entry = samples.moved(stored)
        return after, dataclasses.replace(entry, time=samples.NOON)

    for edit in (unmoved, apart):
        with pytest.raises(ValueError, match=r"time|updated"):
            empty.store.change(key_id, edit)
    assert len(empty.entries()) == 1
