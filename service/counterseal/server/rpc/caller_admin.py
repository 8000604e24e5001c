"""CallerService: message -> CallerAdmin -> message, and a line in the log for every change."""

from counterseal.server.caller_admin import CallerAdmin
from counterseal.server.callers import Caller
from counterseal.server.rpc.caller_messages import put_caller, put_page, read_after, read_change, read_draft
from counterseal.server.telemetry.log import Log
from counterseal.v1 import callers_pb2 as pb


class CallerHandlers:
    """What CallerService does. All raise the errors of CallerAdmin."""

    def __init__(self, *, admin: CallerAdmin, log: Log) -> None:
        self._admin = admin
        self._log = log

    def create_caller(self, request: pb.CreateCallerRequest, caller: Caller) -> pb.CreateCallerResponse:
        """Answer CreateCaller: with RotateCallerToken the only answer that holds a bearer token."""
        created = self._admin.create(read_draft(request), actor=caller.name)
        self._line("caller_created", caller, created.record.name, role=created.record.role.value)
        response = pb.CreateCallerResponse(bearer_token=created.bearer_token)
        put_caller(response.caller, created.record)
        return response

    def get_caller(self, request: pb.GetCallerRequest, caller: Caller) -> pb.GetCallerResponse:  # noqa: ARG002
        """Answer GetCaller."""
        response = pb.GetCallerResponse()
        put_caller(response.caller, self._admin.get(request.name))
        return response

    def list_callers(self, request: pb.ListCallersRequest, caller: Caller) -> pb.ListCallersResponse:  # noqa: ARG002
        """Answer ListCallers."""
        response = pb.ListCallersResponse()
        put_page(response, self._admin.list_callers(read_after(request), request.page_size))
        return response

    def update_caller(self, request: pb.UpdateCallerRequest, caller: Caller) -> pb.UpdateCallerResponse:
        """Answer UpdateCaller. In force in this process before this returns."""
        change = read_change(request)
        record = self._admin.update(change, actor=caller.name)
        self._line("caller_updated", caller, record.name, fields=sorted(change.mask))
        response = pb.UpdateCallerResponse()
        put_caller(response.caller, record)
        return response

    def rotate_caller_token(self, request: pb.RotateCallerTokenRequest, caller: Caller) -> pb.RotateCallerTokenResponse:
        """Answer RotateCallerToken. In force in this process before this returns."""
        rotated = self._admin.rotate_token(request.name, request.etag, actor=caller.name)
        self._line("caller_token_rotated", caller, rotated.record.name)
        response = pb.RotateCallerTokenResponse(bearer_token=rotated.bearer_token)
        put_caller(response.caller, rotated.record)
        return response

    def delete_caller(self, request: pb.DeleteCallerRequest, caller: Caller) -> pb.DeleteCallerResponse:
        """Answer DeleteCaller. In force in this process before this returns."""
        self._admin.delete(request.name, request.etag, actor=caller.name)
        self._line("caller_deleted", caller, request.name)
        return pb.DeleteCallerResponse()

    def _line(self, event: str, caller: Caller, changed: str, **details: object) -> None:
        # Names keep to a grammar: CallerAdmin has let this one through.
        self._log.info(event, changed=changed, caller=caller.name, **details)
