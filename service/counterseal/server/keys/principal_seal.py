"""A principal's row is sealed: whoever can write the database, and has no master key, makes no principal and changes none.

The seal holds the hash of the principal's password, or nothing: a stolen database alone gives nobody a hash to guess against,
and nobody puts a hash there whose password they know. The row is its associated data. No seal of another kind passes for it:
what lies beside begins otherwise. A whole row put back as it was earlier, or after its removal, has a seal that opens: that one
is told by the time of its change. What is *not* noticed here: a row that was removed (`audit verify` does), a row put back
together with the trail, and an earlier seal of the same password put back, which differs in the parameters of its hash alone.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.put_back import check_newest
from counterseal.server.keys.resealable import Sealed, Swap, Unreadable
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.principal_rows import principal_values
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.session_records import PrincipalPage, StoredPrincipal

_PREFIX: Final = "principal/"
_VERSION: Final = 1
# Of these rows, in this version. A column that comes later is sealed in under a new version.
_BESIDE: Final = b"counterseal principal 1\0"
_NO_TENANT: Final = ""


def seal_principal(stored: StoredPrincipal, password_hash: str, cipher: SecretCipher) -> StoredPrincipal:
    """Return the principal with a seal under the active master key, for the row as it is in `stored`.

    `password_hash` is empty for a principal without a password, and for no other.
    """
    if bool(password_hash) is not (stored.record.password_set is not None):
        raise ValueError("a principal has the hash of a password if it has a password")
    seal = cipher.seal(
        password_hash.encode(), tenant=_NO_TENANT, key_id=_name(stored), version=_VERSION, beside=_beside(stored)
    )
    return dataclasses.replace(stored, seal=seal)


def open_principal(stored: StoredPrincipal, cipher: SecretCipher) -> str:
    """Return the hash of the principal's password, empty for none, when the row is as it was sealed by its newest change.

    Raises:
        SealBroken: it is not, or the master key is missing.
    """
    held = _open(stored, cipher)
    check_newest("a principal", stored.record.updated, stored.newest)
    return held


def _open(stored: StoredPrincipal, cipher: SecretCipher) -> str:
    opened = cipher.unseal(stored.seal, tenant=_NO_TENANT, key_id=_name(stored), version=_VERSION, beside=_beside(stored))
    if bool(opened) is not (stored.record.password_set is not None):
        raise SealBroken("the seal of a principal holds another password than its record names")
    return opened.decode()


@dataclass(frozen=True, slots=True)
class SealedPrincipal:
    """A principal's row, which its seal vouches for."""

    stored: StoredPrincipal

    @property
    def name(self) -> str:
        """Tenant and name."""
        return f"{self.stored.record.tenant}/{self.stored.record.name}"

    @property
    def sealed(self) -> bytes:
        """See Sealed."""
        return self.stored.seal

    def check(self, cipher: SecretCipher) -> None:
        """See Sealed."""
        open_principal(self.stored, cipher)

    def renew(self, cipher: SecretCipher) -> bytes:
        """See Sealed."""
        return seal_principal(self.stored, open_principal(self.stored, cipher), cipher).seal


class SealedPrincipals:
    """The principals, for a reseal."""

    kind: Final = "principal"

    def __init__(self, store: KeyStore) -> None:
        self._principals = PrincipalStore(store.transactions, store.journal)

    def pages(self, size: int) -> Iterator[Sequence[Sealed]]:
        """See Resealable."""
        page = self._principals.read_page(None, None, size)
        yield _sealed(page)
        while page.next_after is not None:
            page = self._principals.read_page(None, page.next_after, size)
            yield _sealed(page)

    def again(self, names: Sequence[str]) -> Sequence[Sealed]:
        """See Resealable."""
        found: list[Sealed] = []
        for name in names:
            try:
                stored = self._principals.read(*_whose(name))
            except SealBroken:
                found.append(Unreadable(name=name))
            else:
                found += [] if stored is None else [SealedPrincipal(stored)]
        return found

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """See Resealable."""
        done = self._principals.swap_seals([(_whose(swap.name), swap.old, swap.new) for swap in swaps])
        return frozenset(f"{tenant}/{name}" for tenant, name in done)


def _sealed(page: PrincipalPage) -> Sequence[Sealed]:
    return [*(SealedPrincipal(stored) for stored in page.principals), *(Unreadable(name=name) for name in page.unreadable)]


def _whose(name: str) -> tuple[str, str]:
    tenant, _, rest = name.partition("/")
    return tenant, rest


def _name(stored: StoredPrincipal) -> str:
    # No tenant has a slash in it.
    return f"{_PREFIX}{stored.record.tenant}/{stored.record.name}"


def _beside(stored: StoredPrincipal) -> bytes:
    """Return the row as JSON, of which no two rows have the same."""
    values: dict[str, Any] = principal_values(stored)
    del values["seal"]
    return _BESIDE + json.dumps(values, sort_keys=True).encode("ascii")
