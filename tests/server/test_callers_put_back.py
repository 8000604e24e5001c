"""A running server whose table of callers somebody wound back: the old bearer token opens nothing, and operators are told."""

import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from counterseal.server.store.tables import CALLERS
from counterseal.v1 import callers_pb2 as pb
from tests.server.calls import bearer
from tests.server.test_callers_rpc import Rig
from tests.store.samples import open_store
from tests.support.process import running_server


def _disable(rig: Rig) -> None:
    rig.update("state", name="edge", state=pb.CALLER_STATE_DISABLED)


def _delete(rig: Rig) -> None:
    rig.delete("edge")


def _rotate(rig: Rig) -> None:
    rig.stub.RotateCallerToken(pb.RotateCallerTokenRequest(name="edge"), metadata=rig.admin)


@pytest.mark.parametrize("change", [_disable, _delete, _rotate])
def test_a_row_that_was_put_back_is_nobody_and_raises_the_alarm(tmp_path: Path, change: Any) -> None:
    with running_server(tmp_path / "data", {"VERIFY_REQUIRES_CALLER": "true"}) as server, server.channel() as channel:
        rig = Rig(server, channel)
        who = bearer(rig.create("edge").bearer_token)
        store = open_store(f"sqlite:///{tmp_path}/data/counterseal.db", timeout=60)
        with store.database.reads.connect() as connection:
            row = dict(connection.execute(select(CALLERS)).mappings().one())
        assert rig.who(who) == "known"
        change(rig)
        assert rig.who(who) == "CALLER_UNKNOWN"
        with store.database.writes.begin() as connection:
            connection.execute(CALLERS.delete())
            connection.execute(CALLERS.insert().values(row))
        store.close()
        rig.create("more")  # any change has the rows read again; a quiet server does so every minute
        assert rig.who(who) == "CALLER_UNKNOWN"
        assert '"caller_seal_broken"' in server.log()
        metrics = urllib.request.urlopen(server.metrics_url, timeout=90).read().decode()
        assert "counterseal_seal_broken_total 1.0" in metrics
