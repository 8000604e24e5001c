"""Failed sign-ins in the audit trail: in batches, so that strangers decide neither how long it is nor how long others wait.

One row for each principal with the number of its failures, one for all names that nobody has: those are written nowhere, for
people type passwords there. What was noted when a process is killed is lost; the counts of the throttle are in the store.
"""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.batches import Batches
from counterseal.server.store.audit_subjects import SIGN_IN_FAILED
from counterseal.server.store.records import AuditEntry
from counterseal.server.telemetry.log import Log

_SECONDS: Final = 1.0
# Principals in one batch; failures of further ones are counted with those of nobody.
_MOST: Final = 1000
_NOBODY: Final = ("", "")
# Who, beside the tenant: a principal, or nobody that there is.
Failing = tuple[str, str]


class FailedSignIns(Batches):
    """Notes failures, and writes them in a thread of its own. Thread-safe."""

    def __init__(
        self, write: Callable[[AuditEntry], object], *, clock: Callable[[], float], log: Log, seconds: float = _SECONDS
    ) -> None:
        """`write` is `KeyStore.note`, and may raise StoreUnavailable; `clock` returns Unix seconds."""
        super().__init__(name="counterseal-sign-ins", seconds=seconds, log=log, failed="failed_sign_ins_lost")
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: Counter[tuple[str, Failing]] = Counter()
        self._silent = True

    def note(self, actor: str, tenant: str, principal: str) -> None:
        """Note a failure; `principal` empty: there is none of that name. The same work in both cases."""
        who = (tenant, principal) if principal else _NOBODY
        with self._lock:
            if (actor, who) not in self._noted and len(self._noted) >= _MOST:
                who = _NOBODY
            self._noted[actor, who] += 1

    def flush(self) -> None:
        """Write what was noted until now. What the store does not take is kept for the next time."""
        with self._lock:
            noted, self._noted = self._noted, Counter()
        try:
            while noted:
                (actor, who), count = next(iter(noted.items()))
                self._write(self._entry(actor, who, count))
                del noted[actor, who]
        except StoreUnavailable:
            with self._lock:
                self._noted += noted
            if self._silent:
                self._log.warning("failed_sign_ins_not_written", principals=len(noted))
            self._silent = False
        else:
            self._silent = True

    def _entry(self, actor: str, who: Failing, count: int) -> AuditEntry:
        tenant, principal = who
        named: dict[str, object] = {"principal": principal} if principal else {}
        return AuditEntry(
            time=dt.datetime.fromtimestamp(self._clock(), dt.UTC),
            actor=actor,
            action=SIGN_IN_FAILED,
            key_id="",
            tenant=tenant,
            detail={"count": count} | named,
            principal_name=principal,
        )
