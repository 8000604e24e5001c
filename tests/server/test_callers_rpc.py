"""CallerService over the wire, and what a change does to calls: here and on another replica."""

import hashlib
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import update

from counterseal.server.store.tables import CALLERS
from counterseal.v1 import callers_pb2 as pb
from counterseal.v1 import callers_pb2_grpc, keys_pb2
from counterseal.v1.verification_pb2 import ListSchemesRequest
from tests.server.calls import Client, Metadata, RpcFailure, bearer, failing, read_failure, signed
from tests.store.samples import open_store
from tests.support.process import RunningServer, running_server

SECONDS = 90


@dataclass
class Rig:
    server: RunningServer
    channel: grpc.Channel

    @property
    def stub(self) -> callers_pb2_grpc.CallerServiceStub:
        return callers_pb2_grpc.CallerServiceStub(self.channel)

    @property
    def admin(self) -> Metadata:
        return bearer(self.server.admin_token)

    @property
    def client(self) -> Client:
        return Client(self.channel, self.admin)

    def create(self, name: str, *, bearer_token: bool = True, **given: Any) -> pb.CreateCallerResponse:
        fields: dict[str, Any] = {"name": name, "role": pb.CALLER_ROLE_GATEWAY}
        caller = pb.Caller(**(fields | given))
        return self.stub.CreateCaller(pb.CreateCallerRequest(caller=caller, bearer_token=bearer_token), metadata=self.admin)

    def update(self, *mask: str, **given: Any) -> pb.Caller:
        request = pb.UpdateCallerRequest(caller=pb.Caller(**given))
        request.update_mask.paths.extend(mask)
        return self.stub.UpdateCaller(request, metadata=self.admin).caller

    def delete(self, name: str, etag: str = "") -> None:
        self.stub.DeleteCaller(pb.DeleteCallerRequest(name=name, etag=etag), metadata=self.admin)

    def who(self, metadata: Metadata) -> str:
        """Return `known`, or why a call with this metadata is refused. The method is one that every role may call."""
        return _outcome(lambda: self.client.verification.ListSchemes(_SCHEMES, metadata=metadata))


_SCHEMES = ListSchemesRequest()


def _outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except grpc.RpcError as error:
        return read_failure(error).reason
    return "known"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = {"VERIFY_REQUIRES_CALLER": "true"}
    with running_server(tmp_path_factory.mktemp("callers") / "data", settings) as server, server.channel() as channel:
        yield Rig(server, channel)


def _refused(call: Callable[[], object]) -> RpcFailure:
    with failing() as seen:
        call()
    return seen[0]


def test_a_caller_from_beginning_to_end(rig: Rig) -> None:
    limits = pb.CallerLimits(tenants=["b", "a"], calls_per_second=100)
    created = rig.create("edge-1", description="the edge", limits=limits)
    assert created.bearer_token.startswith("counterseal_caller_")
    assert len(created.bearer_token) >= len("counterseal_caller_") + 43  # 256 bits
    caller = created.caller
    assert (caller.name, caller.role, caller.state) == ("edge-1", pb.CALLER_ROLE_GATEWAY, pb.CALLER_STATE_ACTIVE)
    assert (caller.has_bearer_token, caller.description, caller.san) == (True, "the edge", "")
    assert list(caller.limits.tenants) == ["a", "b"]
    assert caller.create_time == caller.update_time
    read = rig.stub.GetCaller(pb.GetCallerRequest(name="edge-1"), metadata=rig.admin).caller
    assert read == caller
    who = bearer(created.bearer_token)
    assert rig.who(who) == "known"

    disabled = rig.update("state", name="edge-1", state=pb.CALLER_STATE_DISABLED, etag=caller.etag)
    assert disabled.etag != caller.etag
    assert rig.who(who) == "CALLER_UNKNOWN"
    assert _refused(lambda: rig.update("state", name="edge-1", state=pb.CALLER_STATE_ACTIVE, etag=caller.etag)).reason == (
        "ETAG_MISMATCH"
    )
    rig.update("state", name="edge-1", state=pb.CALLER_STATE_ACTIVE)
    assert rig.who(who) == "known"

    request = pb.RotateCallerTokenRequest(name="edge-1")
    rotated = rig.stub.RotateCallerToken(request, metadata=rig.admin)
    assert rig.who(who) == "CALLER_UNKNOWN"
    assert rig.who(bearer(rotated.bearer_token)) == "known"
    assert _refused(lambda: rig.delete("edge-1", caller.etag)).reason == "ETAG_MISMATCH"
    rig.delete("edge-1", rotated.caller.etag)
    assert rig.who(bearer(rotated.bearer_token)) == "CALLER_UNKNOWN"
    assert _refused(lambda: rig.delete("edge-1")).reason == "CALLER_NOT_FOUND"
    gone = _refused(lambda: rig.stub.GetCaller(pb.GetCallerRequest(name="edge-1"), metadata=rig.admin))
    assert (gone.code, gone.reason) == ("NOT_FOUND", "CALLER_NOT_FOUND")


def test_a_change_of_role_counts_at_once(rig: Rig) -> None:
    who = bearer(rig.create("promoted").bearer_token)
    issue = lambda: rig.client.keys.IssueKey(keys_pb2.IssueKeyRequest(), metadata=who)  # noqa: E731
    assert _outcome(issue) == "CALLER_NOT_PERMITTED"
    rig.update("role", name="promoted", role=pb.CALLER_ROLE_ADMIN)
    assert _outcome(issue) == "known"
    rig.update("role", name="promoted", role=pb.CALLER_ROLE_AUDITOR)
    assert _outcome(issue) == "CALLER_NOT_PERMITTED"


def test_what_is_recognised_and_what_is_not(rig: Rig) -> None:
    token = rig.create("spelled").bearer_token
    digest = hashlib.sha256(token.encode()).hexdigest()
    for metadata in (bearer(token), (("authorization", f"bearer {token}"),), (("authorization", f"BEARER {token}"),)):
        assert rig.who(metadata) == "known"
    for metadata in (
        (),
        (("authorization", ""),),
        (("authorization", token),),
        (("authorization", f"Bearer  {token}"),),
        (("authorization", f"Basic {token}"),),
        (("authorization", f"Bearer {token.lower()}"),),
        (("authorization", f"Bearer {token[:-1]}"),),
        (("authorization", f"Bearer {digest}"),),
        (("x-authorization", f"Bearer {token}"),),
        (("proxy-authorization", f"Bearer {token}"),),
        (("authorization-bin", f"Bearer {token}".encode()),),
        bearer(token) + bearer(token),
        (*bearer(token), ("authorization", "")),
    ):
        assert rig.who(metadata) == "CALLER_UNKNOWN", metadata[0][0] if metadata else "none"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "caller.name"),
        ({"name": "-edge"}, "caller.name"),
        ({"name": "e" * 65}, "caller.name"),
        ({"name": "edge\n"}, "caller.name"),
        ({"name": "édge"}, "caller.name"),
        ({"role": 0}, "caller.role"),
        ({"role": 99}, "caller.role"),
        ({"state": 99}, "caller.state"),
        ({"description": "x" * 1025}, "caller.description"),
        ({"description": "a\nb"}, "caller.description"),
        ({"san": "a b"}, "caller.san"),
        ({"san": "x" * 256}, "caller.san"),
        ({"limits": pb.CallerLimits(tenants=["a b"])}, "caller.limits.tenants"),
        ({"limits": pb.CallerLimits(tenants=[str(n) for n in range(257)])}, "caller.limits.tenants"),
        ({"limits": pb.CallerLimits(schemes=["aws-sigv5"])}, "caller.limits.schemes"),
        ({"limits": pb.CallerLimits(regions=[""])}, "caller.limits.regions"),
        ({"limits": pb.CallerLimits(regions=[str(n) for n in range(65)])}, "caller.limits.regions"),
        ({"limits": pb.CallerLimits(services=["x" * 129])}, "caller.limits.services"),
        ({"limits": pb.CallerLimits(calls_per_second=1_000_001)}, "caller.limits.calls_per_second"),
        ({"limits": pb.CallerLimits(burst=1)}, "caller.limits.burst"),
        ({"limits": pb.CallerLimits(concurrent_calls=2**32 - 1)}, "caller.limits.concurrent_calls"),
        (
            {"role": pb.CALLER_ROLE_AUDITOR, "limits": pb.CallerLimits(string_to_sign=True)},
            "caller.limits.string_to_sign",
        ),
        ({"bearer_token": False}, "caller.san"),
    ],
)
def test_what_cannot_be_created(rig: Rig, given: dict[str, Any], field: str) -> None:
    failure = _refused(lambda: rig.create(**({"name": "fine"} | given)))
    assert (failure.code, failure.reason, failure.field) == ("INVALID_ARGUMENT", "INVALID_FIELD", field)
    assert _refused(lambda: rig.stub.GetCaller(pb.GetCallerRequest(name="fine"), metadata=rig.admin)).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("mask", "given", "field"),
    [
        ((), {}, "update_mask"),
        (("name",), {}, "update_mask"),
        (("role", "etag"), {"role": 1}, "update_mask"),
        (("role",), {}, "caller.role"),
        (("state",), {}, "caller.state"),
        (("description",), {"description": "\x7f"}, "caller.description"),
        (("limits",), {"limits": pb.CallerLimits(burst=2)}, "caller.limits.burst"),
        (("san",), {"san": ""}, None),
    ],
)
def test_what_cannot_be_changed(rig: Rig, mask: tuple[str, ...], given: dict[str, Any], field: str | None) -> None:
    name = f"changing-{'-'.join(mask) or 'nothing'}"
    rig.create(name)
    if field is None:  # it has a bearer token, so it may go without
        rig.update(*mask, name=name, **given)
        return
    assert _refused(lambda: rig.update(*mask, name=name, **given)).field == field


def test_the_last_thing_to_be_recognised_by_cannot_go(rig: Rig) -> None:
    rig.create("by-san", bearer_token=False, san="spiffe://mesh/by-san")
    assert _refused(lambda: rig.update("san", name="by-san", san="")).field == "caller.san"
    rotated = rig.stub.RotateCallerToken(pb.RotateCallerTokenRequest(name="by-san"), metadata=rig.admin)
    assert rig.who(bearer(rotated.bearer_token)) == "known"  # its first
    assert rig.update("san", name="by-san", san="").san == ""


@pytest.mark.parametrize("name", ["taken", "admin-token", "anonymous"])
def test_names_that_are_taken(rig: Rig, name: str) -> None:
    if name == "taken":
        rig.create(name, san="spiffe://mesh/taken")
    failure = _refused(lambda: rig.create(name))
    assert (failure.code, failure.reason) == ("ALREADY_EXISTS", "CALLER_EXISTS")
    if name == "taken":
        assert _refused(lambda: rig.create("another", san="spiffe://mesh/taken")).reason == "CALLER_EXISTS"


def test_pages(rig: Rig) -> None:
    for number in range(5):
        rig.create(f"page-{number}")
    seen: list[str] = []
    token = ""
    while True:
        page = rig.stub.ListCallers(pb.ListCallersRequest(page_size=2, page_token=token), metadata=rig.admin)
        assert len(page.callers) <= 2
        seen += [caller.name for caller in page.callers]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(seen)
    assert {f"page-{number}" for number in range(5)} <= set(seen)
    for request, field in (
        (pb.ListCallersRequest(page_size=1001), "page_size"),
        (pb.ListCallersRequest(page_size=-1), "page_size"),
        (pb.ListCallersRequest(page_token="!"), "page_token"),
        (pb.ListCallersRequest(page_token="x" * 600), "page_token"),
        (pb.ListCallersRequest(page_token="LQ=="), "page_token"),
    ):
        assert _refused(lambda request=request: rig.stub.ListCallers(request, metadata=rig.admin)).field == field  # type: ignore[misc]


def test_no_bearer_token_is_stored_or_logged(rig: Rig) -> None:
    token = rig.create("kept-secret").bearer_token
    assert rig.who(bearer(token + "x")) == "CALLER_UNKNOWN"
    assert token not in rig.server.log()
    for path in rig.server.data_dir.iterdir():
        assert token.encode() not in path.read_bytes(), path.name


def _eventually(outcome: Callable[[], str], wanted: str) -> None:
    end = time.monotonic() + SECONDS
    while outcome() != wanted:
        assert time.monotonic() < end, f"never {wanted}"
        time.sleep(0.01)


def test_a_change_reaches_another_replica(tmp_path: Path) -> None:
    """Two processes on one database: what one creates and removes, the other knows and refuses, without a restart."""
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/shared.db", "VERIFY_REQUIRES_CALLER": "true"}
    with ExitStack() as parts:
        here = parts.enter_context(running_server(tmp_path / "data", settings))
        there = parts.enter_context(running_server(tmp_path / "data", settings))
        rigs = [Rig(server, parts.enter_context(server.channel())) for server in (here, there)]
        who = bearer(rigs[0].create("edge").bearer_token)
        _eventually(lambda: rigs[1].who(who), "known")
        rigs[1].update("state", name="edge", state=pb.CALLER_STATE_DISABLED)
        _eventually(lambda: rigs[0].who(who), "CALLER_UNKNOWN")
        rigs[0].update("state", name="edge", state=pb.CALLER_STATE_ACTIVE)
        _eventually(lambda: rigs[1].who(who), "known")
        rigs[0].delete("edge")  # of which no row is left
        _eventually(lambda: rigs[1].who(who), "CALLER_UNKNOWN")


def test_a_forged_row_is_nobody_and_raises_the_alarm(tmp_path: Path) -> None:
    settings = {"VERIFY_REQUIRES_CALLER": "true"}
    with running_server(tmp_path / "data", settings) as server, server.channel() as channel:
        rig = Rig(server, channel)
        tokens = {name: rig.create(name).bearer_token for name in ("edge", "other")}
        store = open_store(f"sqlite:///{tmp_path}/data/counterseal.db", timeout=60)
        statement = update(CALLERS).where(CALLERS.c.name == "edge").values(role="admin")
        store.transactions.writing(lambda connection: connection.execute(statement))
        store.close()
        rig.create("more")  # any change has the rows read again; a quiet server does so every minute
        assert rig.who(bearer(tokens["edge"])) == "CALLER_UNKNOWN"
        assert rig.who(bearer(tokens["other"])) == "known"
        assert '"caller_seal_broken"' in server.log()
        metrics = urllib.request.urlopen(server.metrics_url, timeout=90).read().decode()
        assert "counterseal_seal_broken_total 1.0" in metrics
        names = [caller.name for caller in rig.stub.ListCallers(pb.ListCallersRequest(), metadata=rig.admin).callers]
        assert names == ["more", "other"]
        assert _refused(lambda: rig.stub.GetCaller(pb.GetCallerRequest(name="edge"), metadata=rig.admin)).code == "INTERNAL"
        assert _refused(lambda: rig.update("role", name="edge", role=pb.CALLER_ROLE_GATEWAY)).code == "INTERNAL"
        rig.delete("edge")


def test_stored_callers_verify(rig: Rig) -> None:
    token = rig.create("verifier").bearer_token
    assert rig.client.verify(signed(rig.client.issue()), bearer(token)) == "verified"
