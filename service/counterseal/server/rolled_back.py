"""Watches over the high-water mark while the server runs: moves it forward, and stops all when the store has gone back."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from counterseal.server.errors import ConfigError, SealBroken, StoreUnavailable
from counterseal.server.high_water import HighWaterFile, HighWaterMark
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.incarnation import NAME, Incarnation, open_incarnation
from counterseal.server.store.audit_trail import AuditTrail, Position
from counterseal.server.store.changes import Changes
from counterseal.server.store.keystore import KeyStore
from counterseal.server.telemetry.log import Log, describe

SECONDS: Final = 1.0
_TEXT: Final = "the key store went back to an earlier state; an operator has to look at it (counterseal db accept-restore)"
_NOTHING: Final = HighWaterMark(sequence=0, hash="")


class RollbackWatch:
    """Compares the store with what is remembered. Thread-safe."""

    def __init__(
        self, file: HighWaterFile, store: KeyStore, cipher: SecretCipher, *, log: Log, gauge: Callable[[bool], None]
    ) -> None:
        """`gauge` is told whether the store has gone back. Raises ConfigError when the mark cannot be read."""
        self._file = file
        self._trail = AuditTrail(store)
        self._cipher = cipher
        self._log = log
        self._gauge = gauge
        self._mark = file.read()
        self._written = self._mark
        self._gone_back = ""
        self._forget: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="counterseal-high-water", daemon=True)

    def on_accepted(self, forget: Callable[[], None]) -> None:
        """Have `forget` called when the store is another than it was, and is accepted: what was read from it holds no more."""
        self._forget.append(forget)

    def check_at_start(self) -> None:
        """Compare before anything is served.

        Raises:
            ConfigError: the store has gone back, or what is seen of it cannot be remembered.
            StoreUnavailable: it does not answer.
        """
        self._file.check_folder()
        self.check()
        self.remember()
        if self._gone_back:
            raise ConfigError(
                f"COUNTERSEAL_DATABASE_URL: {self._gone_back}; {self._file.path} remembers more. Revocations may be lost: if "
                f"an older backup was restored on purpose, run `counterseal db accept-restore`"
            )

    def start(self) -> None:
        """Go on comparing in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and remember what was seen last."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(SECONDS)
        self.remember()

    def on_history(self, changes: Changes) -> None:
        """Take what the feed has read: so what it has told others of is remembered. Another history is looked into at once.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        mark = self._mark
        if mark is None or changes.number < mark.sequence or not changes.followed:
            self.check()
        elif changes.number > mark.sequence and self._lock.acquire(blocking=False):  # else a check sees as much
            try:
                if self._mark is mark and not self._gone_back:
                    self._mark = replace(mark, sequence=changes.number, hash=(changes.hash or b"").hex())
            finally:
                self._lock.release()

    def admit(self) -> None:
        """Return while the store can be relied on.

        Raises:
            StoreUnavailable: it has gone back, and so may be what is cached.
        """
        if self._gone_back:
            raise StoreUnavailable(_TEXT)

    def check(self) -> None:
        """Compare now.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        with self._lock:
            self._hear_others()
            mark = self._mark or _NOTHING
            position = self._trail.position(mark.sequence, NAME)
            why, incarnation = self._compare(mark, position)
            if why:
                self._alarm(why, mark, position)
                self.remember()
                return
            if self._gone_back or (self._mark is not None and incarnation.number > mark.incarnation):
                self._accepted(mark, position, incarnation)
            self._gone_back = ""
            self._gauge(False)
            digest = position.head.hash or b""
            self._mark = HighWaterMark(sequence=position.head.sequence, hash=digest.hex(), incarnation=incarnation.number)

    def _hear_others(self) -> None:
        """Take over what another worker on the same folder has seen: a change that is lost may be one that only it had seen.

        A mark of another incarnation is not taken over: here, the caches of the one before have yet to be dropped.
        """
        if self._mark is None:
            return
        try:
            there = self._file.read()
        except ConfigError as error:
            self._log.error("high_water_not_read", text=str(error))
            return
        if there is not None and there.incarnation == self._mark.incarnation and there.sequence > self._mark.sequence:
            self._mark = there

    def _compare(self, mark: HighWaterMark, position: Position) -> tuple[str, Incarnation]:
        """Return what is wrong, or nothing and the incarnation."""
        try:
            incarnation = open_incarnation(position.meta, self._cipher)
        except SealBroken as error:
            return f"the store's incarnation cannot be read: {error}", Incarnation()
        if incarnation.number > mark.incarnation and self._continues(incarnation, position):
            return "", incarnation
        if incarnation.number != mark.incarnation:
            return f"the key store is of incarnation {incarnation.number}, and {mark.incarnation} was seen", incarnation
        if position.head.sequence < mark.sequence:
            return f"the key store is at change {position.head.sequence}, and change {mark.sequence} was seen", incarnation
        if self._mark is not None and (position.then or b"").hex() != mark.hash:
            return f"the key store's changes up to {mark.sequence} are others than those that were seen", incarnation
        return "", incarnation

    def _continues(self, incarnation: Incarnation, position: Position) -> bool:
        """Say whether the store's chain is the one that was accepted, and what came after."""
        if position.head.sequence < incarnation.sequence:
            return False
        return (self._trail.hash_at(incarnation.sequence) or b"").hex() == incarnation.hash

    def _alarm(self, why: str, mark: HighWaterMark, position: Position) -> None:
        self._gauge(True)
        if not self._gone_back:
            self._log.error("store_rolled_back", text=why, seen=mark.sequence, found=position.head.sequence)
        self._gone_back = why

    def _accepted(self, mark: HighWaterMark, position: Position, incarnation: Incarnation) -> None:
        for forget in self._forget:
            forget()
        seen, found = mark.sequence, position.head.sequence
        self._log.warning("store_accepted", seen=seen, found=found, incarnation=incarnation.number)

    def _follow(self) -> None:
        while not self._closed.wait(SECONDS):
            try:
                self.check()
            except StoreUnavailable:
                pass  # health tells of it
            except Exception as error:  # of any kind: a watch that ended would let a rollback pass
                self._log.error("high_water_failed", **describe(error))
            self.remember()

    def remember(self) -> None:
        """Write down what was seen last."""
        mark = self._mark
        if mark is None or mark == self._written:
            return
        try:
            self._file.raise_to(mark)
        except ConfigError as error:
            self._log.error("high_water_not_written", text=str(error))
        else:
            self._written = mark
