"""Creating, changing and removing callers: what CallerService does, without its transport.

Each change is committed first, then taken up by this process, and only then acknowledged.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Final

from counterseal.server.caller_drafts import MASK, CallerChange, CallerDraft, CallerPage, CreatedCaller
from counterseal.server.callers import audit, limits
from counterseal.server.callers.bearer import bearer_sha256, new_bearer
from counterseal.server.callers.reserved import Reserved
from counterseal.server.errors import CallerExists, CallerNotFound, EtagMismatch, InvalidField, SealBroken, StoreUnavailable
from counterseal.server.keys.caller_seal import check_seal, seal_caller
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.store.caller_records import CallerRecord, StoredCaller
from counterseal.server.store.callers import CallerStore, Edit
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.times import later

_DEFAULT_PAGE: Final = 100
_NO_CALLER: Final = "there is no such caller"
_UNRECOGNISABLE: Final = "must be given for a caller without a bearer token, which nothing else recognises"


class CallerAdmin:
    """Creates, reads, changes and removes callers. Thread-safe. Any method may raise StoreUnavailable."""

    def __init__(
        self,
        *,
        store: CallerStore,
        cipher: SecretCipher,
        reserved: Reserved,
        schemes: frozenset[str],
        clock: Callable[[], float],
        take_up: Callable[[], None],
    ) -> None:
        """`schemes` are the names known; `clock` returns Unix seconds; `take_up` brings a change into force here."""
        self._store = store
        self._cipher = cipher
        self._reserved = reserved
        self._schemes = schemes
        self._clock = clock
        self._take_up = take_up

    def create(self, draft: CallerDraft, *, actor: str) -> CreatedCaller:
        """Create a caller; durable, and in force in this process, when this returns.

        Raises:
            InvalidField: a limit is broken.
            CallerExists: its name or SAN is taken, by another caller or by the configuration.
        """
        limits.check_name("caller.name", draft.name)
        limits.check_description("caller.description", draft.description)
        limits.check_limits("caller.limits", draft.limits, self._schemes)
        if draft.name in self._reserved.names:
            raise CallerExists("the caller's name, or what it is recognised by, is taken")
        self._check_san(draft.san)
        if not draft.san and not draft.bearer_token:
            raise InvalidField("caller.san", _UNRECOGNISABLE)
        bearer = new_bearer() if draft.bearer_token else ""
        limits.check_role("caller.limits", _drafted(draft, self._now()))

        def making(newest: dt.datetime | None) -> tuple[StoredCaller, AuditEntry]:
            record = _drafted(draft, later(self._now(), newest))
            made = StoredCaller(record=record, token_sha256=bearer_sha256(bearer) if bearer else None)
            return seal_caller(made, self._cipher), audit.created(record, actor=actor)

        try:
            created = self._store.insert(draft.name, making)
        finally:
            self._in_force()
        return CreatedCaller(record=created, bearer_token=bearer)

    def get(self, name: str) -> CallerRecord:
        """Return a caller.

        Raises:
            InvalidField: this is no name.
            CallerNotFound: there is none.
            SealBroken: what is stored is not what was sealed. Such a caller is nobody, and not shown as if it were one.
        """
        limits.check_name("name", name)
        stored = self._store.read(name)
        if stored is None:
            raise CallerNotFound(_NO_CALLER)
        check_seal(stored, self._cipher)
        return stored.record

    def list_callers(self, after: str, page_size: int) -> CallerPage:
        """Return a page. A page size of 0 means 100. Rows that are not what was sealed are left out: they are nobody.

        Raises:
            InvalidField: the page size or the place to go on from is out of bounds.
        """
        limits.check_page_size("page_size", page_size)
        if after:
            limits.check_name("page_token", after)
        rows = self._store.read_page(after, page_size or _DEFAULT_PAGE)
        return CallerPage(records=tuple(s.record for s in rows.callers if self._opens(s)), next_after=rows.next_after)

    def update(self, change: CallerChange, *, actor: str) -> CallerRecord:
        """Change the fields in the mask; durable, and in force in this process, when this returns.

        Raises:
            InvalidField: a limit is broken.
            CallerNotFound: there is no such caller.
            CallerExists: the SAN is taken.
            EtagMismatch: the caller was changed since.
            SealBroken: what is stored is not what was sealed; sealing it anew would make it good.
        """
        self._check_change(change)

        def edit(stored: StoredCaller) -> tuple[StoredCaller, AuditEntry] | None:
            before = stored.record
            check_seal(stored, self._cipher)
            _check_etag(change.etag, before.etag)
            after = dataclasses.replace(before, **{name: getattr(change, name) for name in change.mask})
            if after == before:
                return None
            if not after.san and stored.token_sha256 is None:
                raise InvalidField("caller.san", _UNRECOGNISABLE)
            limits.check_role("caller.limits", after)
            after = dataclasses.replace(after, updated=stored.next_update(self._now()))
            sealed = seal_caller(dataclasses.replace(stored, record=after), self._cipher)
            return sealed, audit.updated(before, after, actor=actor)

        return self._change(change.name, edit)

    def rotate_token(self, name: str, etag: str, *, actor: str) -> CreatedCaller:
        """Give a caller a new bearer token, or its first; durable, and in force in this process, when this returns.

        Raises:
            InvalidField: this is no name.
            CallerNotFound, EtagMismatch, SealBroken: as `update` does.
        """
        limits.check_name("name", name)
        bearer = new_bearer()

        def edit(stored: StoredCaller) -> tuple[StoredCaller, AuditEntry]:
            check_seal(stored, self._cipher)
            _check_etag(etag, stored.record.etag)
            after = dataclasses.replace(stored.record, has_bearer_token=True, updated=stored.next_update(self._now()))
            changed = dataclasses.replace(stored, record=after, token_sha256=bearer_sha256(bearer))
            return seal_caller(changed, self._cipher), audit.rotated(stored.record, after, actor=actor)

        return CreatedCaller(record=self._change(name, edit), bearer_token=bearer)

    def delete(self, name: str, etag: str, *, actor: str) -> None:
        """Remove a caller, also one whose row is not what was sealed; in force in this process when this returns.

        Raises:
            InvalidField: this is no name.
            CallerNotFound: there is no such caller.
            EtagMismatch: the caller was changed since.
        """
        limits.check_name("name", name)

        def leaving(stored: str, newest: dt.datetime | None) -> AuditEntry:
            _check_etag(etag, stored)
            return audit.deleted(name, actor=actor, time=later(self._now(), newest))

        try:
            found = self._store.delete(name, leaving)
        finally:
            self._in_force()
        if not found:
            raise CallerNotFound(_NO_CALLER)

    def _change(self, name: str, edit: Edit) -> CallerRecord:
        try:
            record = self._store.change(name, edit)
        finally:
            self._in_force()
        if record is None:
            raise CallerNotFound(_NO_CALLER)
        return record

    def _in_force(self) -> None:
        # An outage now takes nothing back: what was committed comes into force within the bound, or callers get no answer.
        with contextlib.suppress(StoreUnavailable):
            self._take_up()

    def _check_change(self, change: CallerChange) -> None:
        limits.check_name("caller.name", change.name)
        if not change.mask or not change.mask <= MASK:
            raise InvalidField("update_mask", f"must name at least one field, all of them among {', '.join(sorted(MASK))}")
        if "description" in change.mask:
            limits.check_description("caller.description", change.description)
        if "limits" in change.mask:
            limits.check_limits("caller.limits", change.limits, self._schemes)
        if "san" in change.mask:
            self._check_san(change.san)

    def _check_san(self, san: str) -> None:
        limits.check_san("caller.san", san)
        if san in self._reserved.sans:
            raise CallerExists("the caller's name, or what it is recognised by, is taken")

    def _opens(self, stored: StoredCaller) -> bool:
        try:
            check_seal(stored, self._cipher)
        except SealBroken:
            return False
        return True

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC)


def _check_etag(given: str, stored: str) -> None:
    if given and given != stored:
        raise EtagMismatch("the caller was changed since it was read")


def _drafted(draft: CallerDraft, now: dt.datetime) -> CallerRecord:
    return CallerRecord(
        name=draft.name,
        role=draft.role,
        state=draft.state,
        description=draft.description,
        san=draft.san,
        has_bearer_token=draft.bearer_token,
        limits=draft.limits,
        created=now,
        updated=now,
    )
