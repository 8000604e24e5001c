"""AuditService: pages of the audit trail, each within the caller's tenants."""

from typing import Final

from counterseal.server.callers import Caller
from counterseal.server.errors import InvalidField
from counterseal.server.keys import limits
from counterseal.server.rpc.audit_messages import put_entry
from counterseal.server.store.audit_trail import AuditTrail
from counterseal.v1 import audit_pb2 as pb

_DEFAULT_PAGE: Final = 100
_LARGEST_PAGE: Final = 1000
_LARGEST_NUMBER: Final = 2**63 - 1


class AuditHandlers:
    """What AuditService does."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def list_audit_entries(self, request: pb.ListAuditEntriesRequest, caller: Caller) -> pb.ListAuditEntriesResponse:
        """Answer ListAuditEntries.

        Raises:
            InvalidField: a limit is broken.
            StoreUnavailable: the store does not answer.
        """
        if not 0 <= request.page_size <= _LARGEST_PAGE:
            raise InvalidField("page_size", f"must be 1 to {_LARGEST_PAGE}, or 0 for the default")
        if request.after_sequence > _LARGEST_NUMBER:
            raise InvalidField("after_sequence", f"must be at most {_LARGEST_NUMBER}")
        if request.key_id:
            limits.check_key_id("key_id", request.key_id)
        size = request.page_size or _DEFAULT_PAGE
        found = self._trail.page(after=request.after_sequence, limit=size + 1, tenants=caller.tenants, key_id=request.key_id)
        response = pb.ListAuditEntriesResponse(more=len(found) > size)
        for entry in found[:size]:
            put_entry(response.entries.add(), entry)
        return response
