"""PrincipalService messages <-> records. PrincipalAdmin checks limits; here only what a message can get wrong."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from counterseal.server.errors import InvalidField
from counterseal.server.sessions import principal_limits as limits
from counterseal.server.sessions.principal_drafts import (
    PasswordOrder,
    PrincipalDraft,
    PrincipalList,
    PrincipalQuery,
    PrincipalUpdate,
)
from counterseal.server.store.records import DEFAULT_TENANT
from counterseal.server.store.session_records import PrincipalRecord, PrincipalState
from counterseal.v1 import principals_pb2 as pb

STATES: Final[Mapping[PrincipalState, pb.PrincipalState]] = {
    state: getattr(pb, f"PRINCIPAL_STATE_{state.name}") for state in PrincipalState
}
_STATES_READ: Final = {number: state for state, number in STATES.items()}
# A tenant of 64, a slash and a name of 128, in base64.
_LONGEST_PAGE_TOKEN: Final = 512


def read_draft(message: pb.CreatePrincipalRequest) -> PrincipalDraft:
    """Return what to create. Raises InvalidField."""
    principal = message.principal
    unset = principal.state == pb.PRINCIPAL_STATE_UNSPECIFIED
    return PrincipalDraft(
        tenant=principal.tenant or DEFAULT_TENANT,
        name=principal.name,
        state=PrincipalState.ACTIVE if unset else _state(principal.state),
        description=principal.description,
        labels=dict(principal.labels),
        password=message.password,
    )


def read_update(message: pb.UpdatePrincipalRequest) -> PrincipalUpdate:
    """Return what to change. Fields outside the mask are not looked at. Raises InvalidField."""
    principal, mask = message.principal, frozenset(message.update_mask.paths)
    return PrincipalUpdate(
        tenant=principal.tenant or DEFAULT_TENANT,
        name=principal.name,
        etag=principal.etag,
        mask=mask,
        state=_state(principal.state) if "state" in mask else None,
        description=principal.description,
        labels=dict(principal.labels),
    )


def read_password(message: pb.SetPasswordRequest) -> PasswordOrder:
    """Return whose password to set."""
    return PasswordOrder(
        tenant=message.tenant or DEFAULT_TENANT,
        name=message.name,
        password=message.password,
        keep_sessions=message.keep_sessions,
        etag=message.etag,
    )


def read_query(message: pb.ListPrincipalsRequest, tenants: frozenset[str] | None) -> PrincipalQuery:
    """Return which principals to list, of those tenants that the caller may see. Raises InvalidField."""
    if message.tenant:
        wanted = frozenset({message.tenant})
        tenants = wanted if tenants is None else tenants & wanted
    return PrincipalQuery(tenants=tenants, after=_read_page(message.page_token), page_size=message.page_size)


def put_page(response: pb.ListPrincipalsResponse, page: PrincipalList) -> None:
    """Fill in the principals of a page and where the next one begins."""
    for record in page.records:
        put_principal(response.principals.add(), record)
    if page.next_after is not None:
        response.next_page_token = base64.urlsafe_b64encode("/".join(page.next_after).encode()).decode()


def put_principal(message: pb.Principal, record: PrincipalRecord) -> None:
    """Fill in a principal as administrators see it. The record holds no password."""
    message.tenant = record.tenant
    message.name = record.name
    message.state = STATES[record.state]
    message.description = record.description
    message.labels.update(record.labels)
    message.create_time.FromDatetime(record.created)
    message.update_time.FromDatetime(record.updated)
    if record.password_set is not None:
        message.password_time.FromDatetime(record.password_set)
    message.etag = record.etag


def _state(number: pb.PrincipalState) -> PrincipalState:
    state = _STATES_READ.get(number)
    if state is None:
        raise InvalidField("principal.state", "is not a state that this release knows")
    return state


def _read_page(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    problem = InvalidField("page_token", "is not one that this service gave out")
    if len(text) > _LONGEST_PAGE_TOKEN:
        raise problem
    try:
        tenant, _, name = base64.b64decode(text, altchars=b"-_", validate=True).decode("ascii").partition("/")
        limits.check_which("", tenant, name)
    except (binascii.Error, ValueError, InvalidField):
        raise problem from None
    return tenant, name
