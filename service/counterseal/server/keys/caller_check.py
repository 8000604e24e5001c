"""Whether the callers are as the audit trail says: everything that is wrong. The trail itself is taken as it is."""

from collections.abc import Callable, Iterator

from counterseal.server.errors import SealBroken
from counterseal.server.keys.caller_seal import check_newest, check_seal
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.store.caller_rows import read_caller
from counterseal.server.store.caller_trail import CallerBesideTrail, CallerTrail
from counterseal.server.store.keystore import KeyStore


def callers_beside_trail(
    store: KeyStore, cipher: SecretCipher | None, count: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """Compare every caller with the trail; yield what is wrong. Without a cipher no seal is checked.

    `count` is called for each caller. Raises StoreUnavailable.
    """
    trail = CallerTrail(store.transactions)
    for beside in trail.rows():
        count()
        if problem := _problem(beside, cipher):
            yield f"caller {beside.name}: {problem}"
    for name in trail.gone():
        yield f"caller {name}: the trail knows it, and the caller is gone"


def _problem(beside: CallerBesideTrail, cipher: SecretCipher | None) -> str:
    try:
        stored = read_caller(beside.row)
        if cipher is None:
            check_newest(stored)
        else:
            check_seal(stored, cipher)
    except SealBroken as error:
        return str(error)
    if beside.row.changed != beside.last:
        return f"its last change is entry {beside.last}, and it says {beside.row.changed}"
    return ""
