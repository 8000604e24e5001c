"""The table of callers, on every engine."""

import dataclasses
import datetime as dt
import random
import threading
from typing import Any

import pytest
from sqlalchemy import select, update

from counterseal.server.errors import CallerExists, SealBroken
from counterseal.server.keys.caller_seal import check_seal, seal_caller
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.store.caller_records import CallerLimits, CallerState, Role, StoredCaller
from counterseal.server.store.callers import CallerStore
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.tables import AUDIT, CALLERS
from tests.store.caller_samples import FULL, add, caller, caller_store, changed, leaving, sealed
from tests.store.samples import NOON


@pytest.fixture
def callers(store: KeyStore) -> CallerStore:
    return caller_store(store)


def _names(callers: CallerStore) -> list[str]:
    return [stored.record.name for stored in callers.read_all().callers]


def test_what_is_written_is_read(callers: CallerStore) -> None:
    wanted = caller(
        "edge", bearer="b" * 40, role=Role.LEASE, state=CallerState.DISABLED, description="é “x” \U0001f511", limits=FULL
    )
    record = add(callers, wanted)
    read = callers.read("edge")
    assert read is not None
    assert read.record == record
    assert dataclasses.replace(read, record=dataclasses.replace(read.record, etag=""), newest=None) == wanted
    assert read.newest == NOON
    assert record.etag
    assert callers.read("EDGE") is None
    assert callers.read("edge ") is None
    assert callers.read_all().callers == (read,)


@pytest.mark.parametrize("san", ["a b".replace(" ", "_"), "SPIFFE://Mesh/Edge", "x" * 255])
def test_names_of_certificates_are_kept_bytewise(callers: CallerStore, san: str) -> None:
    add(callers, caller("one", san=san))
    add(callers, caller("two", san=san.swapcase()[:254] + "!"))
    read = callers.read("one")
    assert read is not None
    assert read.record.san == san


def test_what_is_taken(callers: CallerStore) -> None:
    add(callers, caller("edge", bearer="b" * 40, san="spiffe://mesh/edge"))
    before = callers.mark()
    for taken in (
        caller("edge", bearer="c" * 40),
        caller("other", bearer="b" * 40),
        caller("other", san="spiffe://mesh/edge"),
    ):
        with pytest.raises(CallerExists):
            add(callers, taken)
    assert callers.mark() == before
    add(callers, caller("Edge", san="SPIFFE://mesh/edge"))
    add(callers, caller("none", bearer="d" * 40))
    add(callers, caller("none-either", bearer="e" * 40))  # neither has a SAN: absent ones do not collide
    with pytest.raises(CallerExists):
        callers.change("none", lambda stored: changed(stored, san="spiffe://mesh/edge"))


def test_a_change_is_one_transaction_with_its_audit_row(callers: CallerStore, store: KeyStore) -> None:
    add(callers, caller("edge"))
    after = callers.change("edge", lambda stored: changed(stored, description="new", role=Role.AUDITOR))
    assert after is not None
    assert (after.description, after.role) == ("new", Role.AUDITOR)

    def failing(_: StoredCaller) -> tuple[StoredCaller, AuditEntry]:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        callers.change("edge", failing)
    assert callers.change("edge", lambda _: None) == after
    assert callers.change("nobody", failing) is None
    with store.transactions.reading() as connection:
        rows = connection.execute(select(AUDIT.c.action, AUDIT.c.seq).order_by(AUDIT.c.id)).all()
    assert [row.action for row in rows] == ["caller_create", "caller_update"]
    assert after.etag == f"{rows[-1].seq:x}"


def test_a_removed_caller_leaves_an_audit_row(callers: CallerStore, store: KeyStore) -> None:
    add(callers, caller("edge"))
    read = callers.read("edge")
    assert read is not None
    seen: list[str] = []

    def noted(etag: str, newest: dt.datetime | None) -> AuditEntry:
        seen.append(etag)
        return leaving("edge")(etag, newest)

    assert callers.delete("edge", noted)
    assert seen == [read.record.etag]
    assert not callers.delete("edge", noted)
    assert callers.read("edge") is None
    assert store.change_sequence() == 2


def test_pages(callers: CallerStore) -> None:
    names = ["A", "B-1", "B.1", "a", "b", "c"]
    for name in reversed(names):
        add(callers, caller(name))
    seen: list[str] = []
    after, pages = "", 0
    while True:
        page = callers.read_page(after, 2)
        seen += [stored.record.name for stored in page.callers]
        after, pages = page.next_after, pages + 1
        if not after:
            break
    assert seen == names == _names(callers)
    assert pages == 3


def test_the_mark_tells_any_two_states_apart(callers: CallerStore) -> None:
    """Removals too, which leave no row behind that could have a number."""
    chance = random.Random(7)
    seen: dict[object, list[tuple[str, str]]] = {}
    names = ["a", "b", "c"]
    for _ in range(60):
        name = chance.choice(names)
        there = callers.read(name) is not None
        if not there:
            add(callers, caller(name))
        elif chance.random() < 0.5:
            callers.change(name, lambda stored: changed(stored, description=str(chance.random())))
        else:
            callers.delete(name, leaving(name))
        state = [(stored.record.name, stored.record.etag) for stored in callers.read_all().callers]
        assert seen.setdefault(callers.mark(), state) == state
    assert len(seen) > 20


@pytest.mark.parametrize(
    "forged",
    [
        {"role": "root"},
        {"state": "ACTIVE"},
        {"limits": "{}"},
        {"limits": "[]"},
        {"limits": "nonsense"},
        {"limits": '{"burst":0,"calls_per_second":-1,"concurrent_calls":0,"regions":[],"schemes":[],"services":[],'
         '"string_to_sign":false,"tenants":[]}'},
        {"limits": '{"burst":0,"calls_per_second":0,"concurrent_calls":0,"regions":[1],"schemes":[],"services":[],'
         '"string_to_sign":false,"tenants":[]}'},
        {"limits": '{"burst":0,"calls_per_second":0,"concurrent_calls":0,"regions":[],"schemes":[],"services":[],'
         '"string_to_sign":1,"tenants":[]}'},
        {"limits": '{"burst":0,"calls_per_second":0,"concurrent_calls":0,"regions":[],"schemes":[],"services":[],'
         '"string_to_sign":false,"tenants":[],"later":[]}'},
    ],
)  # fmt: skip
def test_a_row_that_makes_no_caller_stands_alone(callers: CallerStore, store: KeyStore, forged: dict[str, str]) -> None:
    for name in ("a", "b", "c"):
        add(callers, caller(name))
    statement = update(CALLERS).where(CALLERS.c.name == "b").values(forged)
    store.transactions.writing(lambda connection: connection.execute(statement))
    rows = callers.read_all()
    assert ([stored.record.name for stored in rows.callers], rows.unreadable) == (["a", "c"], ("b",))
    with pytest.raises(SealBroken):
        callers.read("b")
    with pytest.raises(SealBroken):
        callers.change("b", lambda stored: changed(stored, description="x"))
    assert callers.delete("b", leaving("b"))
    assert callers.read_all().unreadable == ()


CIPHER = SecretCipher(MasterKeys.generate())
WHOLE = sealed(CIPHER, "edge", bearer="b" * 40, san="spiffe://mesh/edge", limits=FULL, description="d")


@pytest.mark.parametrize(
    "forgery",
    [
        {"role": "admin"},
        {"state": "disabled"},
        {"description": "x"},
        {"token_sha256": b"t" * 32},
        {"token_sha256": None},
        {"san": "spiffe://mesh/other"},
        {"san": None},
        {"created": 1},
        {"updated": 1},
        {"name": "other"},
        {"seal": b""},
        {"seal": sealed(CIPHER, "another", bearer="c" * 40).seal},
        {"seal": CIPHER.seal(b"", tenant="", key_id="edge", version=1)},
        {"seal": sealed(SecretCipher(MasterKeys.generate()), "edge", bearer="b" * 40).seal},
    ],
)
def test_a_row_that_was_changed_does_not_open(callers: CallerStore, store: KeyStore, forgery: dict[str, object]) -> None:
    add(callers, WHOLE)
    (read,) = callers.read_all().callers
    check_seal(read, CIPHER)
    store.transactions.writing(lambda connection: connection.execute(update(CALLERS).values(forgery)))
    (read,) = callers.read_all().callers
    with pytest.raises(SealBroken):
        check_seal(read, CIPHER)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(CallerLimits)])
def test_every_limit_is_sealed_in(name: str) -> None:
    before = getattr(WHOLE.record.limits, name)
    other = not before if isinstance(before, bool) else before + 1 if isinstance(before, int) else before | {"more"}
    changes: dict[str, Any] = {name: other}
    limits = dataclasses.replace(WHOLE.record.limits, **changes)
    known = dataclasses.replace(WHOLE, newest=WHOLE.record.updated)
    check_seal(known, CIPHER)
    widened = dataclasses.replace(known, record=dataclasses.replace(WHOLE.record, limits=limits))
    with pytest.raises(SealBroken, match="does not open"):
        check_seal(widened, CIPHER)


def test_a_reseal_brings_callers_along(callers: CallerStore, store: KeyStore) -> None:
    older = MasterKeys.generate()
    newer = MasterKeys.generate()
    before = SecretCipher(older)
    for number in range(5):
        add(callers, sealed(before, f"caller-{number}"))
    both = SecretCipher(MasterKeys(active=newer.active, keys={**older.keys, **newer.keys}))
    mark = callers.mark()
    assert reseal_all(store, both).resealed == 5
    assert callers.mark() == mark  # no change of a caller
    for stored in callers.read_all().callers:
        check_seal(stored, SecretCipher(newer))
    store.transactions.writing(lambda connection: connection.execute(update(CALLERS).values(role="admin")))
    assert sorted(reseal_all(store, both).broken) == [f"caller caller-{number}" for number in range(5)]


def test_writers_at_once_lose_nothing(callers: CallerStore) -> None:
    for name in ("a", "b"):
        add(callers, caller(name), CIPHER)

    def edit(stored: StoredCaller) -> tuple[StoredCaller, AuditEntry]:
        check_seal(stored, CIPHER)  # of whoever waited, too
        after, entry = changed(stored, description=stored.record.description + "x")
        return seal_caller(after, CIPHER), entry

    def work(name: str) -> None:
        for _ in range(10):
            callers.change(name, edit)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "a", "b", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(stored.record.description) for stored in callers.read_all().callers] == [20, 20]


def test_no_hash_of_a_bearer_token_is_shown() -> None:
    stored = caller("edge", bearer="b" * 40)
    assert stored.token_sha256 is not None
    assert repr(stored.token_sha256) not in repr(stored)
