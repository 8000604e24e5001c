"""What KeyService promises, below its transport."""

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from counterseal.core.model import KeyState
from counterseal.server.errors import EtagMismatch, KeyExists, KeyIsRevoked, KeyNotFound, StoreUnavailable
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.keystore import Edit
from counterseal.server.store.records import (
    AuditEntry,
    ImportedMaterial,
    KeyChange,
    KeyDraft,
    KeyQuery,
    KeyRecord,
    StoredKey,
)
from tests.store import samples
from tests.store.rig import Rig

IMPORTED = ImportedMaterial(key_id="AKIDEXAMPLE", secret=b"an imported secret", security_token="canary-security-token-1")


def change(key_id: str, *mask: str, etag: str = "", **values: Any) -> KeyChange:
    return KeyChange(key_id=key_id, etag=etag, mask=frozenset(mask), **values)


def opened(rig: Rig, key_id: str) -> OpenedKey:
    found = rig.ring.find(key_id)
    assert found is not None
    return found


def test_issued_keys_are_random_and_recognisable(rig: Rig) -> None:
    issued = [rig.issuer.issue(KeyDraft(), actor="me") for _ in range(20)]
    assert all(re.fullmatch(r"CSAK[A-Z2-7]{20}", key.record.key_id) for key in issued)
    assert all(re.fullmatch(r"cssk_[A-Za-z0-9_-]{43}", key.secret) for key in issued)
    assert len({key.record.key_id for key in issued}) == len({key.secret for key in issued}) == 20
    assert all(key.secret not in repr(key) for key in issued)


def test_an_issued_key_begins_with_the_defaults(rig: Rig) -> None:
    record = rig.issuer.issue(KeyDraft(tenant=""), actor="me").record
    assert record.tenant == "default"
    assert record.allowed_schemes == {"aws-sigv4"}
    assert record.state is KeyState.ACTIVE
    assert record.created == record.updated == dt.datetime.fromtimestamp(rig.clock.now, dt.UTC)
    assert record.revoked is None
    assert rig.issuer.get(record.key_id) == record
    assert rig.issuer.list_keys(KeyQuery(page_size=0)).records == (record,)


def test_the_text_of_the_secret_is_what_signs(rig: Rig) -> None:
    issued = rig.issuer.issue(KeyDraft(), actor="me")
    assert opened(rig, issued.record.key_id).key.secret == issued.secret.encode()


def test_an_imported_key_keeps_id_and_secret_and_hashes_its_security_token(rig: Rig) -> None:
    issued = rig.issuer.issue(KeyDraft(material=IMPORTED), actor="me")
    assert issued.secret == ""
    assert issued.record.has_security_token
    key = opened(rig, "AKIDEXAMPLE").key
    assert key.secret == IMPORTED.secret
    stored = rig.store.read_key("AKIDEXAMPLE")
    assert stored is not None
    assert IMPORTED.security_token.encode() not in (stored.security_token_sha256 or b"") + stored.sealed_secret
    assert IMPORTED.secret not in stored.sealed_secret
    with pytest.raises(KeyExists):
        rig.issuer.issue(KeyDraft(material=IMPORTED), actor="me")
    rig.issuer.revoke("AKIDEXAMPLE", "gone", actor="me")
    with pytest.raises(KeyExists):
        rig.issuer.issue(KeyDraft(material=IMPORTED), actor="me")


def test_a_key_is_found_at_once_though_its_absence_was_cached(rig: Rig) -> None:
    assert rig.ring.find("AKIDEXAMPLE") is None
    rig.issuer.issue(KeyDraft(material=IMPORTED), actor="me")
    assert rig.ring.find("AKIDEXAMPLE") is not None


def test_an_update_changes_the_fields_in_the_mask_alone(rig: Rig) -> None:
    before = rig.issuer.issue(KeyDraft(principal="p", description="d", labels={"a": "b"}), actor="me").record
    assert opened(rig, before.key_id).key.labels == {"a": "b"}
    rig.clock.now += 5
    after = rig.issuer.update(change(before.key_id, "labels", etag=before.etag, principal="no", labels={"x": "y"}), actor="me")
    assert (after.principal, after.description, after.labels) == ("p", "d", {"x": "y"})
    assert after.updated - before.updated == dt.timedelta(seconds=5)
    assert after.created == before.created
    assert after.etag != before.etag
    assert opened(rig, before.key_id).key.labels == {"x": "y"}
    with pytest.raises(EtagMismatch):
        rig.issuer.update(change(before.key_id, "principal", etag=before.etag, principal="q"), actor="me")


def test_every_field_can_be_changed_and_cleared(rig: Rig) -> None:
    start, end = dt.datetime(2029, 1, 1, tzinfo=dt.UTC), dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    mask = ("principal", "description", "labels", "allowed_schemes", "state", "not_before_time", "expire_time")
    values: dict[str, Any] = {
        "principal": "p",
        "description": "d",
        "labels": {"l": ""},
        "allowed_schemes": frozenset({"other"}),
    }
    filled = rig.issuer.update(
        change(key_id, *mask, **values, state=KeyState.DISABLED, not_before=start, expires=end), actor="me"
    )
    assert (filled.not_before, filled.expires, filled.state) == (start, end, KeyState.DISABLED)
    assert opened(rig, key_id).key.allowed_schemes == {"other"}
    cleared = rig.issuer.update(
        change(key_id, *mask, state=KeyState.ACTIVE, allowed_schemes=frozenset({"aws-sigv4"})), actor="me"
    )
    assert (cleared.principal, cleared.labels, cleared.not_before, cleared.expires) == ("", {}, None, None)


def test_an_update_to_what_already_is_changes_nothing(rig: Rig) -> None:
    before = rig.issuer.issue(KeyDraft(principal="p"), actor="me").record
    rig.clock.now += 5
    assert rig.issuer.update(change(before.key_id, "principal", principal="p"), actor="me") == before
    assert len(rig.store.read_audit(before.key_id)) == 1


def test_revocation_is_final_and_keeps_its_first_reason(rig: Rig) -> None:
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    assert opened(rig, key_id).key.state is KeyState.ACTIVE
    first = rig.issuer.revoke(key_id, "leaked", actor="me")
    assert opened(rig, key_id).key.state is KeyState.REVOKED
    now = dt.datetime.fromtimestamp(rig.clock.now, dt.UTC)
    assert (first.record.state, first.record.revoke_reason, first.record.revoked) == (KeyState.REVOKED, "leaked", now)
    assert first.effective == now + dt.timedelta(seconds=1.5)
    rig.clock.now += 60
    assert rig.issuer.revoke(key_id, "other reason", actor="you").record == first.record
    assert [entry.action for _, entry in rig.store.read_audit(key_id)] == ["issue", "revoke"]
    with pytest.raises(KeyIsRevoked):
        rig.issuer.update(change(key_id, "state", state=KeyState.ACTIVE), actor="me")


CALLS: dict[str, Callable[[Rig, str, frozenset[str] | None], object]] = {
    "get": lambda rig, key_id, tenants: rig.issuer.get(key_id, tenants=tenants),
    "update": lambda rig, key_id, tenants: rig.issuer.update(
        change(key_id, "principal", principal="x", etag="other"), actor="a", tenants=tenants
    ),
    "revoke": lambda rig, key_id, tenants: rig.issuer.revoke(key_id, "x", actor="a", tenants=tenants),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_key_of_another_tenant_reads_as_absent(rig: Rig, name: str) -> None:
    record = rig.issuer.issue(KeyDraft(tenant="theirs"), actor="me").record
    texts = set()
    for key_id, tenants in [("absent-key", None), (record.key_id, frozenset({"mine"})), (record.key_id, frozenset[str]())]:
        with pytest.raises(KeyNotFound) as caught:
            CALLS[name](rig, key_id, tenants)
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert rig.issuer.get(record.key_id, tenants=frozenset({"theirs"})) == record


def test_audit_tells_who_what_and_when_and_no_secret(rig: Rig) -> None:
    rig.issuer.issue(KeyDraft(principal="p", material=IMPORTED, request_id="r-1"), actor="ann")
    rig.issuer.update(change("AKIDEXAMPLE", "principal", principal="q"), actor="bob")
    rig.issuer.revoke("AKIDEXAMPLE", "leaked", actor="cyd")
    entries = [entry for _, entry in rig.store.read_audit("AKIDEXAMPLE")]
    assert [(entry.actor, entry.action, entry.request_id, entry.tenant) for entry in entries] == [
        ("ann", "import", "r-1", "default"),
        ("bob", "update", "", "default"),
        ("cyd", "revoke", "", "default"),
    ]
    assert entries[0].detail["principal"] == "p"
    assert entries[1].detail == {"principal": {"from": "p", "to": "q"}}
    assert entries[2].detail["revoke_reason"] == "leaked"
    text = json.dumps([dict(entry.detail) for entry in entries])
    assert IMPORTED.secret.decode() not in text
    assert IMPORTED.security_token not in text


class WatchingRing:
    """Notes what the store holds when a key is evicted: what was committed by then."""

    def __init__(self, store: KeyStore) -> None:
        self.store = store
        self.seen: list[KeyRecord | None] = []

    def find(self, key_id: str) -> OpenedKey | None:
        raise NotImplementedError

    def evict(self, key_id: str) -> None:
        found = self.store.read_key(key_id)
        self.seen.append(None if found is None else found.record)

    def evict_all(self) -> None:
        raise NotImplementedError

    def holds(self, opened: OpenedKey) -> bool:
        raise NotImplementedError


def test_changes_are_committed_then_evicted_then_acknowledged(rig: Rig) -> None:
    ring = WatchingRing(rig.store)
    issuer = rig.issuer_on(rig.store, ring)
    issued = issuer.issue(KeyDraft(), actor="me").record
    assert ring.seen == [issued]
    updated = issuer.update(change(issued.key_id, "principal", principal="x"), actor="me")
    assert ring.seen == [issued, updated]
    revoked = issuer.revoke(issued.key_id, "x", actor="me").record
    assert ring.seen == [issued, updated, revoked]


class LostAnswers(KeyStore):
    """Commits, and then the connection breaks."""

    def insert(self, stored: StoredKey, entry: AuditEntry) -> KeyRecord:
        super().insert(stored, entry)
        raise StoreUnavailable("the answer was lost")

    def change(self, key_id: str, edit: Edit) -> KeyRecord | None:
        super().change(key_id, edit)
        raise StoreUnavailable("the answer was lost")


def test_a_change_whose_answer_was_lost_is_in_force_here_too(rig: Rig) -> None:
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    assert opened(rig, key_id).key.state is KeyState.ACTIVE
    draft = KeyDraft(request_id="r-1")
    store = LostAnswers(rig.store.database)
    store.journal.arm(samples.AUDIT_KEY)
    issuer = rig.issuer_on(store)
    with pytest.raises(StoreUnavailable):
        issuer.revoke(key_id, "x", actor="me")
    assert opened(rig, key_id).key.state is KeyState.REVOKED
    with pytest.raises(StoreUnavailable):
        issuer.issue(draft, actor="me")
    assert rig.issuer.issue(draft, actor="me").secret
    assert len(rig.issuer.list_keys(KeyQuery()).records) == 2
