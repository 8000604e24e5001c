"""The table of sessions, on every engine: nothing is added to one that has ended, whoever does what at the same moment."""

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from counterseal.core.model import KeyState
from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.keys.seal import open_secret
from counterseal.server.keys.session_seal import open_session, seal_session
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.session_records import (
    PrincipalState,
    PrincipalView,
    RefreshHashes,
    SessionChange,
    SessionQuery,
    SessionState,
    SessionView,
)
from counterseal.server.store.sessions import SessionStore
from counterseal.server.store.tables import AUDIT, SESSIONS
from tests.store.samples import NOON
from tests.store.session_samples import (
    CIPHER,
    HASHES,
    HOUR,
    add_principal,
    adding,
    begin,
    beginning,
    disabling,
    ending,
    principal,
    principal_store,
    refreshing,
    session,
    session_key,
    session_store,
)


@pytest.fixture
def principals(store: KeyStore) -> PrincipalStore:
    return principal_store(store)


@pytest.fixture
def sessions(store: KeyStore) -> SessionStore:
    return session_store(store)


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Run all of them from the same moment on; return what they raised."""
    barrier, raised = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def key_states(store: KeyStore, *key_ids: str) -> list[KeyState | None]:
    found = [store.read_key(key_id) for key_id in key_ids]
    return [None if key is None else key.record.state for key in found]


def test_what_is_written_is_read(sessions: SessionStore, store: KeyStore) -> None:
    client = {"source_address": "::1", "user_agent": "é “x” \U0001f511"}
    wanted = session("S1", "a da/\U0001f511", method="oidc:https://id.example/é", client=client)
    record = sessions.begin("acme", "a da/\U0001f511", lambda _: (beginning(wanted, "k1", "k2"), ()))
    read = sessions.read("S1")
    assert read is not None
    assert record.etag
    assert read.record == record == dataclasses.replace(wanted.record, etag=record.etag)
    assert (read.newest, open_session(read, CIPHER)) == (NOON, HASHES)
    assert sessions.read("s1") is None
    key = store.read_key("k1")
    assert key is not None
    assert key.record.session_id == "S1"
    assert open_secret(key, CIPHER).current


def test_the_view_has_the_principal_the_session_and_all_of_its_keys(principals: PrincipalStore, sessions: SessionStore) -> None:
    add_principal(principals, principal(labels={"a": "b"}))
    begin(sessions, "S1", "k2", "k1", "k3")
    begin(sessions, "S2", "k4")
    seen: list[SessionView] = []
    record = sessions.change("S1", seen.append)
    (view,) = seen
    assert view.session.record == record
    assert view.principal is not None
    assert view.principal.record.labels == {"a": "b"}
    assert [key.record.key_id for key in view.keys] == ["k1", "k2", "k3"]
    assert [key.newest for key in view.keys] == [NOON] * 3
    assert open_session(view.session, CIPHER) == HASHES
    assert sessions.change("S3", seen.append) is None
    principal_views: list[PrincipalView] = []
    principals.change("acme", "ada", principal_views.append)
    of_sessions = [(v.session.record.session_id, [key.record.key_id for key in v.keys]) for v in principal_views[0].sessions]
    assert of_sessions == [("S1", ["k1", "k2", "k3"]), ("S2", ["k4"])]


def test_an_end_is_one_transaction_with_all_of_its_audit_rows(sessions: SessionStore, store: KeyStore) -> None:
    begin(sessions, "S1", "k1", "k2")
    ended = sessions.change("S1", ending)
    assert ended is not None
    assert (ended.state, ended.end_reason) == (SessionState.ENDED, "signed out")
    assert key_states(store, "k1", "k2") == [KeyState.REVOKED] * 2
    with store.transactions.reading() as connection:
        rows = connection.execute(select(AUDIT).order_by(AUDIT.c.seq)).all()
    assert [(row.action, row.key_id) for row in rows] == [
        ("session_begin", "!session/S1"),
        ("issue", "k1"),
        ("issue", "k2"),
        ("session_end", "!session/S1"),
        ("revoke", "k1"),
        ("revoke", "k2"),
    ]
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[0].detail == '{"session_id":"S1"}'
    assert [entry.session_id for _, entry in store.read_audit("!session/S1")] == ["S1", "S1"]
    assert ended.etag == "4"


def test_what_fails_halfway_leaves_nothing(sessions: SessionStore, store: KeyStore) -> None:
    begin(sessions, "S1", "k1")
    begin(sessions, "S2", "k2")

    def foreign(view: SessionView) -> SessionChange:
        return dataclasses.replace(ending(view), changed=(*ending(view).changed, session_key("S1", "k2")))

    with pytest.raises(ValueError, match="its own"):
        sessions.change("S1", foreign)
    with pytest.raises(ValueError, match="name it"):
        sessions.change("S1", lambda _: SessionChange(added=(session_key("S2", "k3"),)))
    with pytest.raises(ValueError, match="forward"):
        sessions.change("S1", lambda view: SessionChange(session=beginning(view.session).session))
    with pytest.raises(ValueError, match="whose"):
        sessions.change("S1", lambda _: refreshing(_of_another("S1", "bob"), HASHES))
    with pytest.raises(ValueError, match="begun for"):
        sessions.begin("acme", "bob", lambda _: (beginning(session("S3", "ada"), "k4"), ()))
    with pytest.raises(ValueError, match="begins"):
        sessions.begin("acme", "ada", lambda _: (SessionChange(), ()))
    assert store.change_sequence() == 4
    assert key_states(store, "k1", "k2", "k3", "k4") == [KeyState.ACTIVE, KeyState.ACTIVE, None, None]
    kept = sessions.read("S1")
    assert kept is not None
    assert kept.record.state is SessionState.ACTIVE


def _of_another(session_id: str, name: str) -> SessionView:
    stored = seal_session(session(session_id, name), HASHES, CIPHER)
    return SessionView(session=dataclasses.replace(stored, newest=NOON), principal=None, keys=())


def test_beginning_one_ends_others_that_are_too_many(principals: PrincipalStore, sessions: SessionStore) -> None:
    add_principal(principals, principal())
    for number in range(3):
        begin(sessions, f"S{number}", f"k{number}")

    def making(view: PrincipalView | None) -> tuple[SessionChange, tuple[tuple[str, SessionChange], ...]]:
        assert view is not None
        oldest = view.sessions[0]
        return beginning(session("S9"), "k9"), ((oldest.session.record.session_id, ending(oldest, "too many")),)

    sessions.begin("acme", "ada", making)
    page = sessions.list_sessions(SessionQuery(active_at=NOON))
    assert [stored.record.session_id for stored in page.sessions] == ["S1", "S2", "S9"]
    seen: list[PrincipalView] = []
    principals.change("acme", "ada", seen.append)
    assert [view.session.record.session_id for view in seen[0].sessions] == ["S1", "S2", "S9"]


def test_sessions_that_expired_by_themselves_are_left_out(principals: PrincipalStore, sessions: SessionStore) -> None:
    add_principal(principals, principal())
    begin(sessions, "OLD", expires=NOON, idle_until=NOON)
    begin(sessions, "IDLE", idle_until=NOON)
    begin(sessions, "NEW")
    seen: list[list[str]] = []

    def look(view: PrincipalView) -> None:
        seen.append([of.session.record.session_id for of in view.sessions])

    principals.change("acme", "ada", look)
    principals.change("acme", "ada", look, now=NOON + dt.timedelta(minutes=59))  # by a clock that is ahead
    principals.change("acme", "ada", look, now=NOON + dt.timedelta(minutes=61))
    assert seen == [["IDLE", "NEW", "OLD"], ["IDLE", "NEW", "OLD"], ["IDLE", "NEW"]]


def test_pages(sessions: SessionStore) -> None:
    ids = ["A", "B", "C", "a", "b"]
    for number, session_id in enumerate(reversed(ids)):
        begin(sessions, session_id, name=("ada", "bob")[number % 2])
    seen: list[str] = []
    query = SessionQuery(page_size=2)
    for _ in range(3):
        page = sessions.list_sessions(query)
        seen += [stored.record.session_id for stored in page.sessions]
        query = dataclasses.replace(query, after=page.next_after)
    assert (seen, query.after) == (ids, "")
    assert _ids(sessions, SessionQuery(principal="bob")) == ["B", "a"]
    assert _ids(sessions, SessionQuery(principal="bob", tenants=frozenset({"acme"}))) == ["B", "a"]
    assert _ids(sessions, SessionQuery(tenants=frozenset())) == []
    assert _ids(sessions, SessionQuery(tenants=frozenset({"other"}))) == []
    sessions.change("B", ending)
    assert _ids(sessions, SessionQuery(active_at=NOON)) == ["A", "C", "a", "b"]
    assert _ids(sessions, SessionQuery(active_at=NOON + HOUR)) == []


def _ids(sessions: SessionStore, query: SessionQuery) -> list[str]:
    return [stored.record.session_id for stored in sessions.list_sessions(query).sessions]


def test_keys_are_added_before_a_session_ends_or_not_at_all(sessions: SessionStore, store: KeyStore) -> None:
    for round_ in range(4):
        session_id = f"S{round_}"
        begin(sessions, session_id, f"{session_id}-0")
        key_ids = [f"{session_id}-{number}" for number in range(1, 7)]
        works: list[Callable[[], object]] = [
            lambda key_id=key_id, session_id=session_id: sessions.change(  # type: ignore[misc]
                session_id, lambda view: adding(view, key_id)
            )
            for key_id in key_ids
        ]
        works.insert(3, lambda session_id=session_id: sessions.change(session_id, ending))  # type: ignore[misc]
        raised = at_once(*works)
        assert all(str(error) == "ended" for error in raised)
        states = [state for state in key_states(store, f"{session_id}-0", *key_ids) if state is not None]
        assert states == [KeyState.REVOKED] * (7 - len(raised))


def test_two_sign_outs_at_once_end_a_session_once(sessions: SessionStore, store: KeyStore) -> None:
    begin(sessions, "S1", "k1", "k2")

    def sign_out(view: SessionView) -> SessionChange | None:
        open_session(view.session, CIPHER)  # of whoever waited, too
        return None if view.session.record.state is SessionState.ENDED else ending(view)

    assert at_once(*[lambda: sessions.change("S1", sign_out)] * 4) == []
    with store.transactions.reading() as connection:
        actions = list(connection.scalars(select(AUDIT.c.action).order_by(AUDIT.c.seq)))
    assert actions == ["session_begin", "issue", "issue", "session_end", "revoke", "revoke"]


def test_of_refreshes_at_once_each_sees_the_one_before(sessions: SessionStore) -> None:
    begin(sessions, "S1", "k1")

    def refresh(view: SessionView) -> SessionChange:
        before = open_session(view.session, CIPHER)
        count = int.from_bytes(before.current) + 1
        return refreshing(view, RefreshHashes(family=before.family, current=count.to_bytes(32), previous=before.current))

    def work() -> None:
        for _ in range(5):
            sessions.change("S1", refresh)

    start = int.from_bytes(HASHES.current)
    assert at_once(*[work] * 4) == []
    read = sessions.read("S1")
    assert read is not None
    assert open_session(read, CIPHER).current == (start + 20).to_bytes(32)


def test_nobody_signs_in_once_a_principal_is_disabled(principals: PrincipalStore, sessions: SessionStore) -> None:
    for round_ in range(3):
        name = f"p{round_}"
        add_principal(principals, principal(name))

        def making(session_id: str, view: PrincipalView | None) -> tuple[SessionChange, tuple[tuple[str, SessionChange], ...]]:
            assert view is not None
            if view.principal.record.state is PrincipalState.DISABLED:
                raise RuntimeError("disabled")
            return beginning(session(session_id, view.principal.record.name), f"k-{session_id}"), ()

        works: list[Callable[[], object]] = [
            lambda number=number, name=name, making=making: sessions.begin(  # type: ignore[misc]
                "acme", name, lambda view: making(f"{name}-{number}", view)
            )
            for number in range(4)
        ]
        works.insert(2, lambda name=name: principals.change("acme", name, disabling))  # type: ignore[misc]
        raised = at_once(*works)
        assert all(str(error) == "disabled" for error in raised)
        assert _ids(sessions, SessionQuery(principal=name, active_at=NOON)) == []
        assert len(_ids(sessions, SessionQuery(principal=name))) == 4 - len(raised)


def test_a_principal_made_while_a_session_of_its_name_begins_is_seen(
    principals: PrincipalStore, sessions: SessionStore
) -> None:
    """Whoever is known to an identity provider alone may be disabled by an administrator at the same moment."""
    seen: list[PrincipalState | None] = []

    def making(view: PrincipalView | None) -> tuple[SessionChange, tuple[tuple[str, SessionChange], ...]]:
        seen.append(None if view is None else view.principal.record.state)
        if view is not None:
            raise RuntimeError("disabled")
        if len(seen) == 1 and not is_file:
            add_principal(principals, principal(state=PrincipalState.DISABLED))
        return beginning(session("S1"), "k1"), ()

    is_file = principals._transactions._database.writes.dialect.name == "sqlite"
    if is_file:  # one writer at a time: nobody is made meanwhile
        sessions.begin("acme", "ada", making)
        assert seen == [None]
        return
    with pytest.raises(RuntimeError, match="disabled"):
        sessions.begin("acme", "ada", making)
    assert seen == [None, PrincipalState.DISABLED]
    assert sessions.read("S1") is None


FORGERIES: list[dict[str, object]] = [
    {"session_id": "other"},
    {"tenant": "other"},
    {"principal": "bob"},
    {"state": "ended"},
    {"method": "oidc:https://id.example"},
    {"client": '{"source_address":"::1"}'},
    {"created": 1},
    {"updated": 1},
    {"refreshed": 1},
    {"expires": 1 << 52},
    {"idle_until": 1 << 52},
    {"ended": 1},
    {"end_reason": "x"},
    {"seal": b""},
    {"seal": seal_session(session("S2"), HASHES, CIPHER).seal},
    {"seal": seal_session(session("S1"), HASHES, SecretCipher(MasterKeys.generate())).seal},
    {"seal": CIPHER.seal(b"{}", tenant="", key_id="session/S1", version=1)},
]


def test_a_row_that_was_changed_does_not_open(sessions: SessionStore, store: KeyStore) -> None:
    begin(sessions, "S1")
    with store.transactions.reading() as connection:
        row = dict(connection.execute(select(SESSIONS)).mappings().one())
    for forgery in FORGERIES:
        forged = update(SESSIONS).values(row | forgery)
        store.transactions.writing(lambda connection, forged=forged: connection.execute(forged))  # type: ignore[misc]
        (read,) = sessions.list_sessions(SessionQuery()).sessions
        with pytest.raises(SealBroken):  # not because the trail knows another time
            open_session(dataclasses.replace(read, newest=read.record.updated), CIPHER)
    restored = update(SESSIONS).values(row)
    store.transactions.writing(lambda connection: connection.execute(restored))
    (read,) = sessions.list_sessions(SessionQuery()).sessions
    assert open_session(read, CIPHER) == HASHES


def test_rows_that_make_no_session_stand_alone(sessions: SessionStore, store: KeyStore) -> None:
    for session_id in ("A", "B", "C"):
        begin(sessions, session_id, f"k-{session_id}")
    for forged in ({"state": "ACTIVE"}, {"client": "[]"}, {"client": '{"a":1}'}, {"client": "nonsense"}):
        statement = update(SESSIONS).where(SESSIONS.c.session_id == "B").values({"state": "active", "client": "{}"} | forged)
        store.transactions.writing(lambda connection, statement=statement: connection.execute(statement))  # type: ignore[misc]
        page = sessions.list_sessions(SessionQuery())
        assert ([stored.record.session_id for stored in page.sessions], page.unreadable) == (["A", "C"], ("B",))
        for reading in (sessions.read, lambda session_id: sessions.change(session_id, ending)):
            with pytest.raises(SealBroken):
                reading("B")
    assert sessions.change("A", ending)


def test_a_reseal_brings_sessions_and_their_keys_along(sessions: SessionStore, store: KeyStore) -> None:
    newer = MasterKeys.generate()
    older = CIPHER._ciphers
    both = SecretCipher(newer)
    both._ciphers = {**older, **both._ciphers}
    begin(sessions, "S1", "k1")
    begin(sessions, "S2", "k2")
    sequence = store.change_sequence()
    assert reseal_all(store, both).resealed == 4
    assert store.change_sequence() == sequence
    for session_id in ("S1", "S2"):
        stored = sessions.read(session_id)
        assert stored is not None
        assert open_session(stored, SecretCipher(newer)) == HASHES
    store.transactions.writing(lambda connection: connection.execute(update(SESSIONS).values(expires=1 << 52)))
    assert reseal_all(store, both).broken == ("session S1", "session S2")


@pytest.mark.parametrize(
    "hashes",
    [
        HASHES,
        RefreshHashes(family=b"f" * 32, current=b"c" * 32, previous=b"p" * 32),
        RefreshHashes(family=b"f" * 32, current=b"c" * 32, previous=b"p" * 32, request_id=b"r" * 32),
    ],
)
def test_hashes_are_kept_as_they_are_and_never_shown(hashes: RefreshHashes) -> None:
    stored = dataclasses.replace(seal_session(session("S1"), hashes, CIPHER), newest=NOON)
    assert open_session(stored, CIPHER) == hashes
    assert repr(stored.seal) not in repr(stored)
    assert "ffff" not in repr(hashes)
