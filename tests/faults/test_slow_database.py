"""A database that is slow, or whose connections are all taken: late answers or UNAVAILABLE, never a rejection."""

import re
import urllib.request
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterseal.v1 import keys_pb2
from tests.faults.ledger import Ledger
from tests.faults.site import Site, running_site
from tests.faults.test_disk_full import CHANGES, changes_fail, more
from tests.faults.traffic import CALL_SECONDS, Traffic, answered, said, until
from tests.faults.whole import check_whole
from tests.server.calls import Client, Issued, outcome, signed

ENGINES = ("postgres", "mariadb")
# A bound that the feed keeps whatever happens here: what is cached is relied on, and for as long as a test takes.
LONG = {"REVOKE_BOUND": "300", "CACHE_KEY_SECONDS": "3600", "WORKERS": "1"}
COLD = 30


def end_of(call: Any) -> str:
    """The verdict, or the code of the failure."""
    try:
        return outcome(call.result(timeout=CALL_SECONDS))
    except grpc.RpcError as error:
        return str(error.code().name)


def code_of(call: Any) -> str:
    call.exception(timeout=CALL_SECONDS)
    return str(call.code().name)


def cold_keys(site: Site, count: int) -> list[Issued]:
    """Keys that the running process has not cached: they were issued to its life before."""
    client = Client(channel(site), tuple(site.server.admin_metadata))
    issued = [answered(partial(client.issue, request_id=f"cold-{number}")) for number in range(count)]
    site.kill_server()
    site.start()
    return issued


def fed(site: Site) -> bool:
    """Whether the feed has been read: what is loaded before that is not kept."""
    with urllib.request.urlopen(site.server.metrics_url, timeout=30) as page:
        found = re.findall(r'^counterseal_feed_reads_total\{outcome="(?!failed)\w+"\} ([0-9.]+)', page.read().decode(), re.M)
    return any(float(count) >= 1 for count in found)


def channel(site: Site) -> grpc.Channel:
    return grpc.insecure_channel(site.address, options=[("grpc.use_local_subchannel_pool", 1)])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ENGINES)
def test_latency_below_and_beyond_the_timeout_under_traffic(tmp_path: Path, engine: str) -> None:
    ledger = Ledger()
    with running_site(tmp_path, engine, proxied=True, STORE_TIMEOUT="2") as site:
        assert site.proxy is not None
        traffic = Traffic(site.address, site.server.admin_token, ledger, f"slow/{engine}")
        traffic.start(gateways=3, administrators=3)
        acknowledged = [f"{change} acknowledged" for change in CHANGES]
        try:
            more(ledger, 2, *acknowledged)
            site.proxy.delay(0.05)
            more(ledger, 2, "verify verified", "verify KEY_REVOKED", *acknowledged)
            site.proxy.delay(4)
            more(ledger, 2, "verify UNAVAILABLE")
            changes_fail(ledger, 3)
            site.proxy.let_pass()
            more(ledger, 2, "verify verified", "verify KEY_REVOKED", *acknowledged)
        finally:
            site.proxy.let_pass()
            traffic.end()
            print(f"\nslow {engine}: {dict(sorted(ledger.counts.items()))}")
        check_whole(site, traffic, ledger)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ENGINES)
def test_cached_keys_do_without_a_database_slower_than_the_timeout(tmp_path: Path, engine: str) -> None:
    with running_site(tmp_path, engine, proxied=True, **LONG, STORE_TIMEOUT="5") as site:
        warm, slow, hopeless = cold_keys(site, 3)
        assert site.proxy is not None
        with channel(site) as one:
            client = Client(one)
            until(lambda: fed(site), "the first reading of the feed")
            until(lambda: said(client, warm) == "verified", "the first verdict")
            site.proxy.delay(0.05)
            assert said(client, slow) == "verified"
            site.proxy.delay(10)
            assert [said(client, key) for key in (warm, slow)] == ["verified"] * 2
            assert said(client, hopeless) == "UNAVAILABLE"
            assert [said(client, key) for key in (warm, slow)] == ["verified"] * 2
            site.proxy.let_pass()
            until(lambda: said(client, hopeless) == "verified", "it recovers by itself")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ENGINES)
def test_all_connections_taken(tmp_path: Path, engine: str) -> None:
    """One connection to read and one to write, half a second for each message: most find none within the timeout."""
    with running_site(tmp_path, engine, proxied=True, **LONG, STORE_TIMEOUT="2", DATABASE_POOL="1") as site:
        warm, *cold = cold_keys(site, COLD + 1)
        assert site.proxy is not None
        with channel(site) as one:
            client = Client(one, tuple(site.server.admin_metadata))
            until(lambda: fed(site), "the first reading of the feed")
            until(lambda: said(client, warm) == "verified", "the first verdict")
            site.proxy.delay(0.5)
            asked = [client.verification.Verify.future(signed(key), timeout=CALL_SECONDS) for key in cold]
            requests = [keys_pb2.IssueKeyRequest(request_id=f"while-full-{number}") for number in range(8)]
            changes = [client.keys.IssueKey.future(one, metadata=client.admin, timeout=CALL_SECONDS) for one in requests]
            beside = Counter(said(client, warm) for _ in range(20))
            verdicts = Counter(end_of(call) for call in asked)
            failed = Counter(code_of(call) for call in changes)
            site.proxy.let_pass()
            print(f"\n{engine}, no free connection: cold {dict(verdicts)}, cached {dict(beside)}, issues {dict(failed)}")
            assert beside == {"verified": 20}
            assert set(verdicts) <= {"verified", "UNAVAILABLE"}
            assert verdicts["UNAVAILABLE"] > 0
            assert set(failed) <= {"OK", "UNAVAILABLE"}
            for key in cold:
                until(lambda key=key: said(client, key) == "verified", "it recovers by itself")  # type: ignore[misc]
            done = {call.result().key.key_id for call in changes if call.exception() is None}
            again = {answered(partial(client.keys.IssueKey, one, metadata=client.admin)).key.key_id for one in requests}
            assert done <= again, "an acknowledged key is lost"
            assert len(again) == len(requests)
