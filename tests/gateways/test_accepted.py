"""Every client is accepted as it is, with every header and parameter as signed, until its key is revoked."""

from pathlib import Path

import pytest

from tests.gateways.clients import ClientFailed, Where
from tests.gateways.scenarios import SCENARIOS, Scenario
from tests.gateways.tamper import Proxy, Raw, exchange, flip
from tests.gateways.world import World

# The first test with a signer of node's installs it.
pytestmark = pytest.mark.timeout(900)
# Headers beyond SigV4's own that are known to be signed, so that it shows when a client signs them no more.
SIGNED = {
    "boto3 put": {b"content-type", b"x-amz-meta-note"},
    "boto3 get range": {b"range"},
    "botocore dynamodb": {b"content-type", b"x-amz-target"},
    "curl dynamodb": {b"content-type", b"x-amz-target"},
    "aws4 put": {b"content-type", b"x-amz-meta-note"},
    "smithy put": {b"x-amz-meta-note"},
    "rclone put": {b"content-type", b"x-amz-meta-mtime"},
    "s3cmd put": {b"content-type", b"x-amz-meta-s3cmd-attrs"},
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_accepted_until_the_key_is_revoked(scenario: Scenario, proxy: Proxy, world: World, tmp_path: Path) -> None:
    where = Where(proxy.endpoint, world.issue(), tmp_path)
    scenario.run(where)
    assert proxy.plain
    assert all(200 <= code < 300 for code in proxy.plain)
    assert len(world.passed_on()) == len(proxy.plain)
    # What the table of scenarios says about itself, so that no part is left out below by mistake.
    main = next(raw for raw in proxy.requests if raw.signed and scenario.concerns(raw))
    assert main.presigned == scenario.presigned
    unsigned = main.presigned or main.header(b"x-amz-content-sha256") == b"UNSIGNED-PAYLOAD"
    assert scenario.body_signed == (bool(main.body) and not unsigned)

    assert SIGNED.get(scenario.name, set()) <= set(main.signed_headers)
    refused_with_any_signed_field_changed(main, world)
    world.revoke(where.credentials.key_id)
    with pytest.raises(ClientFailed):
        scenario.run(where)
    assert world.passed_on() == []


def refused_with_any_signed_field_changed(main: Raw, world: World) -> None:
    """Send the client's own request again, with one byte of each signed header and of each parameter changed in turn."""
    changes = {name.decode(): main.with_header(name, flip) for name in main.signed_headers}
    changes |= {f"?{at}": main.with_parameter(at, flip) for at in range(main.parameters)}
    assert b"host" in main.signed_headers
    for what, changed in changes.items():
        assert changed != main, what
        code, _ = exchange(world.port, changed.bytes(), without_body=main.method == b"HEAD")
        assert 400 <= code < 500, what
    assert world.passed_on() == []
    code, _ = exchange(world.port, main.bytes(), without_body=main.method == b"HEAD")
    assert 200 <= code < 300, "not even as it was"
    assert len(world.passed_on()) == 1
