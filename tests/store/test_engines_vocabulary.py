"""What a serving process asks of its database where nobody listens, statement by statement: what docs/databases.md says.

Distributed engines that speak PostgreSQL's or MySQL's protocol are not run here. What can be shown is that nothing is asked of
them that is peculiar to one machine: the words of all statements are among those that every such engine knows.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import Engine, event

from counterseal.server.store.tables import METADATA
from counterseal.v1 import (
    audit_pb2,
    audit_pb2_grpc,
    callers_pb2,
    callers_pb2_grpc,
    keys_pb2,
    principals_pb2,
    principals_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
)
from tests.server.calls import signed
from tests.server.inprocess import InProcess, in_process, wait_for_feed
from tests.store import samples
from tests.store.engines import ENGINES, SERVERS

PASSWORD = "correct horse battery"
# All of it is in the manuals of CockroachDB, YugabyteDB and TiDB. The last line is how SQLAlchemy looks for a table.
_KNOWN = """
SELECT FROM WHERE AND IN AS ORDER BY DESC LIMIT GROUP LEFT OUTER JOIN ON CASE WHEN THEN ELSE END FOR UPDATE SHOW
INSERT INTO VALUES IGNORE DUPLICATE KEY CONFLICT DO NOTHING RETURNING SET DELETE BIGINT INTEGER VARCHAR
EXISTS NOT OR IS NULL
DESCRIBE ANY ARRAY
"""
WORDS = frozenset(_KNOWN.split())
FUNCTIONS = {"concat", "count", "max", "substr", "pg_table_is_visible"}


@contextmanager
def statements() -> Iterator[set[str]]:
    """Every statement that any engine of this process runs meanwhile."""
    seen: set[str] = set()

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.add(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def use_keys(server: InProcess) -> None:
    client, keys = server.client, server.client.keys
    admin: Any = {"metadata": client.admin}
    issued = client.issue(principal="alice", request_id="r-1")
    assert client.verify(signed(issued, request_id="v-1")) == "verified"
    assert client.verify(signed(issued, request_id="v-2")) == "REPLAYED"
    client.update(issued.key_id, "description", description="x")
    keys.RotateKey(keys_pb2.RotateKeyRequest(key_id=issued.key_id, overlap=Duration(seconds=60), request_id="r-2"), **admin)
    keys.GetKey(keys_pb2.GetKeyRequest(key_id=issued.key_id), **admin)
    keys.ListKeys(keys_pb2.ListKeysRequest(principal="alice", page_size=1), **admin)
    client.revoke(issued.key_id)
    client.verify(signed(client.issue()))


def use_callers(server: InProcess) -> None:
    stub = callers_pb2_grpc.CallerServiceStub(server.channel)
    admin: Any = {"metadata": server.client.admin}
    caller = callers_pb2.Caller(name="edge", role=callers_pb2.CALLER_ROLE_GATEWAY)
    stub.CreateCaller(callers_pb2.CreateCallerRequest(caller=caller, bearer_token=True), **admin)
    stub.ListCallers(callers_pb2.ListCallersRequest(), **admin)
    stub.DeleteCaller(callers_pb2.DeleteCallerRequest(name="edge"), **admin)


def use_sessions(server: InProcess) -> None:
    admin: Any = {"metadata": server.client.admin}
    people = principals_pb2_grpc.PrincipalServiceStub(server.channel)
    principal = principals_pb2.Principal(name="alice")
    people.CreatePrincipal(principals_pb2.CreatePrincipalRequest(principal=principal, password=PASSWORD), **admin)
    people.ListPrincipals(principals_pb2.ListPrincipalsRequest(), **admin)
    stub = sessions_pb2_grpc.SessionServiceStub(server.channel)
    for password, expected in ((PASSWORD + "?", "refused"), (PASSWORD, "signed_in")):
        request = sessions_pb2.SignInRequest(principal="alice", password=password, access_token=True)
        begun = stub.SignIn(request, **admin)
        assert begun.WhichOneof("outcome") == expected
    refreshed = stub.Refresh(sessions_pb2.RefreshRequest(refresh_token=begun.signed_in.refresh_token), **admin)
    assert refreshed.WhichOneof("outcome") == "signed_in"
    session = begun.signed_in.session.session_id
    stub.IssueTemporaryCredentials(sessions_pb2.IssueTemporaryCredentialsRequest(session_id=session), **admin)
    stub.ListSessions(sessions_pb2.ListSessionsRequest(), **admin)
    stub.SignOut(sessions_pb2.SignOutRequest(session_id=session), **admin)
    people.DeletePrincipal(principals_pb2.DeletePrincipalRequest(name="alice"), **admin)
    audit_pb2_grpc.AuditServiceStub(server.channel).ListAuditEntries(audit_pb2.ListAuditEntriesRequest(), **admin)


@pytest.fixture(scope="module", params=SERVERS)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """All that a process asks of a database whose schema is in place, from its start to its end."""
    folder = tmp_path_factory.mktemp("vocabulary")
    url = ENGINES[request.param](folder)
    store = samples.open_store(url, timeout=60)
    store.upgrade()
    store.close()
    settings = {"DATABASE_URL": url, "FEED": "poll", "REPLAY": "sql", "REPLAY_COLD_START": "accept", "LAST_USE_INTERVAL": "0.2"}
    with statements() as seen, in_process(folder / "data", **settings) as server:
        use_keys(server)
        use_callers(server)
        use_sessions(server)
        wait_for_feed(server, 2)
    return seen


def bare(statement: str) -> str:
    """Without parameters and quoted names."""
    return re.sub(r"%\(\w+\)s|`[^`]*`|\"[^\"]*\"", "?", statement)


def test_every_word_is_known_to_every_engine_of_its_protocol(asked: set[str]) -> None:
    assert {word for text in asked for word in re.findall(r"\b[A-Z][A-Z_]+\b", bare(text))} <= WORDS
    assert {name for text in asked for name in re.findall(r"\b([a-z_]+)\(", bare(text))} <= FUNCTIONS


def test_tables_are_ours_but_for_the_look_at_the_schema(asked: set[str]) -> None:
    read = {
        name
        for text in asked
        for name in re.findall(r"(?:FROM|JOIN|INTO|(?<!KEY )(?<!DO )UPDATE) ([a-z_.]+)(?: |$)", bare(text))
    }
    assert read <= {*METADATA.tables, "alembic_version", "pg_catalog.pg_class", "pg_catalog.pg_namespace"}


def test_it_was_asked_for_everything(asked: set[str]) -> None:
    """What was written here was used: every table of ours, the lock of the change sequence, and what is there or not."""
    text = "\n".join(bare(one) for one in asked)
    used = {name for name in METADATA.tables if re.search(rf"\b{name}\.|`{name}`", "\n".join(asked))}
    assert used == set(METADATA.tables)
    assert re.search(r"FROM change_sequence .*FOR UPDATE", text)
    assert re.search(r"ON CONFLICT|ON DUPLICATE KEY", text)
