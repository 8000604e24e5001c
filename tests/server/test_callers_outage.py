"""A store that is away: stored callers are not known for longer than the bound, and whoever needs no store goes on."""

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from counterseal.server.callers.bearer import bearer_sha256
from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.callers import CallerStore
from counterseal.server.store.changes import ChangeReader
from counterseal.v1 import callers_pb2 as pb
from counterseal.v1 import callers_pb2_grpc
from counterseal.v1.verification_pb2 import ListSchemesRequest
from tests.server.calls import Metadata, bearer, read_failure
from tests.server.inprocess import InProcess, in_process

CONFIGURED = "the-bearer-of-a-configured-gateway"
SECONDS = 60


def _who(server: InProcess, metadata: Metadata) -> str:
    try:
        server.client.verification.ListSchemes(ListSchemesRequest(), metadata=metadata, timeout=90)
    except grpc.RpcError as error:
        failure = read_failure(error)
        return f"{failure.code} {failure.reason}"
    return "known"


def _eventually(outcome: Callable[[], str], wanted: str) -> None:
    end = time.monotonic() + SECONDS
    while (seen := outcome()) != wanted:
        assert time.monotonic() < end, f"{seen}, never {wanted}"
        time.sleep(0.02)


def test_without_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text(
        f'[[callers]]\nname = "conf"\nrole = "gateway"\ntoken_sha256 = "{bearer_sha256(CONFIGURED).hex()}"\n'
    )
    settings = {"CONFIG": str(tmp_path / "c.toml"), "REVOKE_BOUND": "0.5", "VERIFY_REQUIRES_CALLER": "true"}
    with in_process(tmp_path / "data", **settings) as server:
        caller = pb.Caller(name="edge", role=pb.CALLER_ROLE_GATEWAY)
        stub = callers_pb2_grpc.CallerServiceStub(server.channel)
        request = pb.CreateCallerRequest(caller=caller, bearer_token=True)
        edge = bearer(stub.CreateCaller(request, metadata=server.client.admin).bearer_token)
        assert _who(server, edge) == "known"

        def away(*_: object) -> None:
            raise StoreUnavailable("on purpose")

        with monkeypatch.context() as patch:
            patch.setattr(ChangeReader, "read", away)
            patch.setattr(CallerStore, "mark", away)
            _eventually(lambda: _who(server, edge), "UNAVAILABLE STORE_UNAVAILABLE")
            # And not "unknown": nobody can say that now.
            assert _who(server, bearer("counterseal_caller_of_nobody_at_all")) == "UNAVAILABLE STORE_UNAVAILABLE"
            assert _who(server, bearer(CONFIGURED)) == "known"
            assert _who(server, server.client.admin) == "known"
            assert _who(server, ()) == "UNAUTHENTICATED CALLER_UNKNOWN"
        _eventually(lambda: _who(server, edge), "known")
        assert _who(server, bearer("counterseal_caller_of_nobody_at_all")) == "UNAUTHENTICATED CALLER_UNKNOWN"


def test_without_the_store_there_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("on purpose")

    monkeypatch.setattr(CallerStore, "mark", away)
    with pytest.raises(StoreUnavailable), in_process(tmp_path / "data"):
        pass


def test_what_is_lost_after_the_commit_comes_into_force_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store goes away between the commit and the reading: the change is acknowledged, and in force within the bound."""
    with in_process(tmp_path / "data", VERIFY_REQUIRES_CALLER="true") as server:
        stub = callers_pb2_grpc.CallerServiceStub(server.channel)
        request = pb.CreateCallerRequest(caller=pb.Caller(name="edge", role=pb.CALLER_ROLE_GATEWAY), bearer_token=True)
        edge = bearer(stub.CreateCaller(request, metadata=server.client.admin).bearer_token)

        def away(*_: object) -> None:
            raise StoreUnavailable("on purpose")

        with monkeypatch.context() as patch:
            patch.setattr(CallerStore, "mark", away)
            stub.DeleteCaller(pb.DeleteCallerRequest(name="edge"), metadata=server.client.admin)
        _eventually(lambda: _who(server, edge), "UNAUTHENTICATED CALLER_UNKNOWN")
