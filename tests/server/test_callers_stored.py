"""Stored callers in memory: as young as the bound, none that was forged, and the others go on to be known."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from counterseal.server.callers import CallerBook, Role
from counterseal.server.callers.bearer import bearer_sha256
from counterseal.server.callers.book import call_book
from counterseal.server.callers.everyone import Everyone
from counterseal.server.callers.reserved import Reserved
from counterseal.server.callers.stored import StoredCallers
from counterseal.server.errors import CallerUnknown, StoreUnavailable
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.settings import CallerSetting
from counterseal.server.store.caller_records import CallerLimits, CallerMark, CallerRows, CallerState
from counterseal.server.store.callers import CallerStore
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.tables import CALLERS
from tests.store.caller_samples import FULL, add, caller_store, leaving, sealed
from tests.store.samples import open_store

BEARER = "the-bearer-of-the-edge-gateway"
CIPHER = SecretCipher(MasterKeys.generate())
BOUND = 1.0


@dataclass
class Store:
    """The store, which counts what it is asked, and can be gone."""

    inner: CallerStore
    gone: bool = False
    marks: int = 0
    wholes: int = 0

    def mark(self) -> CallerMark:
        self.marks += 1
        if self.gone:
            raise StoreUnavailable("on purpose")
        return self.inner.mark()

    def read_all(self) -> CallerRows:
        self.wholes += 1
        return self.inner.read_all()


@dataclass
class Rig:
    store: Store
    keys: KeyStore
    now: float = 1000.0
    as_of: float = float("-inf")
    alarms: list[str] = field(default_factory=list)

    def callers(self, *, bound: float = BOUND, reserved: Reserved | None = None) -> StoredCallers:
        return StoredCallers(
            store=self.store,  # type: ignore[arg-type]
            cipher=CIPHER,
            bound=bound,
            reserved=reserved or Reserved(),
            alarm=lambda name, _: self.alarms.append(name),
            clock=lambda: self.now,
            as_of=lambda: self.as_of,
        )

    def add(self, name: str, **given: Any) -> None:
        add(self.store.inner, sealed(CIPHER, name, **given), CIPHER)

    def forge(self, which: str, **values: object) -> None:
        statement = update(CALLERS).where(CALLERS.c.name == which).values(values)
        self.keys.transactions.writing(lambda connection: connection.execute(statement))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    keys = open_store(f"sqlite:///{tmp_path}/keys.db", timeout=60)
    keys.upgrade()
    yield Rig(Store(caller_store(keys)), keys)
    keys.close()


def _name(book: CallerBook, bearer: str) -> str | None:
    found = book.of_bearer(bearer_sha256(bearer))
    return None if found is None else found.name


def test_a_stored_caller_with_everything(rig: Rig) -> None:
    rig.add("edge", bearer=BEARER, san="spiffe://mesh/edge", role=Role.LEASE, limits=FULL)
    rig.add("ops", bearer="o" * 40, role=Role.ADMIN)
    rig.add("off", bearer="x" * 40, state=CallerState.DISABLED, san="spiffe://mesh/off")
    book = rig.callers().fresh()
    edge = book.of_bearer(bearer_sha256(BEARER))
    assert edge is not None
    assert book.of_sans(["spiffe://mesh/edge"]) == {"edge": edge}
    assert (edge.role, edge.lease, edge.string_to_sign, edge.anonymous) == (Role.LEASE, True, True, False)
    assert (edge.tenants, edge.schemes) == (FULL.tenants, FULL.schemes)
    assert (edge.regions, edge.services) == (FULL.regions, FULL.services)
    assert edge.pace is not None
    assert (edge.pace.calls_per_second, edge.pace.burst, edge.pace.concurrent_calls) == (7, 9, 3)
    ops = book.of_bearer(bearer_sha256("o" * 40))
    assert ops is not None
    assert (ops.tenants, ops.pace, ops.string_to_sign, ops.lease) == (None, None, False, True)
    assert _name(book, "x" * 40) is None
    assert book.of_sans(["spiffe://mesh/off"]) == {}


def test_only_what_has_changed_is_read_whole(rig: Rig) -> None:
    rig.add("edge", bearer=BEARER)
    callers = rig.callers()
    callers.refresh()
    for _ in range(5):
        callers.refresh()
    assert (rig.store.marks, rig.store.wholes) == (6, 1)
    rig.store.inner.delete("edge", leaving("edge"))
    callers.refresh()
    assert rig.store.wholes == 2
    assert _name(callers.latest(), BEARER) is None


def test_within_the_bound_nothing_is_asked_and_beyond_it_is(rig: Rig) -> None:
    rig.add("edge", bearer=BEARER)
    callers = rig.callers()
    callers.refresh()
    asked = rig.store.marks
    rig.store.inner.delete("edge", leaving("edge"))
    rig.now += BOUND
    assert _name(callers.fresh(), BEARER) == "edge"
    assert rig.store.marks == asked
    rig.now += 0.001
    assert _name(callers.fresh(), BEARER) is None
    assert rig.store.marks == asked + 1


def test_a_young_feed_keeps_them_young(rig: Rig) -> None:
    callers = rig.callers()
    callers.refresh()
    rig.now += 100
    rig.as_of = rig.now - BOUND
    asked = rig.store.marks
    callers.fresh()
    assert rig.store.marks == asked
    rig.as_of -= 0.001
    callers.fresh()
    assert rig.store.marks == asked + 1


def test_without_a_bound_every_call_asks(rig: Rig) -> None:
    callers = rig.callers(bound=0)
    for _ in range(3):
        rig.now += 0.001
        callers.fresh()
    assert rig.store.marks == 3


def test_an_outage_is_no_refusal_and_soon_over(rig: Rig) -> None:
    rig.add("edge", bearer=BEARER)
    callers = rig.callers()
    callers.refresh()
    rig.store.gone = True
    with pytest.raises(StoreUnavailable):
        callers.refresh()
    assert _name(callers.fresh(), BEARER) == "edge"  # still within the bound
    rig.now += 2 * BOUND
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            callers.fresh()
    assert _name(callers.latest(), BEARER) == "edge"
    assert rig.store.marks == 3, "while it is down, not every call asks"
    rig.store.gone = False
    rig.now += 1
    assert _name(callers.fresh(), BEARER) == "edge"


def test_before_the_first_reading_nobody_is_known(rig: Rig) -> None:
    rig.store.gone = True
    with pytest.raises(StoreUnavailable):
        rig.callers().fresh()


def test_one_reads_and_few_wait(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = rig.callers()
    reading, go_on = threading.Event(), threading.Event()
    sound = rig.store.read_all

    def slow() -> CallerRows:
        reading.set()
        assert go_on.wait(60)
        return sound()

    monkeypatch.setattr(rig.store, "read_all", slow)
    outcomes: list[str] = []

    def call() -> None:
        try:
            callers.fresh()
            outcomes.append("known")
        except StoreUnavailable:
            outcomes.append("unavailable")

    first = threading.Thread(target=call)
    first.start()
    assert reading.wait(60)
    others = [threading.Thread(target=call) for _ in range(40)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(60)
    assert outcomes == ["unavailable"] * 40, "those that wait do not wait for ever"
    go_on.set()
    first.join(60)
    assert outcomes[-1] == "known"
    assert rig.store.wholes == 1


def test_a_forged_row_opens_for_nobody_and_raises_the_alarm_once(rig: Rig) -> None:
    for name in ("edge", "ops", "left"):
        rig.add(name, bearer=name * 20, limits=CallerLimits(tenants=frozenset({"acme"})))
    callers = rig.callers()
    callers.refresh()
    assert rig.alarms == []
    rig.forge("edge", role="admin")
    rig.forge("ops", limits="{}")
    callers.refresh()
    assert _name(callers.latest(), "edge" * 20) == "edge"  # what is known is the caller as it was sealed
    callers.refresh(whole=True)
    assert sorted(rig.alarms) == ["edge", "ops"]
    for name, known in (("edge", None), ("ops", None), ("left", "left")):
        assert _name(callers.latest(), name * 20) == known
    callers.refresh(whole=True)
    assert len(rig.alarms) == 2
    rig.forge("left", state="disabled")
    callers.refresh(whole=True)
    assert len(rig.alarms) == 3


def test_swapped_rows_open_for_nobody(rig: Rig) -> None:
    rig.add("edge", bearer="e" * 40)
    rig.add("ops", bearer="o" * 40, role=Role.ADMIN)
    rig.forge("edge", name="tmp")
    rig.forge("ops", name="edge")
    rig.forge("tmp", name="ops")
    book = rig.callers().fresh()
    assert _name(book, "e" * 40) is None
    assert _name(book, "o" * 40) is None
    assert sorted(rig.alarms) == ["edge", "ops"]


def test_what_the_configuration_gives_to_others(rig: Rig) -> None:
    rig.add("edge", bearer="e" * 40)
    rig.add("mesh", bearer="m" * 40, san="spiffe://configured")
    rig.add("anonymous", bearer="n" * 40)
    rig.add("fine", bearer="f" * 40)
    configured = (CallerSetting(name="edge", role="gateway", san="spiffe://configured"),)
    book = rig.callers(reserved=Reserved.by(configured)).fresh()
    assert [_name(book, letter * 40) for letter in "emnf"] == [None, None, None, "fine"]
    assert sorted(rig.alarms) == ["anonymous", "edge", "mesh"]


def _everyone(rig: Rig) -> Everyone:
    configured = call_book(
        [CallerSetting(name="configured", role="gateway", token_sha256=bearer_sha256("c" * 40), san="spiffe://configured")],
        admin_token="generated-admin-bearer",
        anonymous=None,
    )
    stored = rig.callers()
    return Everyone(configured, stored)


def test_the_configuration_needs_no_store(rig: Rig) -> None:
    everyone = _everyone(rig)
    rig.store.gone = True
    for authorization, sans, name in (
        ([f"Bearer {'c' * 40}"], [], "configured"),
        (["Bearer generated-admin-bearer"], [], "admin-token"),
        ([], ["spiffe://configured"], "configured"),
    ):
        found = everyone.identify(authorization, sans)
        assert found is not None
        assert found.name == name
    assert everyone.identify([], []) is None
    for authorization, sans in (([f"Bearer {BEARER}"], []), ([], ["spiffe://mesh/edge"])):
        with pytest.raises(StoreUnavailable):
            everyone.identify(authorization, sans)
    # Nonsense is nonsense, whatever the store does.
    for authorization in (["Basic x"], [f"Bearer {BEARER}"] * 2, [""]):
        with pytest.raises(CallerUnknown):
            everyone.identify(authorization, [])


def test_stored_and_configured_together(rig: Rig) -> None:
    rig.add("edge", bearer=BEARER, san="spiffe://mesh/edge")
    everyone = _everyone(rig)
    for authorization, sans in (([f"Bearer {BEARER}"], []), ([], ["spiffe://mesh/edge"]), ([], ["x", "spiffe://mesh/edge"])):
        found = everyone.identify(authorization, sans)
        assert found is not None
        assert found.name == "edge"
    with pytest.raises(CallerUnknown, match="more than one caller"):
        everyone.identify([], ["spiffe://mesh/edge", "spiffe://configured"])
    with pytest.raises(CallerUnknown, match="is not known"):
        everyone.identify([f"Bearer {BEARER}x"], [])
    assert everyone.identify([], ["spiffe://mesh/nobody"]) is None


def test_what_is_compared_is_compared_in_constant_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.add("edge", bearer=BEARER)
    book = rig.callers().fresh()
    compared: list[tuple[bytes, bytes]] = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append((known, given))
        return known == given

    monkeypatch.setattr("counterseal.server.callers.book.hmac.compare_digest", compare)
    assert _name(book, BEARER) == "edge"
    assert compared == [(bearer_sha256(BEARER), bearer_sha256(BEARER))]
    near = bytearray(bearer_sha256(BEARER))
    near[-1] ^= 1
    assert book.of_bearer(bytes(near)) is None
    assert len(compared) == 2
