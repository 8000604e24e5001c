"""A process that is cut off from its database says how old its knowledge is, and what it does about it: metrics and log."""

import time
from pathlib import Path

import grpc
import pytest

from tests.faults.site import Site, running_site
from tests.faults.test_slow_database import channel, fed
from tests.faults.traffic import said, until
from tests.server.calls import Client, Issued
from tests.workers.metrics import scrape

ENGINES = ("postgres", "mariadb")
# Long enough for a crowded machine: what is late here is late because a test says so.
BOUND = 3.0
GRACE = 8.0
SETTINGS = {"WORKERS": "1", "REVOKE_BOUND": str(BOUND), "STORE_TIMEOUT": "2"}


def metric(site: Site, name: str) -> float:
    (value,) = scrape(site.server).values(name)
    return value


def events(site: Site, name: str) -> int:
    return site.server.log().count(f'"event": "{name}"')


def read_since(site: Site) -> float:
    """Wait until the feed was read after this call, and so forgets nothing any more. The last reading began no earlier."""
    called, found = time.monotonic(), 0.0

    def since() -> bool:
        nonlocal found
        found = time.monotonic() - metric(site, "counterseal_feed_lag_seconds")
        return found > called

    until(since, "a reading of the feed")
    return found


def warm_key(site: Site, client: Client) -> Issued:
    issued = client.issue()
    until(lambda: fed(site), "the first reading of the feed")
    until(lambda: said(client, issued) == "verified", "the first verdict")
    return issued


def admin(site: Site, one: grpc.Channel) -> Client:
    return Client(one, tuple(site.server.admin_metadata))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ENGINES)
def test_how_old_its_knowledge_is(tmp_path: Path, engine: str) -> None:
    """From the cut on it is the age of the last reading, no more and no less; beyond the bound nothing cached is relied on."""
    with running_site(tmp_path, engine, proxied=True, **SETTINGS) as site, channel(site) as one:
        assert site.proxy is not None
        client = admin(site, one)
        issued = warm_key(site, client)
        assert metric(site, "counterseal_outage_grace") == 0
        read, bypassed = read_since(site), metric(site, "counterseal_cache_bypassed_total")
        assert said(client, issued) == "verified"
        site.proxy.drop()
        cut = time.monotonic()
        for seconds in (BOUND, 2 * BOUND, 3 * BOUND):
            time.sleep(max(0.0, cut + seconds - time.monotonic()))
            before = time.monotonic()
            lag = metric(site, "counterseal_feed_lag_seconds")
            assert before - cut <= lag <= time.monotonic() - read
        assert said(client, issued) == "UNAVAILABLE"
        assert metric(site, "counterseal_cache_bypassed_total") > bypassed
        until(lambda: events(site, "feed_lost") > events(site, "feed_recovered"), "the log tells of it")
        site.proxy.let_pass()
        until(lambda: metric(site, "counterseal_feed_lag_seconds") < BOUND, "a fresh feed again")
        until(lambda: said(client, issued) == "verified", "it recovers by itself")
        until(lambda: events(site, "feed_lost") == events(site, "feed_recovered"), "the log tells that it is over")
        assert metric(site, "counterseal_outage_grace") == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_outage_grace_is_loud_counted_and_part_of_the_promise(tmp_path: Path, engine: str) -> None:
    with running_site(tmp_path, engine, proxied=True, **SETTINGS, OUTAGE_GRACE=str(GRACE)) as site, channel(site) as one:
        assert site.proxy is not None
        client = admin(site, one)
        issued, doomed = warm_key(site, client), client.issue()
        before = time.time()
        effective = client.revoke(doomed.key_id).revoke_effective_time.ToNanoseconds() / 1e9
        assert before + BOUND + GRACE <= effective <= time.time() + BOUND + GRACE
        read = read_since(site)
        assert said(client, issued) == "verified"
        assert (metric(site, "counterseal_outage_grace"), events(site, "outage_grace_in_use")) == (0, 0)
        site.proxy.drop()
        inside = outside = 0.0
        while said(client, issued) == "verified":
            asked = time.monotonic()
            if metric(site, "counterseal_outage_grace") == 1:
                inside, outside = inside or asked, asked
            time.sleep(0.05)
        ended = time.monotonic()
        # Neither sooner than promised, nor without having been said.
        assert ended > read + BOUND + GRACE
        assert inside, "keys were verified by the grace alone, and no metric said so"
        assert outside - inside > GRACE / 2
        assert said(client, issued) == "UNAVAILABLE"
        assert events(site, "outage_grace_in_use") == 1
        site.proxy.let_pass()
        until(lambda: said(client, issued) == "verified", "it recovers by itself")
        until(
            lambda: metric(site, "counterseal_outage_grace") == 0 and events(site, "outage_grace_ended"),
            "it is said to be over",
        )
        assert said(client, doomed) == "KEY_REVOKED"
