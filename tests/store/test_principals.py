"""The table of principals, on every engine."""

import dataclasses
import datetime as dt
import threading
from typing import Any

import pytest
from sqlalchemy import select, update

from counterseal.core.model import KeyState
from counterseal.server.errors import PrincipalExists, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.session_records import (
    PrincipalChange,
    PrincipalState,
    PrincipalView,
    SessionState,
    StoredPrincipal,
)
from counterseal.server.store.sessions import SessionStore
from counterseal.server.store.tables import AUDIT, PRINCIPALS
from tests.store.samples import NOON
from tests.store.session_samples import (
    CIPHER,
    PASSWORD_HASH,
    add_principal,
    begin,
    changed,
    disabling,
    principal,
    principal_entry,
    principal_store,
    removing,
    sealed,
    session_store,
)

LONGEST = "\U0001f511" * 128
ODD = ["a/b", "Ada", "ADA", "ada ", " ada", "a'da", 'a"da', "a%da", "a_da", "a\\da", "ádá", "ada\u0301", "!x", LONGEST]


@pytest.fixture
def principals(store: KeyStore) -> PrincipalStore:
    return principal_store(store)


@pytest.fixture
def sessions(store: KeyStore) -> SessionStore:
    return session_store(store)


def test_what_is_written_is_read(principals: PrincipalStore) -> None:
    wanted = principal(description="é “x” \U0001f511", labels={"team": "é", "a": ""}, state=PrincipalState.DISABLED)
    record = add_principal(principals, wanted)
    read = principals.read("acme", "ada")
    assert read is not None
    assert record.etag
    assert read.record == record == dataclasses.replace(wanted.record, etag=record.etag)
    assert read.newest == NOON
    assert open_principal(read, CIPHER) == PASSWORD_HASH
    assert principals.read("ACME", "ada") is None
    assert principals.read("acme", "Ada") is None
    assert principals.read("acme", "ada ") is None


def test_odd_names_are_kept_bytewise_and_told_apart(principals: PrincipalStore) -> None:
    names = ["ada", *ODD]
    for name in names:
        add_principal(principals, principal(name))
    for name in names:
        read = principals.read("acme", name)
        assert read is not None
        assert (read.record.name, open_principal(read, CIPHER)) == (name, PASSWORD_HASH)
        assert principals.change("acme", name, lambda view: changed(view, description=view.principal.record.name))
    page = principals.read_page(None, None, 100)
    assert [stored.record.name for stored in page.principals] == sorted(names, key=str.encode)
    assert all(stored.record.description == stored.record.name for stored in page.principals)
    assert all(open_principal(stored, CIPHER) == PASSWORD_HASH for stored in page.principals)


def test_a_name_is_taken_in_its_tenant_alone(principals: PrincipalStore, store: KeyStore) -> None:
    add_principal(principals, principal())
    with pytest.raises(PrincipalExists):
        add_principal(principals, principal())
    assert store.change_sequence() == 1
    add_principal(principals, principal(tenant="b"))
    assert store.change_sequence() == 2


def test_a_change_is_one_transaction_with_its_audit_row(principals: PrincipalStore, store: KeyStore) -> None:
    add_principal(principals, principal())
    after = principals.change("acme", "ada", lambda view: changed(view, description="new"))
    assert after is not None
    assert (after.description, after.updated) == ("new", NOON + dt.timedelta(microseconds=1))

    def failing(_: PrincipalView) -> PrincipalChange:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        principals.change("acme", "ada", failing)
    assert principals.change("acme", "ada", lambda _: None) == after
    assert principals.change("acme", "nobody", failing) is None
    with store.transactions.reading() as connection:
        rows = connection.execute(select(AUDIT).order_by(AUDIT.c.id)).all()
    assert [(row.action, row.key_id) for row in rows] == [
        ("principal_create", "!principal/acme/ada"),
        ("principal_update", "!principal/acme/ada"),
    ]
    assert [row.detail for row in rows] == ['{"principal":"ada"}'] * 2
    assert after.etag == f"{rows[-1].seq:x}"
    assert [entry.principal_name for _, entry in store.read_audit("!principal/acme/ada")] == ["ada", "ada"]


def test_a_removal_and_a_new_one_of_the_name(principals: PrincipalStore) -> None:
    first = add_principal(principals, principal())
    assert principals.delete("acme", "ada", removing)
    assert not principals.delete("acme", "ada", removing)
    assert principals.read("acme", "ada") is None
    second = add_principal(principals, principal())
    assert second.updated > first.updated  # so that the first row, put back, is older than what the trail knows


def test_pages(principals: PrincipalStore) -> None:
    whose = [("a", "x"), ("a", "y"), ("a-b", "a"), ("b", "A"), ("b", "a"), ("c", "z")]
    for tenant, name in reversed(whose):
        add_principal(principals, principal(name, tenant))
    seen: list[tuple[str, str]] = []
    after: tuple[str, str] | None = None
    for _ in range(3):
        page = principals.read_page(None, after, 2)
        seen += [(stored.record.tenant, stored.record.name) for stored in page.principals]
        after = page.next_after
    assert (seen, after) == (whose, None)
    of_two = principals.read_page(frozenset({"b", "c"}), ("b", "A"), 9)
    assert [(stored.record.tenant, stored.record.name) for stored in of_two.principals] == whose[4:]
    assert principals.read_page(frozenset(), None, 9).principals == ()


def test_disabling_ends_the_live_sessions_of_this_principal_alone(principals: PrincipalStore, sessions: SessionStore) -> None:
    add_principal(principals, principal())
    add_principal(principals, principal("Ada"))
    begin(sessions, "S1", "k1", "k2")
    begin(sessions, "S2", "k3")
    begin(sessions, "S3", "k4", name="Ada")
    after = principals.change("acme", "ada", disabling)
    assert after is not None
    assert after.state is PrincipalState.DISABLED
    states = {name: stored.record.state for name in ("S1", "S2", "S3") if (stored := sessions.read(name))}
    assert states == {"S1": SessionState.ENDED, "S2": SessionState.ENDED, "S3": SessionState.ACTIVE}
    seen: list[PrincipalView] = []
    principals.change("acme", "ada", seen.append)
    assert [view.sessions for view in seen] == [()]


def test_removing_ends_the_sessions_too(principals: PrincipalStore, sessions: SessionStore, store: KeyStore) -> None:
    add_principal(principals, principal())
    begin(sessions, "S1", "k1")
    assert principals.delete("acme", "ada", removing)
    key, ended = store.read_key("k1"), sessions.read("S1")
    assert key is not None
    assert ended is not None
    assert (key.record.state, key.record.revoke_reason) == (KeyState.REVOKED, "removed")
    assert (ended.record.state, ended.record.end_reason) == (SessionState.ENDED, "removed")


def test_writers_at_once_lose_nothing_and_read_rows_that_open(principals: PrincipalStore) -> None:
    for name in ("a", "b"):
        add_principal(principals, principal(name))
    problems: list[Exception] = []

    def work(name: str) -> None:
        try:
            for _ in range(10):
                principals.change("acme", name, lambda view: changed(view, description=view.principal.record.description + "x"))
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "a", "b", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [len(stored.record.description) for stored in principals.read_page(None, None, 9).principals] == [20, 20]


def test_rows_that_make_no_principal_stand_alone(principals: PrincipalStore, store: KeyStore) -> None:
    for name in ("a", "b", "c"):
        add_principal(principals, principal(name))
    for forged in ({"state": "ACTIVE"}, {"labels": "[]"}, {"labels": '{"a":1}'}, {"labels": "nonsense"}):
        statement = update(PRINCIPALS).where(PRINCIPALS.c.name == "b").values({"state": "active", "labels": "{}"} | forged)
        store.transactions.writing(lambda connection, statement=statement: connection.execute(statement))  # type: ignore[misc]
        page = principals.read_page(None, None, 9)
        assert ([stored.record.name for stored in page.principals], page.unreadable) == (["a", "c"], ("acme/b",))
        with pytest.raises(SealBroken):
            principals.read("acme", "b")
        with pytest.raises(SealBroken):
            principals.change("acme", "b", lambda view: changed(view, description="x"))


FORGERIES: list[dict[str, object]] = [
    {"tenant": "other"},
    {"name": "other"},
    {"state": "disabled"},
    {"description": "x"},
    {"labels": '{"role":"admin"}'},
    {"created": 1},
    {"updated": 1},
    {"password_set": None},
    {"password_set": 1},
    {"seal": b""},
    {"seal": sealed(principal("bob")).seal},
    {"seal": sealed(principal(), cipher=SecretCipher(MasterKeys.generate())).seal},
    {"seal": sealed(principal(password_set=None)).seal},
    {"seal": CIPHER.seal(b"hash", tenant="", key_id="principal/acme/ada", version=1)},
]


def test_a_row_that_was_changed_does_not_open(principals: PrincipalStore, store: KeyStore) -> None:
    add_principal(principals, principal())
    with store.transactions.reading() as connection:
        row = dict(connection.execute(select(PRINCIPALS)).mappings().one())
    for forgery in FORGERIES:
        forged = update(PRINCIPALS).values(row | forgery)
        store.transactions.writing(lambda connection, forged=forged: connection.execute(forged))  # type: ignore[misc]
        (read,) = principals.read_page(None, None, 9).principals
        with pytest.raises(SealBroken):  # not because the trail knows another time
            open_principal(dataclasses.replace(read, newest=read.record.updated), CIPHER)
    restored = update(PRINCIPALS).values(row)
    store.transactions.writing(lambda connection: connection.execute(restored))
    (read,) = principals.read_page(None, None, 9).principals
    assert open_principal(read, CIPHER) == PASSWORD_HASH


def test_a_new_hash_of_the_same_password_is_no_change(principals: PrincipalStore, store: KeyStore) -> None:
    before = add_principal(principals, principal())
    old = principals.read("acme", "ada")
    assert old is not None
    again = seal_principal(old, "another hash", CIPHER)
    whose = ("acme", "ada")
    assert principals.swap_seals([(whose, b"not this", again.seal), (("acme", "no"), b"", b"")]) == frozenset()
    assert principals.swap_seals([(whose, old.seal, again.seal)]) == {whose}
    new = principals.read("acme", "ada")
    assert new is not None
    assert (open_principal(new, CIPHER), new.record) == ("another hash", before)
    assert store.change_sequence() == 1


def test_a_hash_goes_with_the_time_it_was_set(principals: PrincipalStore) -> None:
    with pytest.raises(ValueError, match="password"):
        seal_principal(principal(), "", CIPHER)
    with pytest.raises(ValueError, match="password"):
        seal_principal(principal(password_set=None), "hash", CIPHER)
    add_principal(principals, principal(password_set=None))
    read = principals.read("acme", "ada")
    assert read is not None
    assert open_principal(read, CIPHER) == ""


def test_a_reseal_brings_principals_along(principals: PrincipalStore, store: KeyStore) -> None:
    older, newer = MasterKeys.generate(), MasterKeys.generate()
    for name in ODD:
        add_principal(principals, principal(name), SecretCipher(older))
    both = SecretCipher(MasterKeys(active=newer.active, keys={**older.keys, **newer.keys}))
    sequence = store.change_sequence()
    assert reseal_all(store, both).resealed == len(ODD)
    assert store.change_sequence() == sequence
    for stored in principals.read_page(None, None, 99).principals:
        assert open_principal(stored, SecretCipher(newer)) == PASSWORD_HASH
    store.transactions.writing(lambda connection: connection.execute(update(PRINCIPALS).values(state="disabled")))
    assert sorted(reseal_all(store, both).broken) == sorted(f"principal acme/{name}" for name in ODD)


def _making(stored: StoredPrincipal, **of_entry: Any) -> tuple[StoredPrincipal, AuditEntry]:
    return stored, dataclasses.replace(principal_entry(stored.record, "principal_create", NOON), **of_entry)


def test_changes_that_name_another_or_move_no_time_are_bugs(principals: PrincipalStore, store: KeyStore) -> None:
    for made in (
        _making(sealed(principal("other"))),
        _making(sealed(principal()), principal_name="other"),
        _making(sealed(principal()), tenant="other"),
        _making(sealed(principal()), time=NOON + dt.timedelta(seconds=1)),
    ):
        with pytest.raises(ValueError, match=r"name|time"):
            principals.insert("acme", "ada", lambda _, made=made: made)  # type: ignore[misc]
    add_principal(principals, principal())
    with pytest.raises(ValueError, match="later"):
        principals.change(
            "acme", "ada", lambda view: PrincipalChange(principal=view.principal, entry=_making(view.principal)[1])
        )
    with pytest.raises(ValueError, match="leaves"):
        principals.change("acme", "ada", removing)
    with pytest.raises(ValueError, match="leaves"):
        principals.delete("acme", "ada", changed)
    assert store.change_sequence() == 1


def test_no_hash_of_a_password_is_shown() -> None:
    assert repr(sealed(principal()).seal) not in repr(sealed(principal()))
