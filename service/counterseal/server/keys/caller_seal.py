"""A caller's row is sealed: whoever can write the database, and has no master key, makes no caller and changes none.

The seal holds nothing: it vouches for the row, which is its associated data. No key's seal passes for a caller's: those carry a
tenant, which this has not, and what lies beside begins otherwise. A whole row put back as it was at an earlier time, or after
its caller was removed, has a seal that opens: that one is told by the time of its change, which is not the newest in the audit
trail. What is *not* noticed here: a row that was removed (`audit verify` does), and a row put back together with the trail.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys import put_back
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.resealable import Sealed, Swap, Unreadable
from counterseal.server.store.caller_records import CallerRows, StoredCaller
from counterseal.server.store.caller_rows import caller_values
from counterseal.server.store.callers import CallerStore
from counterseal.server.store.keystore import KeyStore

_PREFIX: Final = "caller/"
_VERSION: Final = 1
# Of these rows, in this version. A column that comes later is sealed in under a new version.
_BESIDE: Final = b"counterseal caller 1\0"
_NO_TENANT: Final = ""


def seal_caller(stored: StoredCaller, cipher: SecretCipher) -> StoredCaller:
    """Return the caller with a seal under the active master key, for the row as it is in `stored`."""
    seal = cipher.seal(b"", tenant=_NO_TENANT, key_id=_PREFIX + stored.record.name, version=_VERSION, beside=_beside(stored))
    return dataclasses.replace(stored, seal=seal)


def check_seal(stored: StoredCaller, cipher: SecretCipher) -> None:
    """Return when the row is as it was sealed, and sealed by the newest change in the audit trail.

    Raises:
        SealBroken: it is not, or the master key is missing.
    """
    held = cipher.unseal(
        stored.seal, tenant=_NO_TENANT, key_id=_PREFIX + stored.record.name, version=_VERSION, beside=_beside(stored)
    )
    if held:
        raise SealBroken("the seal of a caller holds a secret")
    check_newest(stored)


def check_newest(stored: StoredCaller) -> None:
    """Return when the row says that it is of the newest change in the audit trail. What it says is for the seal to vouch for.

    Raises:
        SealBroken: it was put back, or the trail was changed.
    """
    put_back.check_newest("a caller", stored.record.updated, stored.newest)


@dataclass(frozen=True, slots=True)
class SealedCaller:
    """A caller's row, which its seal vouches for."""

    stored: StoredCaller

    @property
    def name(self) -> str:
        """The caller's name."""
        return self.stored.record.name

    @property
    def sealed(self) -> bytes:
        """See Sealed."""
        return self.stored.seal

    def check(self, cipher: SecretCipher) -> None:
        """See Sealed."""
        check_seal(self.stored, cipher)

    def renew(self, cipher: SecretCipher) -> bytes:
        """See Sealed."""
        check_seal(self.stored, cipher)
        return seal_caller(self.stored, cipher).seal


class SealedCallers:
    """The callers, for a reseal."""

    kind: Final = "caller"

    def __init__(self, store: KeyStore) -> None:
        self._callers = CallerStore(store.transactions, store.journal)

    def pages(self, size: int) -> Iterator[Sequence[Sealed]]:
        """See Resealable."""
        rows = self._callers.read_page("", size)
        yield _sealed(rows)
        while rows.next_after:
            rows = self._callers.read_page(rows.next_after, size)
            yield _sealed(rows)

    def again(self, names: Sequence[str]) -> Sequence[Sealed]:
        """See Resealable."""
        found: list[Sealed] = []
        for name in names:
            try:
                stored = self._callers.read(name)
            except SealBroken:
                found.append(Unreadable(name=name))
            else:
                found += [] if stored is None else [SealedCaller(stored)]
        return found

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """See Resealable."""
        return self._callers.swap_seals([(swap.name, swap.old, swap.new) for swap in swaps])


def _sealed(rows: CallerRows) -> Sequence[Sealed]:
    return [*(SealedCaller(stored) for stored in rows.callers), *(Unreadable(name=name) for name in rows.unreadable)]


def _beside(stored: StoredCaller) -> bytes:
    """Return the row as JSON, of which no two rows have the same."""
    values: dict[str, Any] = caller_values(stored)
    del values["seal"]
    token = values["token_sha256"]
    values["token_sha256"] = None if token is None else token.hex()
    return _BESIDE + json.dumps(values, sort_keys=True).encode("ascii")
