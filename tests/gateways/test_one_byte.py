"""Every client is refused when one byte of its request is another, and nothing that is refused reaches the upstream."""

from pathlib import Path

import pytest

from tests.gateways.clients import BUCKET, KEY, ClientFailed, Where, aws
from tests.gateways.scenarios import SCENARIOS, Scenario
from tests.gateways.tamper import CHANGES, Proxy
from tests.gateways.world import Credentials, World

# The first test with a signer of node's installs it.
pytestmark = pytest.mark.timeout(900)


def parts(scenario: Scenario) -> list[str]:
    return [part for part in CHANGES if part != "body" or scenario.body_signed]


CASES = [(scenario, part) for scenario in SCENARIOS for part in parts(scenario)]


@pytest.mark.parametrize(("scenario", "part"), CASES, ids=[f"{scenario.name}-{part}" for scenario, part in CASES])
def test_refused_when_one_byte_is_changed(
    scenario: Scenario, part: str, proxy: Proxy, world: World, credentials: Credentials, tmp_path: Path
) -> None:
    proxy.change, proxy.chosen = CHANGES[part], scenario.concerns
    where = Where(proxy.endpoint, credentials, tmp_path)
    if part == "body hash":
        proxy.chosen = lambda raw: scenario.concerns(raw) and raw.header(b"x-amz-content-sha256") is not None
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
