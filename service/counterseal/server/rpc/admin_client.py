"""The administrator's client: KeyService and Verify with plain records in and out, and typed errors.

One call, one attempt: whoever stands at a terminal sees what happened and decides. Error texts are fit for a terminal;
none holds a secret.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from counterseal.core.model import Demand, HttpRequest
from counterseal.server import errors
from counterseal.server.rpc.admin_answers import STATE_NUMBERS, VerifyAnswer, key_record, verify_answer
from counterseal.server.rpc.admin_channel import Endpoint, open_channel
from counterseal.server.rpc.admin_errors import typed_errors
from counterseal.server.rpc.admin_messages import ListedScheme, listed_scheme, put_material, utc
from counterseal.server.rpc.audit_messages import read_entry
from counterseal.server.rpc.caller_client import CallerCalls
from counterseal.server.rpc.policy_messages import put_policy
from counterseal.server.rpc.principal_client import PrincipalCalls
from counterseal.server.rpc.session_client import SessionCalls
from counterseal.server.store.audit_chain import ChainedEntry
from counterseal.server.store.records import (
    IssuedKey,
    KeyChange,
    KeyDraft,
    KeyPage,
    KeyQuery,
    KeyRecord,
    Revocation,
    RotatedKey,
    RotateOrder,
)
from counterseal.v1 import audit_pb2, audit_pb2_grpc, keys_pb2, keys_pb2_grpc, verification_pb2, verification_pb2_grpc


class AdminClient:
    """Calls one server. Use it as a context manager; every method raises the errors of `errors.py` and `client_errors.py`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = open_channel(endpoint)
        self._keys = keys_pb2_grpc.KeyServiceStub(self._channel)
        self._audit = audit_pb2_grpc.AuditServiceStub(self._channel)
        self._verification = verification_pb2_grpc.VerificationServiceStub(self._channel)
        self.callers = CallerCalls(self._channel, self._call)
        self.principals = PrincipalCalls(self._channel, self._call)
        self.sessions = SessionCalls(self._channel, self._call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._channel.close()

    def issue(self, draft: KeyDraft) -> IssuedKey:
        """Issue or import a key; the answer holds the secret of an issued one."""
        message = keys_pb2.IssueKeyRequest(
            tenant=draft.tenant,
            principal=draft.principal,
            description=draft.description,
            labels=dict(draft.labels),
            allowed_schemes=sorted(draft.allowed_schemes),
            request_id=draft.request_id,
        )
        if draft.not_before is not None:
            message.not_before_time.FromDatetime(draft.not_before)
        if draft.expires is not None:
            message.expire_time.FromDatetime(draft.expires)
        if draft.material is not None:
            put_material(message, draft.material)
        put_policy(message.policy, draft.policy)
        response = self._call(self._keys.IssueKey, message)
        return IssuedKey(record=key_record(response.key), secret=response.secret)

    def get(self, key_id: str) -> KeyRecord:
        """Return one key."""
        return key_record(self._call(self._keys.GetKey, keys_pb2.GetKeyRequest(key_id=key_id)).key)

    def list_keys(self, query: KeyQuery) -> KeyPage:
        """Return one page. `query.after` and the page's `next_after` are opaque page tokens here.

        Raises:
            InvalidField: not one tenant but several, or none at all, which no message can ask for.
        """
        if query.tenants is not None and len(query.tenants) != 1:
            raise errors.InvalidField("tenant", "ask for one tenant, or for all")
        message = keys_pb2.ListKeysRequest(
            page_size=query.page_size,
            page_token=query.after,
            tenant="".join(query.tenants or ()),
            principal=query.principal,
            state=STATE_NUMBERS[query.state] if query.state else keys_pb2.KEY_STATE_UNSPECIFIED,
        )
        for field, time in (
            ("unused_since_time", query.unused_since),
            ("expire_before_time", query.expire_before),
            ("secret_created_before_time", query.secret_created_before),
        ):
            if time is not None:
                getattr(message, field).FromDatetime(time)
        response = self._call(self._keys.ListKeys, message)
        return KeyPage(records=tuple(key_record(key) for key in response.keys), next_after=response.next_page_token)

    def update(self, change: KeyChange) -> KeyRecord:
        """Change the fields named in the change's mask."""
        key = keys_pb2.Key(
            key_id=change.key_id,
            etag=change.etag,
            principal=change.principal,
            description=change.description,
            labels=dict(change.labels),
            allowed_schemes=sorted(change.allowed_schemes),
            state=STATE_NUMBERS[change.state] if change.state else keys_pb2.KEY_STATE_UNSPECIFIED,
        )
        if change.not_before is not None:
            key.not_before_time.FromDatetime(change.not_before)
        if change.expires is not None:
            key.expire_time.FromDatetime(change.expires)
        put_policy(key.policy, change.policy)
        message = keys_pb2.UpdateKeyRequest(key=key)
        message.update_mask.paths.extend(sorted(change.mask))
        return key_record(self._call(self._keys.UpdateKey, message).key)

    def rotate(self, order: RotateOrder) -> RotatedKey:
        """Give a key a new secret; the answer holds it where it was generated."""
        message = keys_pb2.RotateKeyRequest(
            key_id=order.key_id, etag=order.etag, imported_secret=order.imported_secret, request_id=order.request_id
        )
        message.overlap.FromTimedelta(order.overlap)
        response = self._call(self._keys.RotateKey, message)
        return RotatedKey(record=key_record(response.key), secret=response.secret, previous_end=utc(response.previous_end_time))

    def revoke(self, key_id: str, reason: str, *, wait: bool = False) -> Revocation:
        """Revoke a key for good; `wait`: return once no replica verifies it any more."""
        response = self._call(self._keys.Revoke, keys_pb2.RevokeRequest(key_id=key_id, reason=reason, wait=wait))
        return Revocation(record=key_record(response.key), effective=utc(response.revoke_effective_time))

    def verify(self, request: HttpRequest, demand: Demand, *, request_id: str = "") -> VerifyAnswer:
        """Ask for the verdict on a request. Content and hash both None: the answer states the payload duty instead.

        Raises:
            InvalidField: `demand.tenants` is empty, which on the wire would read as *any* instead of *none*.
        """
        if demand.tenants is not None and not demand.tenants:
            raise errors.InvalidField("demand.tenants", "an empty set of tenants cannot be demanded")
        http = verification_pb2.HttpRequest(
            method=request.method.decode("latin-1"),
            scheme=request.scheme,
            target=request.target,
            headers=[verification_pb2.Header(name=name.decode("latin-1"), value=value) for name, value in request.headers],
            source_address=request.source_address,
        )
        if request.content is not None:
            http.content = request.content
        elif request.content_sha256 is not None:
            http.content_sha256 = request.content_sha256
        wanted = verification_pb2.Demand(
            allowed_schemes=sorted(demand.allowed_schemes),
            regions=sorted(demand.regions),
            services=sorted(demand.services),
            required_headers=sorted(name.decode("latin-1") for name in demand.required_headers),
            tenants=sorted(demand.tenants or ()),
            key_id=demand.key_id,
            label=demand.label,
            tag=demand.tag,
            required_components=demand.required_components,
        )
        message = verification_pb2.VerifyRequest(http_request=http, demand=wanted, request_id=request_id)
        return verify_answer(self._call(self._verification.Verify, message))

    def list_schemes(self) -> tuple[ListedScheme, ...]:
        """Return the schemes that the server knows, in the order of their names."""
        response = self._call(self._verification.ListSchemes, verification_pb2.ListSchemesRequest())
        return tuple(listed_scheme(scheme) for scheme in response.schemes)

    def list_audit(self, *, after: int, page_size: int, key_id: str = "") -> tuple[tuple[ChainedEntry, ...], bool]:
        """Return a page of the audit trail, and whether there is more behind it."""
        message = audit_pb2.ListAuditEntriesRequest(after_sequence=after, page_size=page_size, key_id=key_id)
        response = self._call(self._audit.ListAuditEntries, message)
        return tuple(read_entry(entry) for entry in response.entries), response.more

    def _call(self, method: Callable[..., Any], message: object) -> Any:
        token = self._endpoint.token
        metadata = [("authorization", f"Bearer {token}")] if token else []
        with typed_errors(self._endpoint.address):
            return method(message, timeout=self._endpoint.timeout, metadata=metadata)
