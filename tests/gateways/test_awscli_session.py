"""The AWS command line, unmodified, with temporary credentials of a session: handed to it, and fetched by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterseal.v1.sessions_pb2 import TemporaryCredentials
from tests.gateways.clients import BODY, BUCKET, ClientFailed, Where, awscli
from tests.gateways.world import Credentials, World
from tests.support.sign_in import Front, add_front, add_principal, open_front
from tests.support.web_example import open_visitor, running_example

NOBODY = Credentials("", "")
OBJECT = f"s3://{BUCKET}/of-a-session-by-awscli"


@dataclass(frozen=True)
class Shop:
    """`token` is of the front, which calls the service by itself in `direct`."""

    world: World
    direct: Front
    token: str


@pytest.fixture(scope="module")
def shop(world: World, bucket: None) -> Iterator[Shop]:
    add_principal(world.server)
    token = add_front(world.server)
    with open_front(world.server, token) as direct:
        yield Shop(world, direct, token)


def where(shop: Shop, folder: Path, given: TemporaryCredentials | None = None) -> Where:
    held = NOBODY if given is None else Credentials(given.key_id, given.secret)
    return Where(shop.world.endpoint, held, folder)


def there_and_back(at: Where, extra: dict[str, str]) -> None:
    awscli(at, "s3", "cp", "--only-show-errors", "body", OBJECT, extra=extra)
    awscli(at, "s3", "cp", "--only-show-errors", OBJECT, "got", extra=extra)
    assert (at.folder / "got").read_bytes() == BODY


def test_handed_to_it(shop: Shop, tmp_path: Path) -> None:
    """Good with the security token; refused without it, with a foreign one, and after the sign-out."""
    session = shop.direct.sign_in().session.session_id
    given, other = shop.direct.credentials(session), shop.direct.credentials(session)
    at, mine = where(shop, tmp_path, given), {"AWS_SESSION_TOKEN": given.security_token}
    there_and_back(at, mine)
    shop.world.passed_on()
    for extra in ({}, {"AWS_SESSION_TOKEN": other.security_token}):
        with pytest.raises(ClientFailed, match="SignatureDoesNotMatch"):
            awscli(at, "s3api", "list-buckets", extra=extra)
    awscli(at, "s3api", "list-buckets", extra=mine)
    shop.direct.sign_out(session, wait=True)
    shop.world.passed_on()
    with pytest.raises(ClientFailed, match="SignatureDoesNotMatch"):
        awscli(at, "s3api", "list-buckets", extra=mine)
    assert shop.world.passed_on() == []


def test_fetched_by_itself(shop: Shop, tmp_path: Path) -> None:
    """It is given an address and a bearer token, as containers are, and nothing else. It keeps nothing for its next command."""
    with (
        running_example(shop.world.server.address, shop.token, tmp_path / "front.log") as origin,
        open_visitor(origin) as visitor,
    ):
        assert visitor.sign_in().status_code == 200
        extra = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{origin}/session/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": f"Bearer {visitor.session['accessToken']}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        shop.world.passed_on()
        there_and_back(where(shop, tmp_path), extra)
        assert len({dict(one["headers"])["x-counterseal-key-id"] for one in shop.world.passed_on()}) == 2
        assert visitor.post("sign-out").status_code == 200
        shop.world.passed_on()
        with pytest.raises(ClientFailed, match="credentials"):
            awscli(where(shop, tmp_path), "s3api", "list-buckets", extra=extra)
    assert shop.world.passed_on() == []
