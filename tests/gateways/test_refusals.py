"""Every client is accepted as it is, and refused when one byte of its request is another, in transit or by its clock, and when
its key is revoked. Nothing that is refused reaches the upstream."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.clients import BODY, BUCKET, KEY, REGION, SCENARIOS, ClientFailed, Scenario, Where, aws
from tests.gateways.clock import Clock, server_with_clock
from tests.gateways.tamper import CHANGES, Proxy, running_proxy
from tests.gateways.world import Credentials, World, running_gateway

EVERY_SCENARIO = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])


@pytest.fixture(scope="module")
def bucket(moto: str, credentials: Credentials) -> None:
    s3 = aws("s3", Where(moto, credentials, Path()))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


@pytest.fixture(scope="module")
def module_proxy(world: World) -> Iterator[Proxy]:
    with running_proxy(world.port) as proxy:
        yield proxy


@pytest.fixture
def proxy(module_proxy: Proxy, world: World, moto: str, credentials: Credentials, bucket: None) -> Proxy:
    module_proxy.reset()
    aws("s3", Where(moto, credentials, Path())).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    world.passed_on()
    return module_proxy


@EVERY_SCENARIO
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


def parts(scenario: Scenario) -> list[str]:
    return [part for part in CHANGES if part != "body" or scenario.body_signed]


CASES = [(scenario, part) for scenario in SCENARIOS for part in parts(scenario)]


@pytest.mark.parametrize(("scenario", "part"), CASES, ids=[f"{scenario.name}-{part}" for scenario, part in CASES])
def test_refused_when_one_byte_is_changed(
    scenario: Scenario, part: str, proxy: Proxy, world: World, credentials: Credentials, tmp_path: Path
) -> None:
    proxy.change = CHANGES[part]
    where = Where(proxy.endpoint, credentials, tmp_path)
    if part == "body hash":
        proxy.chosen = lambda raw: raw.header(b"x-amz-content-sha256") is not None
        if not _sends_body_hash(scenario):
            scenario.run(where)
            assert proxy.tampered == []
            return
    with pytest.raises(ClientFailed):
        scenario.run(where)
    assert proxy.tampered
    assert all(400 <= code < 500 for code in proxy.tampered)
    assert len(world.passed_on()) == len(proxy.plain)


def _sends_body_hash(scenario: Scenario) -> bool:
    """S3 wants the header; of the others, presigned URLs and other services, only smithy's signer sends it."""
    if scenario.presigned:
        return False
    s3 = "dynamodb" not in scenario.name and "sqs" not in scenario.name
    return s3 or scenario.name.startswith("smithy")


@pytest.fixture(scope="module")
def clock_world(moto: str, folder: Path) -> Iterator[tuple[World, Clock, Proxy, Credentials]]:
    with (
        server_with_clock(folder / "clock") as (server, clock),
        running_gateway(server, moto, folder / "clock-gateway", "h11") as world,
        running_proxy(world.port) as proxy,
    ):
        yield world, clock, proxy, world.issue()


@EVERY_SCENARIO
def test_the_window_is_exact_to_the_second(
    scenario: Scenario,
    bucket: None,
    proxy: Proxy,
    clock_world: tuple[World, Clock, Proxy, Credentials],
    tmp_path: Path,
) -> None:
    """The service's clock is stopped at the request's own time, give or take. URLs here are good for 600 s."""
    world, clock, clock_proxy, credentials = clock_world
    where = Where(clock_proxy.endpoint, credentials, tmp_path)
    late = 600 if scenario.presigned else 900

    def run_with_clock_off_by(offset: int) -> None:
        clock_proxy.before = lambda raw: clock.stop_at(raw.signed_time() + offset)
        scenario.run(where)

    clock_proxy.reset()
    run_with_clock_off_by(late)
    run_with_clock_off_by(-900)
    world.passed_on()
    for offset in (late + 1, -901):
        with pytest.raises(ClientFailed):
            run_with_clock_off_by(offset)
        assert clock_proxy.plain[-1] == 403
    assert world.passed_on() == []


def test_a_body_changed_at_its_end_is_not_stored(world: World, proxy: Proxy, moto: str, credentials: Credentials) -> None:
    """Two megabytes stream through; the upstream counts bytes by content-length and must not see the last one."""
    s3 = aws("s3", Where(proxy.endpoint, credentials, Path()))
    body = b"0123456789abcdef" * 131_072
    proxy.change = CHANGES["body"]
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.put_object(Bucket=BUCKET, Key="large", Body=body)
    assert caught.value.response["Error"]["Code"] == "XAmzContentSHA256Mismatch"
    stored = aws("s3", Where(moto, credentials, Path())).list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in stored] == [KEY]
    proxy.reset()
    s3.put_object(Bucket=BUCKET, Key="large", Body=body)
    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == body
    s3.delete_object(Bucket=BUCKET, Key="large")
