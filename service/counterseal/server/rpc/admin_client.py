"""The administrator's client: KeyService and Verify with plain records in and out, and typed errors.

One call, one attempt: whoever stands at a terminal sees what happened and decides. Error texts are fit for a terminal;
none holds a secret.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from counterseal.core.model import Demand, HttpRequest
from counterseal.server import errors
from counterseal.server.rpc import client_errors
from counterseal.server.rpc.admin_answers import STATE_NUMBERS, VerifyAnswer, key_record, utc, verify_answer
from counterseal.server.store.records import IssuedKey, KeyChange, KeyDraft, KeyPage, KeyQuery, KeyRecord, Revocation
from counterseal.v1 import keys_pb2, keys_pb2_grpc, verification_pb2, verification_pb2_grpc

ERROR_DOMAIN: Final = "counterseal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server listens and how to reach it. `timeout` is the deadline of each call, in seconds.

    `ca` None and `tls` set: the system's own certificate authorities. `token` empty: none is sent.
    """

    address: str
    token: str = field(default="", repr=False)
    tls: bool = False
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    timeout: float = 10.0


class AdminClient:
    """Calls one server. Use it as a context manager; every method raises the errors of `errors.py` and `client_errors.py`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = _channel(endpoint)
        self._keys = keys_pb2_grpc.KeyServiceStub(self._channel)
        self._verification = verification_pb2_grpc.VerificationServiceStub(self._channel)

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
            material = draft.material
            message.imported_secret.CopyFrom(
                keys_pb2.ImportedSecret(key_id=material.key_id, secret=material.secret, security_token=material.security_token)
            )
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
        message = keys_pb2.UpdateKeyRequest(key=key)
        message.update_mask.paths.extend(sorted(change.mask))
        return key_record(self._call(self._keys.UpdateKey, message).key)

    def revoke(self, key_id: str, reason: str) -> Revocation:
        """Revoke a key for good."""
        response = self._call(self._keys.Revoke, keys_pb2.RevokeRequest(key_id=key_id, reason=reason))
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
        )
        message = verification_pb2.VerifyRequest(http_request=http, demand=wanted, request_id=request_id)
        return verify_answer(self._call(self._verification.Verify, message))

    def _call(self, method: Callable[..., Any], message: object) -> Any:
        token = self._endpoint.token
        metadata = [("authorization", f"Bearer {token}")] if token else []
        with _typed_errors(self._endpoint.address):
            return method(message, timeout=self._endpoint.timeout, metadata=metadata)


def _channel(endpoint: Endpoint) -> grpc.Channel:
    loopback = _is_loopback(endpoint.address)
    # A proxy from the environment must not stand between us and this very machine.
    options = [("grpc.enable_http_proxy", 0)] if loopback else []
    if endpoint.tls or endpoint.ca is not None:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_read(endpoint.ca),
            private_key=_read(endpoint.client_key),
            certificate_chain=_read(endpoint.client_certificate),
        )
        return grpc.secure_channel(endpoint.address, credentials, options=options)
    if endpoint.token and not loopback:
        raise client_errors.PlaintextRefused(
            f"{endpoint.address} is not on this machine, and the bearer token would travel unencrypted: give --tls or --ca FILE"
        )
    return grpc.insecure_channel(endpoint.address, options=options)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise client_errors.UnreadableFile(f"cannot read {path}: {error.strerror}") from None


def _is_loopback(address: str) -> bool:
    """Whether the address stays on this machine. Names other than `localhost` are not looked up, and count as remote."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_BY_REASON: Final[Mapping[str, type[errors.ServiceError]]] = {
    "CALLER_UNKNOWN": errors.CallerUnknown,
    "CALLER_NOT_PERMITTED": errors.CallerNotPermitted,
    "KEY_NOT_FOUND": errors.KeyNotFound,
    "KEY_EXISTS": errors.KeyExists,
    "ETAG_MISMATCH": errors.EtagMismatch,
    "KEY_REVOKED": errors.KeyIsRevoked,
    "REQUEST_ID_REUSED": errors.RequestIdReused,
    "STORE_UNAVAILABLE": errors.StoreUnavailable,
    "OVERLOADED": client_errors.ServerBusy,
    "STOPPING": client_errors.ServerBusy,
    "DEADLINE_EXCEEDED": client_errors.CallTimedOut,
    "INTERNAL": client_errors.ServerDefect,
}
# For answers that carry no reason: gRPC's own, or those of a proxy in between.
_BY_CODE: Final[Mapping[grpc.StatusCode, type[errors.ServiceError]]] = {
    grpc.StatusCode.UNAUTHENTICATED: errors.CallerUnknown,
    grpc.StatusCode.PERMISSION_DENIED: errors.CallerNotPermitted,
    grpc.StatusCode.RESOURCE_EXHAUSTED: client_errors.ServerBusy,
    grpc.StatusCode.DEADLINE_EXCEEDED: client_errors.CallTimedOut,
}


@contextmanager
def _typed_errors(address: str) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise _typed(error, address) from None


def _typed(error: grpc.RpcError, address: str) -> errors.ServiceError:
    code, text = error.code(), error.details() or ""
    info = _error_info(error)
    if info is None:
        if code is grpc.StatusCode.UNAVAILABLE:
            return client_errors.ServerUnreachable(address, text.rpartition("last error: ")[2].removeprefix("UNKNOWN: "))
        kind = _BY_CODE.get(code, client_errors.ServerDefect)
        return kind(f"{address} answered {code.name}: {text}" if text else f"{address} answered {code.name}")
    if info.reason == "INVALID_FIELD":
        name = info.metadata.get("field", "")
        return errors.InvalidField(name, text.removeprefix(f"{name}: "))
    return _BY_REASON.get(info.reason, client_errors.ServerDefect)(text or info.reason)


def _error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    """Return the reason that the service attached, or None when the error is not the service's own."""
    try:
        rich = rpc_status.from_call(error)
    except ValueError:  # the rich answer contradicts the plain one: trust neither
        return None
    for detail in rich.details if rich is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == ERROR_DOMAIN:
            return info
    return None
