"""A key's secret is sealed together with its record: whoever can write the database, and has no master key, changes neither.

The record is associated data of the seal (`cipher.py`), so changing a key means sealing its secret anew, and a record that was
changed behind our back opens no more. What is *not* noticed: a whole row put back as it was at an earlier time, a row that was
removed, and the audit trail. Reading a record for administrators does not open the seal either.

A public key is no secret: it stands in its record, and the seal holds nothing but vouches for it. The kinds have envelopes of
their own, so that no change of a row makes a secret of a public key, or shows a secret as if it were a public key.
"""

import dataclasses
import json
from typing import Final

from counterseal.core.model import KeyKind
from counterseal.core.policy import NO_POLICY
from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.sealed_secrets import Secrets
from counterseal.server.store.records import StoredKey
from counterseal.server.store.rows import record_values

# The columns of a record that are sealed in, `updated` among them. Tenant, key id and secret version are in every seal; the
# place in the change sequence is the database's to give, and decides nothing. Not to be changed for seals of this version: a
# column that comes later is sealed in under a new version of the envelope.
SEALED_COLUMNS: Final = (
    "principal",
    "description",
    "labels",
    "allowed_schemes",
    "state",
    "not_before",
    "expires",
    "created",
    "updated",
    "revoked",
    "revoke_reason",
)
# By kind of key, and by how late what the record uses came. Keys that use nothing late stay under the versions of before, which
# releases of before go on to open. They open no others, knowing of no policy and no session.
ENVELOPES: Final = {
    (KeyKind.SYMMETRIC, 0): 1,
    (KeyKind.PUBLIC, 0): 2,
    (KeyKind.SYMMETRIC, 1): 3,
    (KeyKind.PUBLIC, 1): 4,
    (KeyKind.SYMMETRIC, 2): 5,
    (KeyKind.PUBLIC, 2): 6,
    (KeyKind.BEARER, 2): 7,
}
# What the later envelopes seal in besides, by how late they are: policy and rotation; sessions and bearer tokens.
_LATER_COLUMNS: Final = ((), ("policy", "secret_created", "previous_version", "previous_until"), ("kind", "session_id"))


def seal_key(secrets: Secrets | bytes, stored: StoredKey, cipher: SecretCipher) -> StoredKey:
    """Return the key with its secrets sealed under the active master key, tied to the record as it is in `stored`.

    Bytes are the secret of a key that has no other.
    """
    record = stored.record
    held = secrets if isinstance(secrets, Secrets) else Secrets(current=secrets)
    if record.public_key is not None and held.current:
        raise ValueError("a public key has no secret")
    if (held.previous is None) is not (record.previous is None):
        raise ValueError("a record must name the secret before, and no other may")
    sealed = cipher.seal(
        held.to_bytes() if _may_hold_several(stored) else held.current,
        tenant=record.tenant,
        key_id=record.key_id,
        version=stored.secret_version,
        beside=_sealed_in(stored),
        envelope=_envelope(stored),
    )
    return dataclasses.replace(stored, sealed_secret=sealed)


def open_secret(stored: StoredKey, cipher: SecretCipher) -> Secrets:
    """Return a stored key's secrets: nothing for a public key, whose record is as it was sealed once this returns.

    Raises:
        SealBroken: the secret or the record is not as it was sealed, or its master key is missing.
    """
    record = stored.record
    if stored.put_back:
        raise SealBroken("a key's row is older than its last change in the audit trail: it was put back behind our back")
    opened = cipher.unseal(
        stored.sealed_secret,
        tenant=record.tenant,
        key_id=record.key_id,
        version=stored.secret_version,
        beside=_sealed_in(stored),
        envelope=_envelope(stored),
    )
    held = Secrets.from_bytes(opened) if _may_hold_several(stored) else Secrets(current=opened)
    if record.public_key is not None and held.current:
        raise SealBroken("the seal of a public key holds a secret")
    if (held.previous is None) is not (record.previous is None):
        raise SealBroken("the seal of a key holds other secrets than its record names")
    return held


def _lateness(stored: StoredKey) -> int:
    record = stored.record
    if record.bearer or record.session_id:
        return 2
    return int(record.policy != NO_POLICY or record.secret_created is not None or record.previous is not None)


def _may_hold_several(stored: StoredKey) -> bool:
    return stored.record.kind is not KeyKind.PUBLIC and _lateness(stored) > 0


def _envelope(stored: StoredKey) -> int:
    return ENVELOPES[stored.record.kind, _lateness(stored)]


def _sealed_in(stored: StoredKey) -> bytes:
    """Return the record as JSON, of which no two records have the same.

    The issue mark is in it, or whoever writes the database could claim a key's first attempt and fetch its secret by a retry.
    """
    values = record_values(stored.record)
    parts = {name: values[name] for name in SEALED_COLUMNS}
    token, mark = stored.security_token_sha256, stored.mark
    parts["security_token_sha256"] = None if token is None else token.hex()
    parts["issue"] = None if mark is None else [mark.actor, mark.request_id, mark.fingerprint.hex()]
    public_key = stored.record.public_key
    for columns in _LATER_COLUMNS[: _lateness(stored) + 1]:
        parts |= {name: values[name] for name in columns}
    if public_key is not None:
        parts |= {"kind": stored.record.kind.value, "algorithm": public_key.algorithm, "public_key": public_key.spki.hex()}
    return json.dumps(parts, sort_keys=True).encode("ascii")
