"""Temporary credentials in clients that share no code with boto3, unmodified: rclone (the AWS SDK for Go) and s3cmd."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateways import clients
from tests.gateways.clients import BODY, BUCKET, ClientFailed, Where, run_program
from tests.gateways.world import Credentials, World
from tests.support.require import require_program
from tests.support.sign_in import Front, add_front, add_principal, open_front

OBJECT = "of-a-session-elsewhere"


@dataclass(frozen=True)
class Shop:
    """`direct` calls the service that the world's gateway asks."""

    world: World
    direct: Front


@pytest.fixture(scope="module")
def shop(world: World, bucket: None) -> Iterator[Shop]:
    add_principal(world.server)
    with open_front(world.server, add_front(world.server)) as direct:
        yield Shop(world, direct)


def rclone(where: Where, token: str) -> None:
    """Write and read, as clients.rclone does, which knows of no security token."""
    settings = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": where.credentials.key_id,
        "SECRET_ACCESS_KEY": where.credentials.secret,
        "ENDPOINT": where.endpoint,
        "REGION": clients.REGION,
        "NO_CHECK_BUCKET": "true",
    } | ({"SESSION_TOKEN": token} if token else {})
    env = {f"RCLONE_CONFIG_X_{name}": value for name, value in settings.items()}
    (where.folder / "body").write_bytes(BODY)
    run = (require_program("rclone"), "--retries", "1", "--low-level-retries", "1")
    run_program(where, *run, "copyto", "--ignore-times", "body", f"X:{BUCKET}/{OBJECT}", env=env)
    assert run_program(where, *run, "cat", f"X:{BUCKET}/{OBJECT}", env=env) == BODY


def s3cmd(where: Where, token: str) -> None:
    host = where.endpoint.removeprefix("http://")
    config = where.folder / "s3cfg"
    config.write_text(
        f"[default]\naccess_key = {where.credentials.key_id}\nsecret_key = {where.credentials.secret}\nhost_base = {host}\n"
        f"host_bucket = {host}\nbucket_location = {clients.REGION}\nuse_https = False\nsignature_v2 = False\n"
        f"max_retries = 0\naccess_token = {token}\n"
    )
    (where.folder / "body").write_bytes(BODY)
    run = (require_program("s3cmd"), "-c", str(config))
    run_program(where, *run, "put", "body", f"s3://{BUCKET}/{OBJECT}")
    assert run_program(where, *run, "get", f"s3://{BUCKET}/{OBJECT}", "-") == BODY


CLIENTS: Mapping[str, Callable[[Where, str], None]] = {"rclone": rclone, "s3cmd": s3cmd}


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_good_with_their_token_and_with_no_other_and_not_after_sign_out(shop: Shop, tmp_path: Path, client: str) -> None:
    there_and_back = CLIENTS[client]
    session = shop.direct.sign_in().session.session_id
    given = shop.direct.credentials(session)
    other = shop.direct.credentials(session)
    where = Where(shop.world.endpoint, Credentials(given.key_id, given.secret), tmp_path)
    there_and_back(where, given.security_token)
    shop.world.passed_on()
    for token in ("", other.security_token, given.security_token[:-1]):
        with pytest.raises(ClientFailed):
            there_and_back(where, token)
        assert shop.world.passed_on() == []
    there_and_back(where, given.security_token)
    shop.direct.sign_out(session, wait=True)
    shop.world.passed_on()
    with pytest.raises(ClientFailed):
        there_and_back(where, given.security_token)
    assert shop.world.passed_on() == []
