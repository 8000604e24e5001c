"""The administrator's client for PrincipalService: plain records in and out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterseal.server.rpc.admin_messages import utc
from counterseal.server.rpc.client_errors import ServerDefect
from counterseal.server.rpc.principal_messages import STATES
from counterseal.server.sessions.principal_drafts import PasswordOrder, PrincipalDraft, PrincipalUpdate
from counterseal.server.store.session_records import PrincipalRecord
from counterseal.v1 import principals_pb2, principals_pb2_grpc

if TYPE_CHECKING:
    import grpc

_STATES = {number: state for state, number in STATES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrincipals:
    """One page. `next_page_token` is opaque; empty: this was the last."""

    records: tuple[PrincipalRecord, ...]
    next_page_token: str


class PrincipalCalls:
    """Calls PrincipalService by `call`, which takes a method and a message and raises typed errors.

    An empty tenant is the default one, but for a list: there it is all that the caller may see.
    """

    def __init__(self, channel: "grpc.Channel", call: Callable[[Callable[..., Any], object], Any]) -> None:
        self._stub = principals_pb2_grpc.PrincipalServiceStub(channel)
        self._call = call

    def create(self, draft: PrincipalDraft) -> PrincipalRecord:
        """Create a principal."""
        message = principals_pb2.CreatePrincipalRequest(password=draft.password)
        message.principal.tenant = draft.tenant
        message.principal.name = draft.name
        message.principal.state = STATES[draft.state]
        message.principal.description = draft.description
        message.principal.labels.update(draft.labels)
        return principal_record(self._call(self._stub.CreatePrincipal, message).principal)

    def get(self, tenant: str, name: str) -> PrincipalRecord:
        """Return one principal."""
        message = principals_pb2.GetPrincipalRequest(tenant=tenant, name=name)
        return principal_record(self._call(self._stub.GetPrincipal, message).principal)

    def list_principals(self, tenant: str, page_token: str, page_size: int) -> ListedPrincipals:
        """Return one page."""
        message = principals_pb2.ListPrincipalsRequest(tenant=tenant, page_token=page_token, page_size=page_size)
        response = self._call(self._stub.ListPrincipals, message)
        records = tuple(principal_record(principal) for principal in response.principals)
        return ListedPrincipals(records=records, next_page_token=response.next_page_token)

    def update(self, change: PrincipalUpdate) -> PrincipalRecord:
        """Change the fields named in the change's mask."""
        principal = principals_pb2.Principal(
            tenant=change.tenant,
            name=change.name,
            etag=change.etag,
            description=change.description,
            labels=dict(change.labels),
        )
        if change.state is not None:
            principal.state = STATES[change.state]
        message = principals_pb2.UpdatePrincipalRequest(principal=principal)
        message.update_mask.paths.extend(sorted(change.mask))
        return principal_record(self._call(self._stub.UpdatePrincipal, message).principal)

    def set_password(self, order: PasswordOrder) -> PrincipalRecord:
        """Set a password."""
        message = principals_pb2.SetPasswordRequest(
            tenant=order.tenant,
            name=order.name,
            password=order.password,
            keep_sessions=order.keep_sessions,
            etag=order.etag,
        )
        return principal_record(self._call(self._stub.SetPassword, message).principal)

    def delete(self, tenant: str, name: str, etag: str) -> None:
        """Remove a principal, and end its sessions."""
        message = principals_pb2.DeletePrincipalRequest(tenant=tenant, name=name, etag=etag)
        self._call(self._stub.DeletePrincipal, message)


def principal_record(message: principals_pb2.Principal) -> PrincipalRecord:
    """Return a principal of an answer.

    Raises:
        ServerDefect: it has a state that this release does not know.
    """
    state = _STATES.get(message.state)
    if state is None:
        raise ServerDefect("the server sent a state of a principal that this release does not know; upgrade counterseal")
    return PrincipalRecord(
        tenant=message.tenant,
        name=message.name,
        state=state,
        description=message.description,
        labels=dict(message.labels),
        created=utc(message.create_time),
        updated=utc(message.update_time),
        password_set=utc(message.password_time) if message.HasField("password_time") else None,
        etag=message.etag,
    )
