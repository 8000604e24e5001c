"""Every client is refused when its clock is off by 15 minutes and a second, either way, and accepted at 15 minutes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.clients import BODY, BUCKET, KEY, ClientFailed, Where, aws
from tests.gateways.clock import Clock, server_with_clock
from tests.gateways.scenarios import SCENARIOS, Scenario
from tests.gateways.tamper import Proxy, running_proxy
from tests.gateways.world import Credentials, World, running_gateway

# The first test with a signer of node's installs it.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def clock_world(moto: str, folder: Path) -> Iterator[tuple[World, Clock, Proxy, Credentials]]:
    with (
        server_with_clock(folder / "clock") as (server, clock),
        running_gateway(server, moto, folder / "clock-gateway", "h11") as world,
        running_proxy(world.port) as proxy,
    ):
        yield world, clock, proxy, world.issue()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_the_window_is_exact_to_the_second(
    scenario: Scenario,
    bucket: None,
    moto: str,
    proxy: Proxy,
    clock_world: tuple[World, Clock, Proxy, Credentials],
    tmp_path: Path,
) -> None:
    """The service's clock is stopped at the request's own time, give or take. URLs here are good for 600 s."""
    world, clock, clock_proxy, credentials = clock_world
    where = Where(clock_proxy.endpoint, credentials, tmp_path)
    late = 600 if scenario.presigned else 900

    def run_with_clock_off_by(offset: int) -> None:
        aws("s3", Where(moto, credentials, tmp_path)).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)  # one may have deleted it
        clock_proxy.before = lambda raw: clock.stop_at(raw.signed_time() + (offset if scenario.concerns(raw) else 0))
        scenario.run(where)

    clock_proxy.reset()
    run_with_clock_off_by(late)
    run_with_clock_off_by(-900)
    world.passed_on()
    for offset in (late + 1, -901):
        with pytest.raises(ClientFailed):
            run_with_clock_off_by(offset)
        assert clock_proxy.plain[-1] == 403
    assert [request for request in world.passed_on() if scenario.method in {"", request["method"]}] == []
