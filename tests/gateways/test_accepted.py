"""Every client is accepted as it is, until its key is revoked."""

from pathlib import Path

import pytest

from tests.gateways.clients import SCENARIOS, ClientFailed, Scenario, Where
from tests.gateways.tamper import Proxy
from tests.gateways.world import World


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_accepted_until_the_key_is_revoked(scenario: Scenario, proxy: Proxy, world: World, tmp_path: Path) -> None:
    where = Where(proxy.endpoint, world.issue(), tmp_path)
    scenario.run(where)
    assert proxy.plain
    assert all(200 <= code < 300 for code in proxy.plain)
    assert len(world.passed_on()) == len(proxy.plain)
    # What the table of scenarios says about itself, so that no part is left out below by mistake.
    main = next(raw for raw in proxy.requests if raw.signed)
    assert main.presigned == scenario.presigned
    unsigned = main.presigned or main.header(b"x-amz-content-sha256") == b"UNSIGNED-PAYLOAD"
    assert scenario.body_signed == (bool(main.body) and not unsigned)

    world.revoke(where.credentials.key_id)
    with pytest.raises(ClientFailed):
        scenario.run(where)
    assert world.passed_on() == []
