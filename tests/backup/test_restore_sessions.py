"""What an older backup would bring back of sign-ins: sessions that have ended, principals that were disabled or removed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counterseal.core.model import KeyState
from counterseal.server.assembly.restore_sessions import end_again
from counterseal.server.keys.audit_check import AuditCheck
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.sessions import principal_audit
from counterseal.server.store.audit_trail import AuditTrail
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.session_records import PrincipalChange, PrincipalState, PrincipalView, SessionQuery
from tests.store import samples
from tests.store.samples import NOON
from tests.store.session_samples import (
    CIPHER,
    add_principal,
    begin,
    changed,
    ending,
    principal,
    principal_store,
    removing,
    sealed,
    session_store,
)

OUT = PrincipalState.DISABLED
NAMES = ("ada", "bob", "cy", "dee")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[KeyStore, KeyStore]]:
    """The store as it went on, and as it was in the backup: four principals, one session of each."""
    made = [samples.open_store(f"sqlite:///{tmp_path}/{name}.db", timeout=60) for name in ("on", "backup")]
    for store in made:
        store.upgrade()
        for name in NAMES:
            add_principal(principal_store(store), principal(name))
            begin(session_store(store), f"S-{name}", f"k-{name}", name=name)
    yield made[0], made[1]
    for store in made:
        store.close()


def to(state: PrincipalState) -> Callable[[PrincipalView], PrincipalChange]:
    def edit(view: PrincipalView) -> PrincipalChange:
        made = changed(view, state=state)
        assert made.principal is not None
        entry = principal_audit.updated(view.principal.record, made.principal.record, ended=0, actor="me")
        return PrincipalChange(principal=made.principal, entry=entry)

    return edit


def test_what_had_ended_ends_again_and_nothing_else(stores: tuple[KeyStore, KeyStore]) -> None:
    on, backup = stores
    known = on.change_sequence()
    session_store(on).change("S-ada", ending)
    session_store(on).change("S-none", ending)
    principal_store(on).delete("acme", "bob", removing)
    principal_store(on).change("acme", "cy", to(PrincipalState.DISABLED))
    principal_store(on).change("acme", "dee", to(PrincipalState.DISABLED))
    principal_store(on).change("acme", "dee", to(PrincipalState.ACTIVE))
    begin(session_store(on), "S-new", "k-new", name="dee")
    session_store(on).change("S-new", ending)

    told: list[tuple[str, str]] = []
    lost = list(AuditTrail(on).entries(known))
    end_again(backup, CIPHER, lost, lambda *said: told.append(said), actor="accept-restore")
    assert told == [
        ("principal acme/bob", "is disabled"),
        ("principal acme/cy", "is disabled"),
        ("session S-ada", "has ended again"),
        ("session S-bob", "has ended again"),
        ("session S-new", "is not in this store"),
    ]
    active = session_store(backup).list_sessions(SessionQuery(active_at=NOON))
    assert [stored.record.session_id for stored in active.sessions] == ["S-dee"]
    keys = {name: key.record.state for name in NAMES if (key := backup.read_key(f"k-{name}"))}
    assert keys == dict.fromkeys(NAMES, KeyState.REVOKED) | {"dee": KeyState.ACTIVE}
    stored = [principal_store(backup).read("acme", name) for name in NAMES]
    states = [found.record.state for found in stored if found and open_principal(found, CIPHER)]
    assert states == [PrincipalState.ACTIVE, PrincipalState.DISABLED, PrincipalState.DISABLED, PrincipalState.ACTIVE]
    problems: list[str] = []
    AuditCheck(backup, samples.AUDIT_KEY, problems.append).run(CIPHER)
    assert problems == []

    sequence = backup.change_sequence()
    end_again(backup, CIPHER, lost, lambda *_: None, actor="accept-restore")
    assert backup.change_sequence() == sequence


def test_a_row_that_does_not_open_is_named_and_the_others_go_on(stores: tuple[KeyStore, KeyStore]) -> None:
    on, backup = stores
    known = on.change_sequence()
    principal_store(on).change("acme", "ada", to(PrincipalState.DISABLED))
    principal_store(on).change("acme", "bob", to(PrincipalState.DISABLED))
    spoilt = principal_store(backup).read("acme", "ada")
    assert spoilt is not None
    other = seal_principal(principal("x"), "hash", CIPHER).seal
    assert principal_store(backup).swap_seals([(("acme", "ada"), spoilt.seal, other)])
    told: list[tuple[str, str]] = []
    end_again(backup, CIPHER, list(AuditTrail(on).entries(known)), lambda *said: told.append(said), actor="accept-restore")
    assert told[0][0] == "principal acme/ada"
    assert "does not open" in told[0][1]
    assert told[1:] == [("principal acme/bob", "is disabled")]


def test_who_was_kept_out_since_is_kept_out_also_where_the_backup_has_no_row(stores: tuple[KeyStore, KeyStore]) -> None:
    """An issuer needs no row to sign somebody in: only one that is disabled refuses."""
    on, backup = stores
    known = on.change_sequence()
    eve = principal("id:eve", state=OUT)
    made = sealed(eve), principal_audit.created(eve.record, actor="me")
    principal_store(on).insert("acme", "id:eve", lambda _: made)
    for name in ("id:fay", "id:gil", "id:hal"):
        add_principal(principal_store(on), principal(name))
    principal_store(on).change("acme", "id:fay", to(OUT))
    principal_store(on).change("acme", "id:gil", to(OUT))
    principal_store(on).delete("acme", "id:gil", removing)
    told: list[tuple[str, str]] = []
    lost = list(AuditTrail(on).entries(known))
    end_again(backup, CIPHER, lost, lambda *said: told.append(said), actor="accept-restore")
    assert told == [
        ("principal acme/id:eve", "is made anew, disabled and without a password"),
        ("principal acme/id:fay", "is made anew, disabled and without a password"),
        ("principal acme/id:gil", "is not in this store"),
    ]
    for name in ("id:eve", "id:fay"):
        stored = principal_store(backup).read("acme", name)
        assert stored is not None
        assert open_principal(stored, CIPHER) == ""
        assert stored.record.state is OUT
    assert principal_store(backup).read("acme", "id:gil") is None
    problems: list[str] = []
    AuditCheck(backup, samples.AUDIT_KEY, problems.append).run(CIPHER)
    assert problems == []
    sequence = backup.change_sequence()
    end_again(backup, CIPHER, lost, lambda *_: None, actor="accept-restore")
    assert backup.change_sequence() == sequence
