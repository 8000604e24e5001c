"""Public keys over the wire: registered, shown, verified with, and never handed out as a secret."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.model import HttpRequest, KeyKind
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.admin_channel import Endpoint
from counterseal.server.rpc.admin_client import AdminClient
from counterseal.server.store.records import Encoding, ImportedMaterial, KeyDraft, KeyQuery, OfferedPublicKey, PublicMaterial
from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, failing
from tests.support.process import RunningServer

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"8" * 32)
RAW = PRIVATE.public_key().public_bytes_raw()
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
JWK = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(RAW).rstrip(b"=").decode()})


def pkcs8(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def register(client: Client, **fields: Any) -> keys_pb2.Key:
    message = keys_pb2.IssueKeyRequest(public_key=keys_pb2.PublicKeyMaterial(**({"pem": PEM} | fields)))
    answer = client.keys.IssueKey(message, metadata=client.admin)
    assert answer.secret == ""
    return answer.key


def signed_request(key_id: str, private_key: Ed25519PrivateKey = PRIVATE, **message: Any) -> pb.VerifyRequest:
    request = HttpRequest(method=b"GET", target=b"/a?b=c", headers=((b"host", b"example.com"),), content=b"", scheme="https")
    credentials = Credentials(key_id=key_id, private_key=pkcs8(private_key))
    signed = BUILT_IN["rfc9421"].sign(request, credentials, Signing(now=int(time.time())))
    headers = [pb.Header(name=name.decode(), value=value) for name, value in signed.headers]
    http_request = pb.HttpRequest(method="GET", target=signed.target, headers=headers, content=b"", scheme="https")
    return pb.VerifyRequest(http_request=http_request, **message)


@pytest.mark.parametrize("fields", [{"pem": PEM}, {"jwk": JWK}, {"raw": RAW}], ids=["pem", "jwk", "raw"])
def test_a_registered_key_verifies(client: Client, fields: dict[str, Any]) -> None:
    key = register(client, **fields)
    assert (key.kind, key.algorithm, key.public_key_pem) == (keys_pb2.KEY_KIND_PUBLIC, "ed25519", PEM)
    assert list(key.allowed_schemes) == ["rfc9421"]
    answer = client.verification.Verify(signed_request(key.key_id))
    assert answer.verified.key_id == key.key_id
    assert answer.verified.scheme == "rfc9421"
    assert '"@method"' in list(answer.verified.coverage.components)
    other = Ed25519PrivateKey.from_private_bytes(b"9" * 32)
    assert client.verify(signed_request(key.key_id, other)) == "MISMATCH"


def test_it_is_shown_alike_everywhere(client: Client) -> None:
    issued = register(client, key_id="shown-1")
    got = client.keys.GetKey(keys_pb2.GetKeyRequest(key_id="shown-1"), metadata=client.admin).key
    listed = client.keys.ListKeys(keys_pb2.ListKeysRequest(page_size=1000), metadata=client.admin).keys
    client.update("shown-1", "principal", principal="p")
    assert issued == got == next(key for key in listed if key.key_id == "shown-1")
    client.revoke("shown-1")
    assert client.verify(signed_request("shown-1")) == "KEY_REVOKED"


def test_a_symmetric_key_shows_no_public_one(client: Client) -> None:
    issued = client.issue()
    key = client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=issued.key_id), metadata=client.admin).key
    assert (key.kind, key.algorithm, key.public_key_pem) == (keys_pb2.KEY_KIND_SYMMETRIC, "", "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pem": ""}, "public_key.pem"),
        ({"pem": PEM[:-30]}, "public_key.pem"),
        ({"pem": pkcs8(PRIVATE).decode()}, "public_key.pem"),
        ({"jwk": PEM}, "public_key.jwk"),
        ({"raw": RAW[:-1]}, "public_key.raw"),
        ({"algorithm": "hmac-sha256"}, "public_key.algorithm"),
        ({"algorithm": "rsa-pss-sha512"}, "public_key.pem"),
        ({"key_id": "a b"}, "public_key.key_id"),
    ],
)
def test_what_is_no_public_key(server: RunningServer, client: Client, fields: dict[str, Any], field: str) -> None:
    with failing() as seen:
        register(client, **fields)
    assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", field)
    body = pkcs8(PRIVATE).decode().splitlines()[1]
    assert body not in seen[0].text
    assert body not in server.log()


def test_a_material_without_an_encoding(client: Client) -> None:
    with failing() as seen:
        message = keys_pb2.IssueKeyRequest(public_key=keys_pb2.PublicKeyMaterial(key_id="none"))
        client.keys.IssueKey(message, metadata=client.admin)
    assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "public_key")


def test_kinds_do_not_cross(client: Client) -> None:
    """Neither at issue, nor when the public key's bytes are used as an HMAC secret (CVE-2022-29217)."""
    with failing() as seen:
        message = keys_pb2.IssueKeyRequest(public_key=keys_pb2.PublicKeyMaterial(pem=PEM), allowed_schemes=["aws-sigv4"])
        client.keys.IssueKey(message, metadata=client.admin)
    assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "allowed_schemes")
    key = register(client)
    request = HttpRequest(method=b"GET", target=b"/", headers=((b"host", b"example.com"),), content=b"", scheme="https")
    for secret in (PEM.encode(), RAW):
        credentials = Credentials(key_id=key.key_id, secret=secret)
        signed = BUILT_IN["rfc9421"].sign(request, credentials, Signing(now=int(time.time())))
        headers = [pb.Header(name=name.decode(), value=value) for name, value in signed.headers]
        forged = pb.HttpRequest(method="GET", target=b"/", headers=headers, content=b"", scheme="https")
        answer = client.verification.Verify(pb.VerifyRequest(http_request=forged))
        assert answer.WhichOneof("outcome") == "rejected"


def test_the_administrators_client_registers_and_shows(server: RunningServer, client: Client) -> None:
    endpoint = Endpoint(address=server.address, token=server.admin_token, timeout=30)
    with AdminClient(endpoint) as admin:
        offers = (
            OfferedPublicKey(text=PEM.encode(), encoding=Encoding.PEM, key_id="admin-1"),
            OfferedPublicKey(text=JWK.encode(), encoding=Encoding.JWK),
            OfferedPublicKey(text=RAW, encoding=Encoding.RAW, algorithm="ed25519"),
        )
        records = [admin.issue(KeyDraft(material=offer)).record for offer in offers]
        found = records[0].public_key
        assert found is not None
        assert {record.public_key for record in records} == {found}
        assert {record.kind for record in records} == {KeyKind.PUBLIC}
        assert admin.get("admin-1") == records[0]
        again = admin.issue(KeyDraft(material=PublicMaterial(key_id="", public_key=found))).record
        assert again.public_key == found
        assert again in admin.list_keys(KeyQuery(page_size=1000)).records
        with pytest.raises(InvalidField):
            admin.issue(KeyDraft(material=OfferedPublicKey(text=b"\xff\xfe", encoding=Encoding.PEM)))
        imported = admin.issue(KeyDraft(material=ImportedMaterial(key_id="admin-2", secret=b"s" * 16))).record
        assert (imported.kind, imported.public_key) == (KeyKind.SYMMETRIC, None)


def test_a_registration_is_in_the_log_without_the_key(server: RunningServer, client: Client) -> None:
    key = register(client)
    line = next(line for line in server.log().splitlines() if '"key_issued"' in line and key.key_id in line)
    assert '"kind": "PUBLIC"' in line
    assert '"imported": false' in line
