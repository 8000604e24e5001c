"""PrincipalService: message -> PrincipalAdmin -> message, and a line in the log for every change."""

from counterseal.server.callers import Caller
from counterseal.server.rpc.principal_messages import (
    put_page,
    put_principal,
    read_draft,
    read_password,
    read_query,
    read_update,
)
from counterseal.server.sessions.principal_admin import PrincipalAdmin
from counterseal.server.store.records import DEFAULT_TENANT
from counterseal.server.telemetry.log import Log
from counterseal.v1 import principals_pb2 as pb


class PrincipalHandlers:
    """What PrincipalService does, each within the caller's tenants. All raise the errors of PrincipalAdmin."""

    def __init__(self, *, admin: PrincipalAdmin, log: Log) -> None:
        self._admin = admin
        self._log = log

    def create_principal(self, request: pb.CreatePrincipalRequest, caller: Caller) -> pb.CreatePrincipalResponse:
        """Answer CreatePrincipal."""
        draft = read_draft(request)
        caller.check_tenant(draft.tenant)
        record = self._admin.create(draft, actor=caller.name)
        self._line("principal_created", caller, record.tenant, record.name, has_password=record.password_set is not None)
        response = pb.CreatePrincipalResponse()
        put_principal(response.principal, record)
        return response

    def get_principal(self, request: pb.GetPrincipalRequest, caller: Caller) -> pb.GetPrincipalResponse:
        """Answer GetPrincipal."""
        response = pb.GetPrincipalResponse()
        record = self._admin.get(request.tenant or DEFAULT_TENANT, request.name, tenants=caller.tenants)
        put_principal(response.principal, record)
        return response

    def list_principals(self, request: pb.ListPrincipalsRequest, caller: Caller) -> pb.ListPrincipalsResponse:
        """Answer ListPrincipals."""
        response = pb.ListPrincipalsResponse()
        put_page(response, self._admin.list_principals(read_query(request, caller.tenants)))
        return response

    def update_principal(self, request: pb.UpdatePrincipalRequest, caller: Caller) -> pb.UpdatePrincipalResponse:
        """Answer UpdatePrincipal. Sessions that it ends are over in this process before this returns."""
        change = read_update(request)
        record = self._admin.update(change, actor=caller.name, tenants=caller.tenants)
        fields, state = sorted(change.mask), record.state.value
        self._line("principal_updated", caller, record.tenant, record.name, fields=fields, state=state)
        response = pb.UpdatePrincipalResponse()
        put_principal(response.principal, record)
        return response

    def set_password(self, request: pb.SetPasswordRequest, caller: Caller) -> pb.SetPasswordResponse:
        """Answer SetPassword. Sessions that it ends are over in this process before this returns."""
        order = read_password(request)
        record = self._admin.set_password(order, actor=caller.name, tenants=caller.tenants)
        self._line("principal_password_set", caller, record.tenant, record.name, sessions_kept=order.keep_sessions)
        response = pb.SetPasswordResponse()
        put_principal(response.principal, record)
        return response

    def delete_principal(self, request: pb.DeletePrincipalRequest, caller: Caller) -> pb.DeletePrincipalResponse:
        """Answer DeletePrincipal. Its sessions are over in this process before this returns."""
        tenant = request.tenant or DEFAULT_TENANT
        self._admin.delete(tenant, request.name, request.etag, actor=caller.name, tenants=caller.tenants)
        self._line("principal_deleted", caller, tenant, request.name)
        return pb.DeletePrincipalResponse()

    def _line(self, event: str, caller: Caller, tenant: str, name: str, **details: object) -> None:
        # Names and tenants keep to a grammar: PrincipalAdmin has let these through.
        self._log.info(event, tenant=tenant, principal=name, caller=caller.name, **details)
