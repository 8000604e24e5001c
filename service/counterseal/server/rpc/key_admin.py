"""KeyService: message -> issuer -> message, and a line in the log for every change."""

from counterseal.server.callers import Caller
from counterseal.server.issuer import Issuer
from counterseal.server.rpc.afterwards import Afterwards
from counterseal.server.rpc.key_messages import put_key, put_page, put_time, read_change, read_draft, read_order, read_query
from counterseal.server.rpc.redact import loggable_key_id
from counterseal.server.store.records import ImportedMaterial
from counterseal.server.telemetry.log import Log
from counterseal.v1 import keys_pb2 as pb


class KeyHandlers:
    """What KeyService does, each within the caller's tenants. All raise the errors of the issuer."""

    def __init__(self, *, issuer: Issuer, log: Log, afterwards: Afterwards) -> None:
        self._issuer = issuer
        self._afterwards = afterwards
        self._log = log

    def issue_key(self, request: pb.IssueKeyRequest, caller: Caller) -> pb.IssueKeyResponse:
        """Answer IssueKey: the only answer that holds a secret, with RotateKey's."""
        draft = read_draft(request)
        caller.check_tenant(draft.tenant)
        issued = self._issuer.issue(draft, actor=caller.name)
        record, imported = issued.record, isinstance(draft.material, ImportedMaterial)
        self._line("key_issued", caller, record.key_id, tenant=record.tenant, imported=imported, kind=record.kind.value)
        response = pb.IssueKeyResponse(secret=issued.secret)
        put_key(response.key, issued.record)
        return response

    def get_key(self, request: pb.GetKeyRequest, caller: Caller) -> pb.GetKeyResponse:
        """Answer GetKey."""
        response = pb.GetKeyResponse()
        put_key(response.key, self._issuer.get(request.key_id, tenants=caller.tenants))
        return response

    def list_keys(self, request: pb.ListKeysRequest, caller: Caller) -> pb.ListKeysResponse:
        """Answer ListKeys."""
        response = pb.ListKeysResponse()
        put_page(response, self._issuer.list_keys(read_query(request, caller.tenants)))
        return response

    def update_key(self, request: pb.UpdateKeyRequest, caller: Caller) -> pb.UpdateKeyResponse:
        """Answer UpdateKey."""
        change = read_change(request)
        record = self._issuer.update(change, actor=caller.name, tenants=caller.tenants)
        self._line("key_updated", caller, record.key_id, tenant=record.tenant, fields=sorted(change.mask))
        response = pb.UpdateKeyResponse()
        put_key(response.key, record)
        return response

    def revoke(self, request: pb.RevokeRequest, caller: Caller) -> pb.RevokeResponse:
        """Answer Revoke. In force in this process before this returns; in all others from the effective time on."""
        done = self._issuer.revoke(request.key_id, request.reason, actor=caller.name, tenants=caller.tenants)
        self._line("key_revoked", caller, done.record.key_id, tenant=done.record.tenant)
        if request.wait:
            self._afterwards.wait(done.effective)
        response = pb.RevokeResponse()
        put_key(response.key, done.record)
        put_time(response.revoke_effective_time, done.effective)
        return response

    def rotate_key(self, request: pb.RotateKeyRequest, caller: Caller) -> pb.RotateKeyResponse:
        """Answer RotateKey: with IssueKey's, the only answers that hold a secret."""
        order = read_order(request)
        rotated = self._issuer.rotate(order, actor=caller.name, tenants=caller.tenants)
        record = rotated.record
        self._line(
            "key_rotated",
            caller,
            record.key_id,
            tenant=record.tenant,
            secret_version=record.secret_version,
            imported=bool(order.imported_secret),
            previous_end=rotated.previous_end.isoformat(),
        )
        response = pb.RotateKeyResponse(secret=rotated.secret)
        put_key(response.key, record)
        put_time(response.previous_end_time, rotated.previous_end)
        return response

    def _line(self, event: str, caller: Caller, key_id: str, **details: object) -> None:
        self._log.info(event, key_id=loggable_key_id(key_id), caller=caller.name, **details)
