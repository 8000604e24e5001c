"""KeyService messages <-> records. The issuer checks the limits of single values; here only what a message can get wrong."""

import base64
import binascii
import datetime as dt
from collections.abc import Mapping
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.core.model import KeyKind, KeyState
from counterseal.core.policy import NO_POLICY
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.admin_messages import pem_of
from counterseal.server.rpc.convert import read_request_id
from counterseal.server.rpc.policy_messages import put_policy, read_policy
from counterseal.server.store.records import (
    DEFAULT_TENANT,
    BearerMaterial,
    Encoding,
    ImportedMaterial,
    KeyChange,
    KeyDraft,
    KeyPage,
    KeyQuery,
    KeyRecord,
    Material,
    OfferedPublicKey,
    RotateOrder,
)
from counterseal.v1 import keys_pb2 as pb

_STATES: Final[Mapping[KeyState, pb.KeyState]] = {state: getattr(pb, f"KEY_STATE_{state.value}") for state in KeyState}
KINDS: Final[Mapping[KeyKind, pb.KeyKind]] = {kind: getattr(pb, f"KEY_KIND_{kind.value}") for kind in KeyKind}
_MOST_NANOS: Final = 1_000_000_000
_STATES_READ: Final = {number: state for state, number in _STATES.items()}


def read_draft(message: pb.IssueKeyRequest) -> KeyDraft:
    """Return what to issue. Raises InvalidField."""
    return KeyDraft(
        tenant=message.tenant or DEFAULT_TENANT,
        principal=message.principal,
        description=message.description,
        labels=dict(message.labels),
        allowed_schemes=frozenset(message.allowed_schemes),
        not_before=_time("not_before_time", message.not_before_time) if message.HasField("not_before_time") else None,
        expires=_time("expire_time", message.expire_time) if message.HasField("expire_time") else None,
        material=_material(message),
        request_id=read_request_id(message.request_id),
        policy=read_policy("policy", message.policy) if message.HasField("policy") else NO_POLICY,
    )


def _material(message: pb.IssueKeyRequest) -> Material | None:
    which = message.WhichOneof("material")
    if which is None:
        return None
    if which == "public_key":
        return _public_key(message.public_key)
    if which == "bearer_token":
        return BearerMaterial()
    imported = message.imported_secret
    return ImportedMaterial(key_id=imported.key_id, secret=imported.secret, security_token=imported.security_token)


def _public_key(message: pb.PublicKeyMaterial) -> OfferedPublicKey:
    which = message.WhichOneof("encoding")
    if which is None:
        raise InvalidField("public_key", "must be given as pem, jwk or raw")
    given: str | bytes = getattr(message, which)
    return OfferedPublicKey(
        text=given.encode() if isinstance(given, str) else given,
        encoding=Encoding(which),
        algorithm=message.algorithm,
        key_id=message.key_id,
    )


def read_query(message: pb.ListKeysRequest, tenants: frozenset[str] | None) -> KeyQuery:
    """Return which keys to list, of those tenants that the caller may see. Raises InvalidField."""
    if message.tenant:
        wanted = frozenset({message.tenant})
        tenants = wanted if tenants is None else tenants & wanted
    state = None if message.state == pb.KEY_STATE_UNSPECIFIED else _state("state", message.state)
    return KeyQuery(
        page_size=message.page_size,
        after=_read_page(message.page_token),
        tenants=tenants,
        principal=message.principal,
        state=state,
        unused_since=_maybe_time(message, "unused_since_time"),
        expire_before=_maybe_time(message, "expire_before_time"),
        secret_created_before=_maybe_time(message, "secret_created_before_time"),
    )


def read_change(message: pb.UpdateKeyRequest) -> KeyChange:
    """Return what to change. Fields outside the mask are not looked at. Raises InvalidField."""
    key, mask = message.key, frozenset(message.update_mask.paths)
    if not mask:
        raise InvalidField("update_mask", "must name at least one field")
    not_before = "not_before_time" in mask and key.HasField("not_before_time")
    expires = "expire_time" in mask and key.HasField("expire_time")
    return KeyChange(
        key_id=key.key_id,
        etag=key.etag,
        mask=mask,
        principal=key.principal,
        description=key.description,
        labels=dict(key.labels),
        allowed_schemes=frozenset(key.allowed_schemes),
        state=_state("key.state", key.state) if "state" in mask else None,
        not_before=_time("key.not_before_time", key.not_before_time) if not_before else None,
        expires=_time("key.expire_time", key.expire_time) if expires else None,
        policy=read_policy("key.policy", key.policy) if "policy" in mask and key.HasField("policy") else NO_POLICY,
    )


def read_order(message: pb.RotateKeyRequest) -> RotateOrder:
    """Return which key to rotate, and how. Raises InvalidField."""
    if not message.HasField("overlap"):
        raise InvalidField("overlap", "must be set: for how long the secret before keeps verifying; 0 ends it at once")
    return RotateOrder(
        key_id=message.key_id,
        overlap=_duration("overlap", message.overlap),
        etag=message.etag,
        imported_secret=message.imported_secret,
        request_id=read_request_id(message.request_id),
    )


def put_page(response: pb.ListKeysResponse, page: KeyPage) -> None:
    """Fill in the keys of a page and where the next one begins."""
    for record in page.records:
        put_key(response.keys.add(), record)
    if page.next_after:
        response.next_page_token = base64.urlsafe_b64encode(page.next_after.encode()).decode()


def put_key(message: pb.Key, record: KeyRecord) -> None:
    """Fill in a key as administrators see it. The record holds no secret."""
    message.key_id = record.key_id
    message.tenant = record.tenant
    message.principal = record.principal
    message.description = record.description
    message.labels.update(record.labels)
    message.allowed_schemes.extend(sorted(record.allowed_schemes))
    message.state = _STATES[record.state]
    message.kind = KINDS[record.kind]
    if record.public_key is not None:
        message.algorithm = record.public_key.algorithm
        message.public_key_pem = pem_of(record.public_key)
    put_time(message.create_time, record.created)
    put_time(message.update_time, record.updated)
    if record.not_before is not None:
        put_time(message.not_before_time, record.not_before)
    if record.expires is not None:
        put_time(message.expire_time, record.expires)
    if record.revoked is not None:
        put_time(message.revoke_time, record.revoked)
    message.revoke_reason = record.revoke_reason
    message.etag = record.etag
    message.session_id = record.session_id
    message.has_security_token = record.has_security_token
    if record.policy != NO_POLICY:
        put_policy(message.policy, record.policy)
    if record.public_key is None:
        _put_secrets(message, record)
    if record.uses:
        put_time(message.last_use_time, max(record.uses.values()))


def _put_secrets(message: pb.Key, record: KeyRecord) -> None:
    """Fill in which secrets verify, the newest first. The records hold none of them."""
    newest = message.secrets.add(version=record.secret_version)
    put_time(newest.create_time, record.secret_created or record.created)
    _put_use(newest, record)
    previous = record.previous
    if previous is None:
        return
    older = message.secrets.add(version=previous.version)
    if previous.version == 1:  # of others it is not kept when they were made
        put_time(older.create_time, record.created)
    put_time(older.end_time, previous.until)
    _put_use(older, record)


def _put_use(message: pb.SecretVersion, record: KeyRecord) -> None:
    used = record.uses.get(message.version)
    if used is not None:
        put_time(message.last_use_time, used)


def put_time(message: Timestamp, time: dt.datetime) -> None:
    """Fill in a time."""
    message.FromDatetime(time)


def _time(field: str, message: Timestamp) -> dt.datetime:
    """Return the time in UTC. A time finer than microseconds is refused: it would come back as another one."""
    if message.nanos % 1000:
        raise InvalidField(field, "must be whole microseconds")
    try:
        return message.ToDatetime(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise InvalidField(field, "must lie in the years 1 to 9999") from None


def _maybe_time(message: pb.ListKeysRequest, field: str) -> dt.datetime | None:
    return _time(field, getattr(message, field)) if message.HasField(field) else None


def _duration(field: str, message: Duration) -> dt.timedelta:
    """Return the duration. One finer than microseconds is refused, and one that no calendar holds."""
    if message.nanos % 1000 or not -_MOST_NANOS < message.nanos < _MOST_NANOS:
        raise InvalidField(field, "must be whole microseconds")
    try:
        return dt.timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
    except OverflowError:
        raise InvalidField(field, "is too long") from None


def _state(field: str, number: pb.KeyState) -> KeyState:
    state = _STATES_READ.get(number)
    if state is None:
        raise InvalidField(field, "is not a state that this release knows")
    return state


def _read_page(text: str) -> str:
    if len(text) > 512:
        raise InvalidField("page_token", "is not one that this service gave out")
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise InvalidField("page_token", "is not one that this service gave out") from None
