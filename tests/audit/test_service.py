"""The trail as a server writes and lists it: every change and every lease, in the caller's tenants, and no lease without it."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import duration_pb2

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.audit_check import check_links
from counterseal.server.rpc.audit_messages import read_entry
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import AuditEntry
from counterseal.v1 import audit_pb2, audit_pb2_grpc, callers_pb2, callers_pb2_grpc, keys_pb2
from tests.server.calls import Metadata, bearer, failing, signed
from tests.server.inprocess import InProcess, in_process
from tests.server.uploads import upload

ED25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[InProcess]:
    with in_process(tmp_path / "data", ALLOW_LEASE="true", STORE_TIMEOUT="60") as running:
        yield running


def listed(server: InProcess, metadata: Metadata | None = None, **fields: Any) -> audit_pb2.ListAuditEntriesResponse:
    stub = audit_pb2_grpc.AuditServiceStub(server.channel)
    answer = stub.ListAuditEntries(
        audit_pb2.ListAuditEntriesRequest(**fields), metadata=server.client.admin if metadata is None else metadata
    )
    assert isinstance(answer, audit_pb2.ListAuditEntriesResponse)
    return answer


def create_caller(server: InProcess, name: str, role: "callers_pb2.CallerRole", tenants: list[str]) -> Metadata:
    made = callers_pb2_grpc.CallerServiceStub(server.channel).CreateCaller(
        callers_pb2.CreateCallerRequest(
            caller=callers_pb2.Caller(name=name, role=role, limits=callers_pb2.CallerLimits(tenants=tenants)), bearer_token=True
        ),
        metadata=server.client.admin,
    )
    return bearer(made.bearer_token)


def test_every_change_and_every_lease_is_in_the_trail(server: InProcess) -> None:
    client, keys = server.client, server.client.keys
    issued = client.issue(request_id="r-1")
    imported = keys_pb2.ImportedSecret(key_id="IMPORTEDKEY1", secret=b"s" * 40)
    keys.IssueKey(keys_pb2.IssueKeyRequest(imported_secret=imported, tenant="other"), metadata=client.admin)
    public = keys_pb2.PublicKeyMaterial(pem=ED25519)
    keys.IssueKey(keys_pb2.IssueKeyRequest(public_key=public, allowed_schemes=["rfc9421"]), metadata=client.admin)
    client.update(issued.key_id, "principal", principal="p")
    made = upload(issued, lease_signing_key=True, request_id="l-1")
    made.begin(client.verification.Verify(made.message))
    assert made.duty.signing_key
    keys.RotateKey(
        keys_pb2.RotateKeyRequest(key_id=issued.key_id, overlap=duration_pb2.Duration(seconds=60)), metadata=client.admin
    )
    create_caller(server, "edge", callers_pb2.CALLER_ROLE_GATEWAY, [])
    client.revoke(issued.key_id)
    entries = listed(server).entries
    actions = ["issue", "import", "register", "update", "lease", "rotate", "caller_create", "revoke"]
    assert [entry.action for entry in entries] == actions
    assert [entry.sequence for entry in entries] == list(range(1, 9))
    assert entries[0].request_id == "r-1"
    assert entries[1].tenant == "other"
    lease = entries[4]
    assert (lease.key_id, lease.request_id, lease.actor) == (issued.key_id, "l-1", "anonymous")
    assert json.loads(lease.detail_json)["scope"] == made.duty.scope
    problems: list[str] = []
    check_links((("", read_entry(entry)) for entry in entries), problems.append)
    assert problems == []


def test_pages_are_linked_and_a_key_has_its_own(server: InProcess) -> None:
    issued = [server.client.issue() for _ in range(5)]
    server.client.revoke(issued[1].key_id)
    first = listed(server, page_size=2)
    assert first.more
    rest = listed(server, page_size=4, after_sequence=first.entries[-1].sequence)
    assert not rest.more
    assert rest.entries[0].previous_hash == first.entries[-1].hash
    assert first.entries[0].previous_hash == b""
    own = listed(server, key_id=issued[1].key_id).entries
    assert [entry.action for entry in own] == ["issue", "revoke"]
    assert own[1].previous_hash == rest.entries[-2].hash  # the link that is not in this page
    assert listed(server, after_sequence=2**63 - 1).entries == []


@pytest.mark.parametrize("role", [callers_pb2.CALLER_ROLE_ADMIN, callers_pb2.CALLER_ROLE_AUDITOR])
def test_a_caller_of_a_tenant_sees_its_entries_alone(server: InProcess, role: "callers_pb2.CallerRole") -> None:
    keys = {tenant: server.client.issue(tenant=tenant) for tenant in ("one", "two", "one-more")}
    metadata = create_caller(server, "reader", role, ["one"])
    assert [entry.tenant for entry in listed(server, metadata).entries] == ["one"]
    assert listed(server, metadata, key_id=keys["two"].key_id).entries == []
    assert len(listed(server, create_caller(server, "all", role, [])).entries) == 5


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"page_size": 1001}, "page_size"), ({"page_size": -1}, "page_size"), ({"after_sequence": 2**63}, "after_sequence"),
     ({"key_id": "not a key"}, "key_id")],
)  # fmt: skip
def test_limits_are_named(server: InProcess, fields: dict[str, Any], field: str) -> None:
    with failing() as seen:
        listed(server, **fields)
    assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", field)


def test_a_lease_that_cannot_be_written_down_is_not_given(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", ALLOW_LEASE="true", STORE_TIMEOUT="5") as server:
        issued = server.client.issue()
        assert server.client.verify(signed(issued)) == "verified"
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "counterseal.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with failing() as seen:
                server.client.verification.Verify(upload(issued, lease_signing_key=True).message)
            assert (seen[0].code, seen[0].reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
            assert server.client.verify(signed(issued)) == "verified"  # which needs nothing written down
            other.execute("ROLLBACK")
        made = upload(issued, lease_signing_key=True)
        made.begin(server.client.verification.Verify(made.message))
        assert made.duty.signing_key
        assert [entry.action for entry in listed(server).entries] == ["issue", "lease"]


def test_a_key_revoked_while_its_lease_is_written_down_is_not_leased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = KeyStore.note
    meanwhile: list[Callable[[], object]] = []

    def note(store: KeyStore, entry: AuditEntry) -> int:
        number = sound(store, entry)
        for act in meanwhile:
            act()
        return number

    monkeypatch.setattr(KeyStore, "note", note)
    with in_process(tmp_path / "data", ALLOW_LEASE="true", STORE_TIMEOUT="60") as server:
        issued = server.client.issue()
        meanwhile.append(lambda: server.client.revoke(issued.key_id))
        with failing() as seen:
            server.client.verification.Verify(upload(issued, lease_signing_key=True).message)
        assert seen[0].code == "UNAVAILABLE"
        assert server.client.verify(signed(issued)) == "KEY_REVOKED"


def test_a_change_that_cannot_be_written_down_is_not_made(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterseal.server.store.journal import Journal

    issued = server.client.issue()

    def record(*rest: Any, **more: Any) -> int:
        raise StoreUnavailable("the journal is gone")

    with monkeypatch.context() as broken:
        broken.setattr(Journal, "record", record)
        with failing() as seen:
            server.client.revoke(issued.key_id)
    assert seen[0].code == "UNAVAILABLE"
    assert server.client.verify(signed(issued)) == "verified"
    assert [entry.action for entry in listed(server).entries] == ["issue"]
