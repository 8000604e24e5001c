"""Streamed uploads of real clients, end to end: accepted whole, and refused with any part of the stream changed.

Never is a byte of a body handed to the upstream that had not been verified.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.clients import BUCKET, ClientFailed, Where, aws
from tests.gateways.tamper import Proxy, Raw, running_proxy
from tests.gateways.uploads import UPLOADS, Upload, changes, still_signed
from tests.gateways.world import Credentials, World
from tests.server.certificates import Authority

# The first test of a client builds it.
pytestmark = pytest.mark.timeout(900)
NAMES = [upload.name for upload in UPLOADS]
CASES = [(upload, change) for upload in UPLOADS for change in changes(upload)]
OBJECT = "an upload"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("uploads")


@pytest.fixture(scope="module")
def secure(world: World, authority: Authority, folder: Path) -> Iterator[Proxy]:
    """The proxy that clients reach over https; it is the one that ends TLS, as load balancers do."""
    cert, key = folder / "server.pem", folder / "server.key"
    authority.server("127.0.0.1").write(cert, key)
    with running_proxy(world.port, (cert, key)) as proxy:
        yield proxy


@pytest.fixture
def where(tmp_path: Path, authority: Authority, credentials: Credentials) -> Where:
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    return Where("", credentials, tmp_path)


def chosen(upload: Upload, proxy: Proxy, secure: Proxy, where: Where) -> tuple[Proxy, Where]:
    (where.folder / "body").write_bytes(upload.body)
    (where.folder / "large").write_bytes(upload.body)
    secure.reset()
    front = secure if upload.tls else proxy
    return front, Where(front.endpoint, where.credentials, where.folder)


def is_data(raw: Raw) -> bool:
    return raw.method == b"PUT" and len(raw.body) > 1000


@pytest.mark.parametrize("upload", UPLOADS, ids=NAMES)
def test_accepted_and_decoded(
    upload: Upload, proxy: Proxy, secure: Proxy, world: World, where: Where, moto: str, credentials: Credentials
) -> None:
    front, where = chosen(upload, proxy, secure, where)
    world.handed_over()
    upload.run(where, OBJECT)
    assert all(code < 400 for code in front.plain)
    sent = [raw for raw in front.requests if is_data(raw)]
    assert sent, "the client sent no data"
    streamed = {(raw.header(b"x-amz-content-sha256") or b"").startswith(b"STREAMING-") for raw in sent}
    assert streamed == {upload.signed or upload.trailer}, "the client does not stream as this test believes"
    bodies = [body for body, whole in world.handed_over() if whole and len(body) > 1000]
    assert b"".join(bodies) == upload.body
    s3 = aws("s3", Where(moto, credentials, Path()))
    assert s3.get_object(Bucket=BUCKET, Key=OBJECT)["Body"].read() == upload.body


@pytest.mark.parametrize(("upload", "change"), CASES, ids=[f"{upload.name}-{change}" for upload, change in CASES])
def test_refused_and_nothing_unverified_handed_over(
    upload: Upload, change: str, proxy: Proxy, secure: Proxy, world: World, where: Where
) -> None:
    front, where = chosen(upload, proxy, secure, where)
    front.change, front.chosen = changes(upload)[change], is_data
    world.handed_over()
    with pytest.raises(ClientFailed):
        upload.run(where, OBJECT)
    assert front.tampered
    assert all(400 <= code < 500 for code in front.tampered)
    for body, whole in world.handed_over():
        data = len(body) > 1000
        assert not (whole and data), "a whole body reached the upstream"
        if upload.signed:
            assert upload.body.startswith(body), "something else than verified bytes reached the upstream"
            assert len(body) <= min(still_signed(raw, change) for raw in front.requests if is_data(raw))
        elif data:
            raise AssertionError("bytes reached the upstream before they were verified")
