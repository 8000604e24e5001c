"""The administrator's client for CallerService: plain records in and out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from counterseal.server.caller_drafts import CallerChange, CallerDraft, CallerPage, CreatedCaller
from counterseal.server.rpc.admin_messages import utc
from counterseal.server.rpc.caller_messages import ROLES, STATES, put_limits
from counterseal.server.rpc.client_errors import ServerDefect
from counterseal.server.store.caller_records import CallerLimits, CallerRecord
from counterseal.v1 import callers_pb2, callers_pb2_grpc

if TYPE_CHECKING:
    import grpc

_ROLES = {number: role for role, number in ROLES.items()}
_STATES = {number: state for state, number in STATES.items()}


class CallerCalls:
    """Calls CallerService by `call`, which takes a method and a message and raises typed errors."""

    def __init__(self, channel: "grpc.Channel", call: Callable[[Callable[..., Any], object], Any]) -> None:
        self._stub = callers_pb2_grpc.CallerServiceStub(channel)
        self._call = call

    def create(self, draft: CallerDraft) -> CreatedCaller:
        """Create a caller; the answer holds its bearer token."""
        message = callers_pb2.CreateCallerRequest(bearer_token=draft.bearer_token)
        message.caller.name = draft.name
        message.caller.role = ROLES[draft.role]
        message.caller.state = STATES[draft.state]
        message.caller.description = draft.description
        message.caller.san = draft.san
        put_limits(message.caller.limits, draft.limits)
        response = self._call(self._stub.CreateCaller, message)
        return CreatedCaller(record=caller_record(response.caller), bearer_token=response.bearer_token)

    def get(self, name: str) -> CallerRecord:
        """Return one caller."""
        return caller_record(self._call(self._stub.GetCaller, callers_pb2.GetCallerRequest(name=name)).caller)

    def list_callers(self, page_token: str, page_size: int) -> CallerPage:
        """Return one page. `page_token` and the page's `next_after` are opaque page tokens here."""
        message = callers_pb2.ListCallersRequest(page_token=page_token, page_size=page_size)
        response = self._call(self._stub.ListCallers, message)
        records = tuple(caller_record(caller) for caller in response.callers)
        return CallerPage(records=records, next_after=response.next_page_token)

    def update(self, change: CallerChange) -> CallerRecord:
        """Change the fields named in the change's mask."""
        caller = callers_pb2.Caller(name=change.name, etag=change.etag, description=change.description, san=change.san)
        if change.role is not None:
            caller.role = ROLES[change.role]
        if change.state is not None:
            caller.state = STATES[change.state]
        put_limits(caller.limits, change.limits)
        message = callers_pb2.UpdateCallerRequest(caller=caller)
        message.update_mask.paths.extend(sorted(change.mask))
        return caller_record(self._call(self._stub.UpdateCaller, message).caller)

    def rotate_token(self, name: str, etag: str) -> CreatedCaller:
        """Give a caller a new bearer token, which the answer holds."""
        message = callers_pb2.RotateCallerTokenRequest(name=name, etag=etag)
        response = self._call(self._stub.RotateCallerToken, message)
        return CreatedCaller(record=caller_record(response.caller), bearer_token=response.bearer_token)

    def delete(self, name: str, etag: str) -> None:
        """Remove a caller."""
        self._call(self._stub.DeleteCaller, callers_pb2.DeleteCallerRequest(name=name, etag=etag))


def caller_record(message: callers_pb2.Caller) -> CallerRecord:
    """Return a caller of an answer.

    Raises:
        ServerDefect: it has a role or a state that this release does not know.
    """
    role, state = _ROLES.get(message.role), _STATES.get(message.state)
    if role is None or state is None:
        raise ServerDefect("the server sent a role or a state of a caller that this release does not know; upgrade counterseal")
    limits = message.limits
    return CallerRecord(
        name=message.name,
        role=role,
        state=state,
        description=message.description,
        san=message.san,
        has_bearer_token=message.has_bearer_token,
        limits=CallerLimits(
            tenants=frozenset(limits.tenants),
            schemes=frozenset(limits.schemes),
            regions=frozenset(limits.regions),
            services=frozenset(limits.services),
            string_to_sign=limits.string_to_sign,
            calls_per_second=limits.calls_per_second,
            burst=limits.burst,
            concurrent_calls=limits.concurrent_calls,
        ),
        created=utc(message.create_time),
        updated=utc(message.update_time),
        etag=message.etag,
    )
