"""Public keys and schemes between plain records and generated messages, for the administrator's client."""

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from counterseal.core.model import KeyKind, PublicKey
from counterseal.core.policy import KeyPolicy
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.client_errors import ServerDefect
from counterseal.server.rpc.policy_messages import read_policy
from counterseal.server.store.records import (
    BearerMaterial,
    Encoding,
    ImportedMaterial,
    Material,
    OfferedPublicKey,
    PreviousSecret,
)
from counterseal.v1 import keys_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from counterseal.v1 import verification_pb2

_KINDS = {
    keys_pb2.KEY_KIND_SYMMETRIC: KeyKind.SYMMETRIC,
    keys_pb2.KEY_KIND_PUBLIC: KeyKind.PUBLIC,
    keys_pb2.KEY_KIND_BEARER: KeyKind.BEARER,
}
_PEM_HEAD = "-----BEGIN PUBLIC KEY-----\n"
_PEM_FOOT = "-----END PUBLIC KEY-----\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedScheme:
    """A way of signing that a server knows. `key_kinds` are those that this release knows as well."""

    name: str
    title: str
    key_kinds: frozenset[KeyKind]
    enabled: bool
    timeless: bool
    names_key: bool
    weakness: str


def listed_scheme(message: "verification_pb2.Scheme") -> ListedScheme:
    """Return a scheme of an answer."""
    return ListedScheme(
        name=message.name,
        title=message.title,
        key_kinds=frozenset(_KINDS[kind] for kind in message.key_kinds if kind in _KINDS),
        enabled=message.enabled,
        timeless=message.timeless,
        names_key=message.names_key,
        weakness=message.weakness,
    )


def put_material(message: keys_pb2.IssueKeyRequest, material: Material) -> None:
    """Fill in where the key material comes from."""
    if isinstance(material, ImportedMaterial):
        imported = message.imported_secret
        imported.key_id = material.key_id
        imported.secret = material.secret
        imported.security_token = material.security_token
        imported.SetInParent()
        return
    if isinstance(material, BearerMaterial):
        message.bearer_token.SetInParent()
        return
    public = message.public_key
    public.key_id = material.key_id
    if not isinstance(material, OfferedPublicKey):
        public.pem = pem_of(material.public_key)
        public.algorithm = material.public_key.algorithm
        return
    public.algorithm = material.algorithm
    match material.encoding:
        case Encoding.PEM:
            public.pem = material.text.decode("ascii", "replace")
        case Encoding.JWK:
            public.jwk = material.text.decode("utf-8", "replace")
        case Encoding.RAW:
            public.raw = material.text
        case _:
            assert_never(material.encoding)


def public_key_of(key: keys_pb2.Key) -> PublicKey | None:
    """Return the public key of an answer, None for one of another kind.

    Raises:
        ServerDefect: the key is of a kind that this release does not know, or its PEM is none.
    """
    kind = _KINDS.get(key.kind)
    if kind is None:
        raise ServerDefect(
            f"the server sent a kind of key that this release does not know (number {key.kind}); upgrade counterseal"
        )
    if kind is not KeyKind.PUBLIC:
        return None
    text = key.public_key_pem
    try:
        if not (text.startswith(_PEM_HEAD) and text.endswith(_PEM_FOOT)):
            raise ValueError("no PEM")
        body = text.removeprefix(_PEM_HEAD).removesuffix(_PEM_FOOT).replace("\n", "")
        return PublicKey(algorithm=key.algorithm, spki=base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        raise ServerDefect("the server sent a public key that is no PEM") from None


def utc(stamp: "Timestamp") -> dt.datetime:
    """Return a protobuf time as a timezone-aware UTC datetime (microseconds; finer digits are cut)."""
    try:
        return stamp.ToDatetime(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise ServerDefect("the server sent a time outside the calendar") from None


def policy_of(key: keys_pb2.Key) -> KeyPolicy:
    """Return the policy of a key of an answer.

    Raises:
        ServerDefect: it holds what this release does not know.
    """
    try:
        return read_policy("policy", key.policy)
    except InvalidField as error:
        raise ServerDefect(f"the server sent a policy that this release does not know ({error}); upgrade counterseal") from None


def secrets_of(key: keys_pb2.Key) -> dict[str, Any]:
    """Return what a record says about the secrets of a key: the newest first, then the one before."""
    uses = {found.version: utc(found.last_use_time) for found in key.secrets if found.HasField("last_use_time")}
    if not key.secrets:
        return {"uses": {0: utc(key.last_use_time)} if key.HasField("last_use_time") else {}}
    newest, *older = key.secrets
    made = utc(newest.create_time)
    return {
        "secret_version": newest.version,
        "secret_created": None if made == utc(key.create_time) else made,
        "previous": PreviousSecret(version=older[0].version, until=utc(older[0].end_time)) if older else None,
        "uses": uses,
    }


def pem_of(public_key: PublicKey) -> str:
    """Return a public key as PEM (RFC 7468 section 13). It is not looked at: what is stored is what is shown."""
    text = base64.b64encode(public_key.spki).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
