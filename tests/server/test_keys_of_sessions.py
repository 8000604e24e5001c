"""A key of a session in an administrator's hands: it may be ended sooner, and never made to do more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.server.rpc import key_admin, key_messages
from counterseal.server.store.records import KeyDraft
from counterseal.v1 import keys_pb2
from tests.server.calls import Client, failing
from tests.server.inprocess import in_process

SESSION = "A" * 24
# RFC 8032 section 7.1, test 1.
ED25519 = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
END = Timestamp(seconds=4_000_000_000)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with in_process(tmp_path / "data") as running:
        yield running.client


def issue(client: Client, **fields: Any) -> keys_pb2.Key:
    """Issue a key as a session would make one: nobody can ask for that over the wire."""

    def of_session(message: keys_pb2.IssueKeyRequest) -> KeyDraft:
        return replace(read(message), session_id=SESSION)

    read = key_messages.read_draft
    with mock.patch.object(key_admin, "read_draft", of_session):
        return client.keys.IssueKey(keys_pb2.IssueKeyRequest(expire_time=END, **fields), metadata=client.admin).key


def update(client: Client, key: keys_pb2.Key, *mask: str, **fields: Any) -> keys_pb2.Key:
    request = keys_pb2.UpdateKeyRequest(key=keys_pb2.Key(key_id=key.key_id, **fields))
    request.update_mask.paths.extend(mask)
    return client.keys.UpdateKey(request, metadata=client.admin).key


KINDS: dict[str, dict[str, Any]] = {
    "bearer": {"bearer_token": keys_pb2.BearerTokenMaterial()},
    "symmetric": {"allowed_schemes": ["aws-sigv4"]},
    "public": {"public_key": keys_pb2.PublicKeyMaterial(raw=ED25519)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_never_does_more_than_its_session_gave_it(client: Client, kind: str) -> None:
    key = issue(client, **KINDS[kind])
    assert key.session_id == SESSION
    later = Timestamp(seconds=END.seconds + 1)
    for mask, fields in (
        (["expire_time"], {"expire_time": later}),
        (["expire_time"], {"expire_time": Timestamp(seconds=END.seconds - 1)}),
        (["expire_time"], {}),
        (["description", "expire_time"], {"description": "x", "expire_time": later}),
        # It would speak for somebody whose leave does not end it.
        (["principal"], {"principal": "somebody else"}),
    ):
        with failing() as seen:
            update(client, key, *mask, **fields)
        assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", "update_mask")
    with failing() as seen:
        client.keys.RotateKey(keys_pb2.RotateKeyRequest(key_id=key.key_id, overlap=Duration()), metadata=client.admin)
    assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", "key_id")
    found = client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=key.key_id), metadata=client.admin).key
    assert found == key


def test_its_schemes_are_only_narrowed(client: Client) -> None:
    key, narrow = issue(client, allowed_schemes=["aws-sigv4", "rfc9421"]), issue(client, allowed_schemes=["aws-sigv4"])
    with failing() as seen:
        update(client, narrow, "allowed_schemes", allowed_schemes=["aws-sigv4", "rfc9421"])
    assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", "key.allowed_schemes")
    assert list(update(client, key, "allowed_schemes", allowed_schemes=["aws-sigv4"]).allowed_schemes) == ["aws-sigv4"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_described_disabled_and_revoked_like_any_other(client: Client, kind: str) -> None:
    key = issue(client, **KINDS[kind])
    changed = update(client, key, "description", "state", description="x", state=keys_pb2.KEY_STATE_DISABLED)
    assert (changed.description, changed.session_id, changed.expire_time) == ("x", SESSION, END)
    done = client.keys.Revoke(keys_pb2.RevokeRequest(key_id=key.key_id, reason="a test"), metadata=client.admin)
    assert done.key.state == keys_pb2.KEY_STATE_REVOKED
