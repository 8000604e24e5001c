"""CallerService messages <-> records. CallerAdmin checks limits; here only what a message can get wrong."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from counterseal.server.caller_drafts import CallerChange, CallerDraft, CallerPage
from counterseal.server.errors import InvalidField
from counterseal.server.store.caller_records import CallerLimits, CallerRecord, CallerState, Role
from counterseal.v1 import callers_pb2 as pb

ROLES: Final[Mapping[Role, pb.CallerRole]] = {role: getattr(pb, f"CALLER_ROLE_{role.name}") for role in Role}
STATES: Final[Mapping[CallerState, pb.CallerState]] = {
    state: getattr(pb, f"CALLER_STATE_{state.name}") for state in CallerState
}
_ROLES_READ: Final = {number: role for role, number in ROLES.items()}
_STATES_READ: Final = {number: state for state, number in STATES.items()}


def read_draft(message: pb.CreateCallerRequest) -> CallerDraft:
    """Return what to create. Raises InvalidField."""
    caller = message.caller
    unset = caller.state == pb.CALLER_STATE_UNSPECIFIED
    return CallerDraft(
        name=caller.name,
        role=_role(caller.role),
        state=CallerState.ACTIVE if unset else _state(caller.state),
        description=caller.description,
        san=caller.san,
        limits=_limits(caller.limits),
        bearer_token=message.bearer_token,
    )


def read_change(message: pb.UpdateCallerRequest) -> CallerChange:
    """Return what to change. Fields outside the mask are not looked at. Raises InvalidField."""
    caller, mask = message.caller, frozenset(message.update_mask.paths)
    return CallerChange(
        name=caller.name,
        etag=caller.etag,
        mask=mask,
        role=_role(caller.role) if "role" in mask else None,
        state=_state(caller.state) if "state" in mask else None,
        description=caller.description,
        san=caller.san,
        limits=_limits(caller.limits),
    )


def read_after(message: pb.ListCallersRequest) -> str:
    """Return the name from behind which to list. Raises InvalidField."""
    problem = InvalidField("page_token", "is not one that this service gave out")
    if len(message.page_token) > 512:
        raise problem
    try:
        return base64.b64decode(message.page_token, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise problem from None


def put_page(response: pb.ListCallersResponse, page: CallerPage) -> None:
    """Fill in the callers of a page and where the next one begins."""
    for record in page.records:
        put_caller(response.callers.add(), record)
    if page.next_after:
        response.next_page_token = base64.urlsafe_b64encode(page.next_after.encode()).decode()


def put_caller(message: pb.Caller, record: CallerRecord) -> None:
    """Fill in a caller as administrators see it."""
    message.name = record.name
    message.role = ROLES[record.role]
    message.state = STATES[record.state]
    message.description = record.description
    message.san = record.san
    message.has_bearer_token = record.has_bearer_token
    put_limits(message.limits, record.limits)
    message.create_time.FromDatetime(record.created)
    message.update_time.FromDatetime(record.updated)
    message.etag = record.etag


def put_limits(message: pb.CallerLimits, limits: CallerLimits) -> None:
    """Fill in limits."""
    message.SetInParent()
    message.tenants.extend(sorted(limits.tenants))
    message.schemes.extend(sorted(limits.schemes))
    message.regions.extend(sorted(limits.regions))
    message.services.extend(sorted(limits.services))
    message.string_to_sign = limits.string_to_sign
    message.calls_per_second = limits.calls_per_second
    message.burst = limits.burst
    message.concurrent_calls = limits.concurrent_calls


def _limits(message: pb.CallerLimits) -> CallerLimits:
    return CallerLimits(
        tenants=frozenset(message.tenants),
        schemes=frozenset(message.schemes),
        regions=frozenset(message.regions),
        services=frozenset(message.services),
        string_to_sign=message.string_to_sign,
        calls_per_second=message.calls_per_second,
        burst=message.burst,
        concurrent_calls=message.concurrent_calls,
    )


def _role(number: pb.CallerRole) -> Role:
    role = _ROLES_READ.get(number)
    if role is None:
        raise InvalidField("caller.role", "is not a role that this release knows")
    return role


def _state(number: pb.CallerState) -> CallerState:
    state = _STATES_READ.get(number)
    if state is None:
        raise InvalidField("caller.state", "is not a state that this release knows")
    return state
