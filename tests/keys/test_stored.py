"""The innermost ring, and the memory for derived signing keys."""

import dataclasses
import datetime as dt
import threading
from typing import Any

import pytest
from sqlalchemy import text

from counterseal.core.model import Key, KeyState, Scope
from counterseal.server.errors import SealBroken
from counterseal.server.keys.absent import AbsentRow
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.drafts import new_material
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.remember import remembering
from counterseal.server.keys.seal import _sealed_in, seal_key
from counterseal.server.keys.stored import StoredKeyRing, open_key
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import IssueMark, StoredKey
from counterseal.server.store.tables import KEYS
from tests.keys.rings import never_stale, opened, plain_derive
from tests.store import samples

CIPHER = SecretCipher(MasterKeys(active="m", keys={"m": b"m" * 32}))
SECRET = b"a secret of enough bytes"


def sealed_key(key_id: str = "key-1", secret: bytes = SECRET, **changes: Any) -> StoredKey:
    key = samples.stored(key_id, **changes)
    return seal_key(secret, key, CIPHER)


def ring_on(store: KeyStore) -> StoredKeyRing:
    return StoredKeyRing(store.read_key, CIPHER, plain_derive, scopes_per_key=4, bound=never_stale())


def scope(day: int = 1, region: str = "eu-1") -> Scope:
    return Scope(date=f"202611{day:02}", region=region, service="s3")


def test_a_stored_key_is_opened(store: KeyStore) -> None:
    times: dict[str, Any] = {"not_before": samples.NOON, "expires": samples.NOON + dt.timedelta(hours=1)}
    store.insert(
        sealed_key(principal="p", labels={"a": "b"}, state=KeyState.DISABLED, token=b"t" * 32, **times), samples.entry()
    )
    found = ring_on(store).find("key-1")
    assert found is not None
    assert found.key == Key(
        key_id="key-1",
        tenant="default",
        secret=SECRET,
        allowed_schemes=frozenset({"aws-sigv4"}),
        state=KeyState.DISABLED,
        principal="p",
        labels={"a": "b"},
        not_before=samples.NOON.timestamp(),
        expires=samples.NOON.timestamp() + 3600,
        security_token_sha256=b"t" * 32,
    )
    assert found.derive(found.key, scope()) == plain_derive(found.key, scope())
    assert SECRET.decode() not in repr(found)
    assert ring_on(store).find("KEY-1") is None


class CountingCipher(SecretCipher):
    opened = 0

    def unseal(self, *arguments: Any, **place: Any) -> bytes:
        self.opened += 1
        return super().unseal(*arguments, **place)


def test_an_absent_key_costs_what_a_stored_one_does(store: KeyStore) -> None:
    store.insert(sealed_key(), samples.entry())
    cipher = CountingCipher(MasterKeys(active="m", keys={"m": b"m" * 32}))
    derive = Counting()
    ring = StoredKeyRing(store.read_key, cipher, derive, scopes_per_key=4, bound=never_stale())
    found = ring.find("key-1")
    assert found is not None
    found.derive(found.key, scope())  # as the first request with it does
    assert (cipher.opened, len(derive.calls)) == (1, 1)
    assert ring.find("absent") is None
    assert (cipher.opened, len(derive.calls)) == (2, 2)


def test_the_stand_in_is_like_an_issued_key() -> None:
    row, material = AbsentRow(CIPHER).read(), new_material()
    issued = seal_key(material.secret, samples.stored(material.key_id), CIPHER)
    assert len(row.sealed_secret) == len(issued.sealed_secret)
    assert open_key(row, CIPHER).state is KeyState.DISABLED


@pytest.mark.parametrize("secret", [b"", b"s" * 15, b"\x00" * 32, b"s" * 15 + b"\x00" * 200])
def test_a_short_secret_in_the_store_never_gets_out(store: KeyStore, secret: bytes) -> None:
    store.insert(sealed_key(secret=secret), samples.entry())
    with pytest.raises(SealBroken, match="too short"):
        ring_on(store).find("key-1")


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE keys SET sealed_secret = (SELECT sealed_secret FROM keys WHERE key_id = 'key-2') WHERE key_id = 'key-1'",
        "UPDATE keys SET sealed_secret = substr(sealed_secret, 1, 30) WHERE key_id = 'key-1'",
        "UPDATE keys SET sealed_secret = x'' WHERE key_id = 'key-1'",
        "UPDATE keys SET tenant = 'other' WHERE key_id = 'key-1'",
        "UPDATE keys SET secret_version = 2 WHERE key_id = 'key-1'",
        "UPDATE keys SET key_id = CASE key_id WHEN 'key-2' THEN 'key-1' ELSE 'key-0' END",
    ],
)
def test_rows_that_were_tampered_with_fail_loudly(store: KeyStore, tampering: str) -> None:
    for key_id in ("key-1", "key-2"):
        store.insert(sealed_key(key_id), samples.entry(key_id))
    ring = ring_on(store)
    assert ring.find("key-1") is not None
    with store.database.writes.begin() as connection:
        connection.execute(text(tampering))
    with pytest.raises(SealBroken):
        ring.find("key-1")


# What an intruder who can write the database would like to change, one statement for each column but the seal itself and the
# place in the change sequence.
FORGED = {
    "key_id": "'key-9'",
    "tenant": "'other'",
    "principal": "'root'",
    "description": "'x'",
    "labels": """'{"role":"admin"}'""",
    "allowed_schemes": """'["aws-sigv4","other"]'""",
    "state": "'ACTIVE'",
    "not_before": "NULL",
    "expires": "NULL",
    "created": "created + 1",
    "updated": "updated + 1",
    "revoked": "1",
    "revoke_reason": "'x'",
    "secret_version": "2",
    "security_token_sha256": "NULL",
    "issue_actor": "'intruder'",
    "issue_request_id": "'r-2'",
    "issue_fingerprint": "x'00'",
    "algorithm": "'ed25519'",
    "public_key": "sealed_secret",
    "secret_created": "1",
    "previous_version": "1",
    "previous_until": "1",
    "policy": '\'{"methods":["GET"]}\'',
    "kind": "'BEARER'",
    "session_id": "'another'",
}


def test_every_column_that_decides_something_is_forged_below() -> None:
    assert FORGED.keys() == set(KEYS.c.keys()) - {"sealed_secret", "changed"}


@pytest.mark.parametrize("column", FORGED)
def test_a_forged_record_does_not_open(store: KeyStore, column: str) -> None:
    times: dict[str, Any] = {"not_before": samples.NOON, "expires": samples.NOON + dt.timedelta(hours=1)}
    mark = IssueMark(actor="me", request_id="r-1", fingerprint=b"f" * 32)
    store.insert(sealed_key(state=KeyState.DISABLED, token=b"t" * 32, mark=mark, **times), samples.entry())
    ring = ring_on(store)
    assert ring.find("key-1") is not None
    with store.database.writes.begin() as connection:
        connection.execute(text(f"UPDATE keys SET {column} = {FORGED[column]}"))
    with pytest.raises(SealBroken):
        ring.find("key-9" if column == "key_id" else "key-1")


def test_what_is_sealed_in_stays_the_same() -> None:
    """Seals outlive releases: a change here makes every stored secret unreadable."""
    mark = IssueMark(actor="me", request_id="r-1", fingerprint=b"\x0f")
    key = samples.stored(token=b"\xff", mark=mark, labels={"b": "ü", "a": '"'}, expires=samples.NOON)
    assert _sealed_in(key) == (
        b'{"allowed_schemes": "[\\"aws-sigv4\\"]", "created": 1793534400123456, "description": "", '
        b'"expires": 1793534400123456, "issue": ["me", "r-1", "0f"], '
        b'"labels": "{\\"a\\":\\"\\\\\\"\\",\\"b\\":\\"\\u00fc\\"}", "not_before": null, '
        b'"principal": "", "revoke_reason": "", "revoked": null, "security_token_sha256": "ff", "state": "ACTIVE", '
        b'"updated": 1793534400123456}'
    )


class Counting:
    def __init__(self) -> None:
        self.calls: list[tuple[Key, Scope]] = []

    def __call__(self, key: Key, scope: Scope) -> bytes:
        self.calls.append((key, scope))
        return plain_derive(key, scope)


def test_a_derivation_is_done_once_per_scope() -> None:
    plain, key = Counting(), opened("k").key
    derive = remembering(plain, 4)
    scopes = [scope(1), scope(2), scope(1, "us-1"), dataclasses.replace(scope(1), terminator="other")]
    for _ in range(3):
        for one in scopes:
            assert derive(key, dataclasses.replace(one)) == plain_derive(key, one)
    assert [one for _, one in plain.calls] == scopes


def test_the_least_recently_used_scope_is_forgotten() -> None:
    plain, key = Counting(), opened("k").key
    derive = remembering(plain, 2)
    for day in (1, 2, 1, 3, 1):
        derive(key, scope(day))
    assert [one.date[-2:] for _, one in plain.calls] == ["01", "02", "03"]
    derive(key, scope(2))
    assert len(plain.calls) == 4


def test_what_was_derived_from_another_key_is_never_returned() -> None:
    """core derives from a dummy when a key may not be used: that must not be remembered as the key's own."""
    derive = remembering(plain_derive, 4)
    one, two = opened("k", 1).key, opened("k", 2).key
    for key in (one, two, one, one, two):
        assert derive(key, scope()) == plain_derive(key, scope())


@pytest.mark.parametrize("size", [0, -1])
def test_without_room_nothing_is_remembered(size: int) -> None:
    assert remembering(plain_derive, size) is plain_derive


def test_many_threads_derive_alike() -> None:
    derive, key, wrong = remembering(plain_derive, 3), opened("k").key, []

    def work() -> None:
        for number in range(2000):
            one = scope(1 + number % 5)
            if derive(key, one) != plain_derive(key, one):
                wrong.append(one)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
