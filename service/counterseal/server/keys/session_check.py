"""Whether principals and sessions are as the audit trail says: everything that is wrong. The trail itself is taken as it is."""

from collections.abc import Callable, Iterable, Iterator

from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.principal_seal import open_principal
from counterseal.server.keys.put_back import check_newest
from counterseal.server.keys.session_seal import open_session
from counterseal.server.store.audit_subjects import PRINCIPAL_SUBJECTS, session_in
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.principal_rows import read_principal
from counterseal.server.store.session_rows import read_session
from counterseal.server.store.session_trail import RowBesideTrail, SessionTrail


def principals_beside_trail(
    store: KeyStore, cipher: SecretCipher | None, count: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """Compare every principal with the trail; yield what is wrong. Without a cipher no seal is opened.

    `count` is called for each principal. Raises StoreUnavailable.
    """

    def check(beside: RowBesideTrail) -> None:
        stored = read_principal(beside.row)
        if cipher is None:
            check_newest("a principal", stored.record.updated, stored.newest)
        else:
            open_principal(stored, cipher)

    trail = SessionTrail(store.transactions)
    named = ((f"{beside.row.tenant}/{beside.row.name}", beside) for beside in trail.principals())
    gone = (subject.removeprefix(PRINCIPAL_SUBJECTS) for subject in trail.gone_principals())
    yield from _beside_trail("principal", named, gone, check, count)


def sessions_beside_trail(
    store: KeyStore, cipher: SecretCipher | None, count: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """Compare every session with the trail; yield what is wrong. Without a cipher no seal is opened.

    `count` is called for each session. Raises StoreUnavailable.
    """

    def check(beside: RowBesideTrail) -> None:
        stored = read_session(beside.row)
        if cipher is None:
            check_newest("a session", stored.record.updated, stored.newest)
        else:
            open_session(stored, cipher)

    trail = SessionTrail(store.transactions)
    named = ((str(beside.row.session_id), beside) for beside in trail.sessions())
    gone = (session_in(subject) for subject in trail.gone_sessions())
    yield from _beside_trail("session", named, gone, check, count)


def _beside_trail(
    kind: str,
    named: Iterable[tuple[str, RowBesideTrail]],
    gone: Iterable[str],
    check: Callable[[RowBesideTrail], None],
    count: Callable[[], None],
) -> Iterator[str]:
    for name, beside in named:
        count()
        if problem := _problem(beside, check):
            yield f"{kind} {name}: {problem}"
    for name in gone:
        yield f"{kind} {name}: the trail knows it, and the {kind} is gone"


def _problem(beside: RowBesideTrail, check: Callable[[RowBesideTrail], None]) -> str:
    try:
        check(beside)
    except SealBroken as error:
        return str(error)
    if beside.row.changed != beside.last:
        return f"its last change is entry {beside.last}, and it says {beside.row.changed}"
    return ""
