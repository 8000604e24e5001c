"""Somebody else writes the database, and our own changes come after."""

import pytest

from counterseal.core.model import KeyState
from counterseal.server.errors import SealBroken
from counterseal.server.store.records import KeyChange, KeyDraft
from tests.store import forging
from tests.store.rig import Rig


def forge(rig: Rig, change: str) -> None:
    forging.forge(rig.store, change)


def test_a_changed_key_opens_with_what_was_changed(rig: Rig) -> None:
    issued = rig.issuer.issue(KeyDraft(principal="p"), actor="me")
    key_id = issued.record.key_id
    for principal in ("q", "r"):
        rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"principal"}), principal=principal), actor="me")
        found = rig.ring.find(key_id)
        assert found is not None
        assert found.key.principal == principal
        assert found.key.secret == issued.secret.encode()


def test_an_update_does_not_make_a_forged_record_good(rig: Rig) -> None:
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    forge(rig, "principal = 'root'")
    before = rig.store.change_sequence()
    with pytest.raises(SealBroken):
        rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"description"}), description="x"), actor="me")
    assert rig.store.change_sequence() == before
    rig.ring.evict(key_id)
    with pytest.raises(SealBroken):
        rig.ring.find(key_id)


def test_a_forged_key_can_still_be_revoked_and_opens_for_nobody(rig: Rig) -> None:
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    forge(rig, "principal = 'root'")
    assert rig.issuer.revoke(key_id, "forged", actor="me").record.state is KeyState.REVOKED
    with pytest.raises(SealBroken):
        rig.ring.find(key_id)


@pytest.mark.parametrize("change", ["state = 'ACTIVE'", "state = 'ACTIVE', revoked = NULL, revoke_reason = ''"])
def test_a_revocation_is_not_undone_in_the_database(rig: Rig, change: str) -> None:
    key_id = rig.issuer.issue(KeyDraft(), actor="me").record.key_id
    rig.issuer.revoke(key_id, "x", actor="me")
    forge(rig, change)
    rig.ring.evict(key_id)
    with pytest.raises(SealBroken):
        rig.ring.find(key_id)


def test_nobody_claims_the_first_attempt_of_another(rig: Rig) -> None:
    draft = KeyDraft(request_id="r-1")
    rig.issuer.issue(draft, actor="me")
    forge(rig, "issue_actor = 'intruder'")
    with pytest.raises(SealBroken):
        rig.issuer.issue(draft, actor="intruder")
