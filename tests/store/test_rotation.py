"""Rotating keys, below the transport: which secrets are held, for how long, and what a retry gets."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import update

from counterseal.core.model import Key, KeyState
from counterseal.core.policy import KeyPolicy
from counterseal.server.errors import (
    EtagMismatch,
    InvalidField,
    KeyIsRevoked,
    KeyNotFound,
    RequestIdReused,
    SealBroken,
    StoreUnavailable,
)
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.keys.rotation import MAX_OVERLAP
from counterseal.server.store.keystore import Edit, KeyStore
from counterseal.server.store.records import (
    Encoding,
    ImportedMaterial,
    KeyChange,
    KeyDraft,
    KeyRecord,
    OfferedPublicKey,
    PreviousSecret,
    RotateOrder,
)
from counterseal.server.store.tables import KEYS
from tests.store.rig import Rig

DAY = dt.timedelta(days=1)
# RFC 8032 section 7.1, test 1.
ED25519 = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def issue(rig: Rig, **draft: Any) -> str:
    return rig.issuer.issue(KeyDraft(**draft), actor="me").record.key_id


def order(key_id: str, overlap: dt.timedelta = DAY, **more: Any) -> RotateOrder:
    return RotateOrder(key_id=key_id, overlap=overlap, **more)


def opened(rig: Rig, key_id: str) -> Key:
    found = rig.ring.find(key_id)
    assert found is not None
    return found.key


def test_a_rotated_key_holds_both_secrets(rig: Rig) -> None:
    first = rig.issuer.issue(KeyDraft(principal="p"), actor="me")
    key_id = first.record.key_id
    assert opened(rig, key_id).older is None
    rig.clock.now += 5
    rotated = rig.issuer.rotate(order(key_id), actor="me")
    assert rotated.secret.startswith("cssk_")
    assert rotated.secret != first.secret
    assert rotated.secret not in repr(rotated)
    now = dt.datetime.fromtimestamp(rig.clock.now, dt.UTC)
    assert rotated.previous_end == now + DAY
    assert rotated.record.previous == PreviousSecret(version=1, until=now + DAY)
    assert (rotated.record.secret_version, rotated.record.secret_created) == (2, now)
    assert rotated.record.etag != first.record.etag
    key = opened(rig, key_id)  # in force at once: the cached key was evicted
    assert (key.secret, key.secret_version, key.secret_end) == (rotated.secret.encode(), 2, None)
    older = key.older
    assert older is not None
    assert (older.secret, older.secret_version, older.older) == (first.secret.encode(), 1, None)
    assert older.secret_end == (now + DAY).timestamp()
    assert dataclasses.replace(older, secret=key.secret, secret_version=2, secret_end=None, older=key.older) == key


def test_at_most_two_secrets_are_held(rig: Rig) -> None:
    key_id = issue(rig)
    second = rig.issuer.rotate(order(key_id), actor="me")
    third = rig.issuer.rotate(order(key_id), actor="me")
    key = opened(rig, key_id)
    assert key.older is not None
    assert (key.secret, key.older.secret) == (third.secret.encode(), second.secret.encode())
    assert (key.secret_version, key.older.secret_version) == (3, 2)
    entry = rig.store.read_audit(key_id)[-1][1]
    assert entry.detail["ended_version"] == 1


def test_an_overlap_of_nothing_ends_the_secret_before_at_once(rig: Rig) -> None:
    key_id = issue(rig)
    rig.clock.now += 1
    rotated = rig.issuer.rotate(order(key_id, dt.timedelta(0)), actor="me")
    assert rotated.record.previous is None
    assert rotated.previous_end == rotated.record.updated
    assert opened(rig, key_id).older is None


def test_the_next_change_after_its_end_drops_a_secret(rig: Rig) -> None:
    key_id = issue(rig)
    rig.issuer.rotate(order(key_id), actor="me")

    def rename(name: str) -> KeyRecord:
        return rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"principal"}), principal=name), actor="me")

    assert rename("a").previous is not None
    assert opened(rig, key_id).older is not None
    rig.clock.now += DAY.total_seconds()
    assert rename("b").previous is None
    assert opened(rig, key_id).older is None
    assert opened(rig, key_id).secret_version == 2


def test_a_secret_may_be_brought_along(rig: Rig) -> None:
    key_id = issue(rig, material=ImportedMaterial(key_id="AKIDEXAMPLE", secret=b"an imported secret"))
    rotated = rig.issuer.rotate(order(key_id, imported_secret=b"another imported secret"), actor="me")
    assert rotated.secret == ""
    assert opened(rig, key_id).secret == b"another imported secret"
    for known in (b"another imported secret", b"an imported secret"):
        with pytest.raises(InvalidField, match=r"^imported_secret: must be another"):
            rig.issuer.rotate(order(key_id, imported_secret=known), actor="me")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"overlap": -dt.timedelta(microseconds=1)}, "overlap"),
        ({"overlap": MAX_OVERLAP + dt.timedelta(microseconds=1)}, "overlap"),
        ({"key_id": "no key id"}, "key_id"),
        ({"imported_secret": b"short"}, "imported_secret"),
        ({"imported_secret": b"s" * 257}, "imported_secret"),
        ({"imported_secret": b"s" * 8 + b"\0" * 8}, "imported_secret"),
        ({"request_id": "with blanks"}, "request_id"),
    ],
)
def test_limits_are_named(rig: Rig, changes: dict[str, Any], field: str) -> None:
    key_id = issue(rig)
    with pytest.raises(InvalidField) as error:
        rig.issuer.rotate(dataclasses.replace(order(key_id), **changes), actor="me")
    assert error.value.field == field
    assert opened(rig, key_id).secret_version == 1


def test_what_has_no_secret_of_its_own_is_not_rotated(rig: Rig) -> None:
    public = issue(rig, material=OfferedPublicKey(text=ED25519, encoding=Encoding.RAW))
    temporary = issue(rig, material=ImportedMaterial(key_id="tmp-1", secret=b"s" * 16, security_token="t" * 16))
    for key_id in (public, temporary):
        with pytest.raises(InvalidField) as error:
            rig.issuer.rotate(order(key_id), actor="me")
        assert error.value.field == "key_id"


def test_a_revoked_key_is_not_rotated_and_a_disabled_one_is(rig: Rig) -> None:
    key_id = issue(rig)
    rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"state"}), state=KeyState.DISABLED), actor="me")
    assert rig.issuer.rotate(order(key_id), actor="me").record.state is KeyState.DISABLED
    rig.issuer.revoke(key_id, "gone", actor="me")
    with pytest.raises(KeyIsRevoked):
        rig.issuer.rotate(order(key_id), actor="me")


def test_etags_and_tenants_hold(rig: Rig) -> None:
    record = rig.issuer.issue(KeyDraft(tenant="acme"), actor="me").record
    with pytest.raises(EtagMismatch):
        rig.issuer.rotate(order(record.key_id, etag="0"), actor="me")
    for tenants in (frozenset[str](), frozenset({"other"})):
        with pytest.raises(KeyNotFound):
            rig.issuer.rotate(order(record.key_id), actor="me", tenants=tenants)
    with pytest.raises(KeyNotFound):
        rig.issuer.rotate(order("nobody"), actor="me")
    assert rig.issuer.rotate(order(record.key_id, etag=record.etag), actor="me", tenants=frozenset({"acme"})).secret


def test_a_retry_gets_the_same_secret(rig: Rig) -> None:
    record = rig.issuer.issue(KeyDraft(), actor="me").record
    wanted = order(record.key_id, etag=record.etag, request_id="r-1")
    first = rig.issuer.rotate(wanted, actor="me")
    number = rig.store.change_sequence()
    rig.clock.now += 599
    assert rig.issuer.rotate(wanted, actor="me") == first  # though the etag is another by now
    # Another server, and other changes in between.
    other = rig.issuer_on(rig.store)
    change = KeyChange(key_id=record.key_id, etag="", mask=frozenset({"principal"}), principal="p")
    other.update(change, actor="me")
    again = other.rotate(wanted, actor="me")
    assert (again.secret, again.previous_end) == (first.secret, first.previous_end)
    assert rig.store.change_sequence() == number + 1
    rig.clock.now += 1
    with pytest.raises(RequestIdReused, match="too long ago"):
        rig.issuer.rotate(wanted, actor="me")


@pytest.mark.parametrize("changes", [{"overlap": 2 * DAY}, {"etag": "1"}, {"imported_secret": b"s" * 16}])
def test_a_request_id_is_for_one_order(rig: Rig, changes: dict[str, Any]) -> None:
    key_id = issue(rig)
    wanted = order(key_id, request_id="r-1")
    rig.issuer.rotate(wanted, actor="me")
    with pytest.raises(RequestIdReused, match="another request"):
        rig.issuer.rotate(dataclasses.replace(wanted, **changes), actor="me")


def test_a_retried_import_must_bring_the_same_secret(rig: Rig) -> None:
    key_id = issue(rig)
    wanted = order(key_id, request_id="r-1", imported_secret=b"an imported secret")
    first = rig.issuer.rotate(wanted, actor="me")
    assert rig.issuer.rotate(wanted, actor="me") == first
    with pytest.raises(RequestIdReused):
        rig.issuer.rotate(dataclasses.replace(wanted, imported_secret=b"an imported secreT"), actor="me")


def test_a_request_id_is_for_one_caller_and_one_key(rig: Rig) -> None:
    one, two = issue(rig), issue(rig)
    first = rig.issuer.rotate(order(one, request_id="r-1"), actor="me")
    assert rig.issuer.rotate(order(two, request_id="r-1"), actor="me").secret != first.secret
    assert rig.issuer.rotate(order(one, request_id="r-1"), actor="you").secret != first.secret


def test_no_retry_gets_a_secret_that_was_rotated_away(rig: Rig) -> None:
    issued = rig.issuer.issue(KeyDraft(request_id="i-1"), actor="me")
    key_id = issued.record.key_id
    wanted = order(key_id, request_id="r-1")
    rig.issuer.rotate(wanted, actor="me")
    with pytest.raises(RequestIdReused, match="rotated"):
        rig.issuer.issue(KeyDraft(request_id="i-1"), actor="me")
    rig.issuer.rotate(order(key_id), actor="me")
    with pytest.raises(RequestIdReused, match="rotated again"):
        rig.issuer.rotate(wanted, actor="me")
    rig.issuer.revoke(key_id, "gone", actor="me")
    with pytest.raises(KeyIsRevoked):
        rig.issuer.rotate(wanted, actor="me")


def test_the_trail_says_what_was_rotated_and_no_secret(rig: Rig) -> None:
    key_id = issue(rig)
    rotated = rig.issuer.rotate(order(key_id, request_id="r-7"), actor="me")
    (_, entry) = rig.store.read_audit(key_id)[-1]
    assert (entry.action, entry.actor, entry.request_id, entry.time) == ("rotate", "me", "r-7", rotated.record.updated)
    assert entry.detail == {
        "secret_version": {"from": 1, "to": 2},
        "imported": False,
        "previous_until": rotated.previous_end.isoformat(),
    }
    stored = rig.store.read_key(key_id)
    assert stored is not None
    assert rotated.secret.encode() not in stored.sealed_secret


def test_a_failing_store_leaves_the_old_secret_or_the_new_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    change = rig.store.change

    def failing(key_id: str, edit: Edit) -> KeyRecord | None:
        change(key_id, edit)
        raise StoreUnavailable("after the commit")

    key_id = issue(rig)
    opened(rig, key_id)
    wanted = order(key_id, request_id="r-1")
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "change", failing)
        with pytest.raises(StoreUnavailable):
            rig.issuer.rotate(wanted, actor="me")
    now = opened(rig, key_id)  # evicted all the same
    assert now.secret_version == 2
    assert rig.issuer.rotate(wanted, actor="me").secret.encode() == now.secret  # and a retry has it


NEVER = {"previous_until": None, "previous_version": None}
FORGERIES: dict[str, dict[str, Any]] = {
    "a later end": {"previous_until": KEYS.c.previous_until + 1},
    "an end in another century": {"previous_until": 4_102_444_800_000_000},
    "another version before": {"previous_version": 0},
    "no secret before": NEVER,
    "half of it": {"previous_until": None},
    "another time of making": {"secret_created": KEYS.c.secret_created - 1},
    "as if it was never rotated": {**NEVER, "secret_created": None, "secret_version": 1, "policy": None},
    "the version of before": {"secret_version": 1},
    "no policy": {"policy": None},
    "a wider policy": {"policy": '{"methods":["GET","PUT"]}'},
    "no limit": {"policy": '{"methods":[]}'},
    "an empty policy": {"policy": "{}"},
    "an unknown limit": {"policy": '{"hosts":["a"]}'},
    "a policy that is none": {"policy": "x"},
    "a policy of another kind": {"policy": '{"methods":"GET"}'},
    "an unknown replay policy": {"policy": '{"methods":["GET"],"replay":"NEVER"}'},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_row_never_opens(rig: Rig, forgery: str) -> None:
    key_id = issue(rig, policy=KeyPolicy(methods=frozenset({"GET"})))
    rig.issuer.rotate(order(key_id), actor="me")
    assert opened(rig, key_id).policy.methods == {"GET"}
    with rig.store.database.writes.begin() as connection:
        connection.execute(update(KEYS).values(FORGERIES[forgery]))
    rig.ring.evict(key_id)
    with pytest.raises(SealBroken):
        rig.ring.find(key_id)
    with pytest.raises(SealBroken):
        rig.issuer.rotate(order(key_id), actor="me")


def test_a_reseal_keeps_both_secrets_and_the_marks(store: KeyStore) -> None:
    from counterseal.server.keys.cipher import SecretCipher
    from counterseal.server.keys.master import MasterKeys

    old, both = MasterKeys(active="a", keys={"a": b"a" * 32}), MasterKeys(active="b", keys={"a": b"a" * 32, "b": b"b" * 32})
    rig = Rig(store, cipher=SecretCipher(old))
    key_id = issue(rig)
    wanted = order(key_id, request_id="r-1")
    first = rig.issuer.rotate(wanted, actor="me")
    before = opened(rig, key_id)
    rig.flight.close()
    assert reseal_all(store, SecretCipher(both)).resealed == 1
    after = Rig(store, cipher=SecretCipher(MasterKeys(active="b", keys={"b": b"b" * 32})), clock=rig.clock)
    assert opened(after, key_id) == before
    assert after.issuer.rotate(wanted, actor="me") == first
    after.flight.close()
